/** Package managers, how each installs anew and from its lockfile, and what runs the program after. */
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
export const TOOLS = join(here, 'clients', 'node_modules');
const matrix = join(here, 'matrix', 'node_modules');

/** What runs a program: `command` and the file's name are its command line. */
const node = (folder, name) => ({ home: join(folder, name), command: [join('bin', 'node')] });
export const RUNTIMES = {
  node20: node(TOOLS, 'node20'),
  node22: node(TOOLS, 'node22'),
  node24: node(TOOLS, 'node24'),
  node26: node(matrix, 'node26'),
  bun: { home: join(matrix, '@oven', 'bun-linux-x64'), command: [join('bin', 'bun')] },
  deno: { home: join(matrix, '@deno', 'linux-x64-glibc'), command: ['deno', 'run', '-A'] },
};

/**
 * `program` is a file of `home`, run by Node.js unless `native`; `runtimes` are those that the
 * installation is tried with, the first of which also runs the package manager.
 */
const npm = (home, ...runtimes) => ({
  home,
  program: join('bin', 'npm-cli.js'),
  fresh: ['install', '--no-audit', '--no-fund'],
  locked: ['ci', '--no-audit', '--no-fund'],
  noScripts: '--ignore-scripts',
  runtimes,
});
const pnpm = (home, program, native, ...runtimes) => ({
  home,
  program,
  native,
  fresh: ['install', '--no-frozen-lockfile'],
  locked: ['install', '--frozen-lockfile'],
  noScripts: '--ignore-scripts',
  runtimes,
});

const yarn1 = {
  home: join(TOOLS, 'yarn1'),
  program: join('bin', 'yarn.js'),
  fresh: ['install', '--non-interactive'],
  locked: ['install', '--non-interactive', '--frozen-lockfile'],
  noScripts: '--ignore-scripts',
  runtimes: ['node20'],
};
const yarn4 = {
  home: join(matrix, 'yarn4'),
  program: join('bin', 'yarn.js'),
  fresh: ['install', '--no-immutable'],
  locked: ['install', '--immutable'],
  noScripts: '--mode=skip-build',
  runtimes: ['node20'],
};
const pnpm10 = pnpm(join(TOOLS, 'pnpm10'), join('bin', 'pnpm.cjs'), false, 'node20');

/** What CI tries: the npm that runs us, which is there already, on each Node.js, and the others on the oldest. */
export const FEW = {
  npm: npm(dirname(dirname(process.env.npm_execpath ?? '')), 'node20', 'node22', 'node24'),
  pnpm: pnpm10,
  'yarn classic': yarn1,
};

/** Every one that people use. */
export const ALL = {
  'npm 12': npm(join(matrix, 'npm12'), 'node22', 'node24', 'node26'),
  'npm 11': npm(join(matrix, 'npm11'), 'node20', 'node24'),
  'npm 10': npm(join(matrix, 'npm10'), 'node20', 'node22'),
  'npm 9': npm(join(matrix, 'npm9'), 'node20'),
  'pnpm 12': pnpm(join(matrix, '@pnpm', 'exe.linux-x64'), 'pnpm', true, 'node20', 'node24'),
  'pnpm 11': pnpm(join(matrix, 'pnpm11'), join('bin', 'pnpm.mjs'), false, 'node22'),
  'pnpm 10': pnpm10,
  'pnpm 9': pnpm(join(matrix, 'pnpm9'), join('bin', 'pnpm.cjs'), false, 'node20'),
  'yarn classic': yarn1,
  'yarn 4': yarn4,
  'yarn 4 with Plug’n’Play': {
    ...yarn4,
    environment: { YARN_NODE_LINKER: 'pnp' },
    command: ['node'],
  },
  Bun: {
    home: join(matrix, '@oven', 'bun-linux-x64'),
    program: join('bin', 'bun'),
    native: true,
    fresh: ['install'],
    locked: ['install', '--frozen-lockfile'],
    noScripts: '--ignore-scripts',
    runtimes: ['bun', 'node20'],
  },
  Deno: {
    home: join(matrix, '@deno', 'linux-x64-glibc'),
    program: 'deno',
    native: true,
    fresh: ['install'],
    locked: ['install', '--frozen'],
    runtimes: ['deno', 'node20'],
  },
};
