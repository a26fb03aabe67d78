/** Package managers, and how each installs anew and from its lockfile. */
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const tools = join(dirname(fileURLToPath(import.meta.url)), 'clients', 'node_modules');
const matrix = join(dirname(fileURLToPath(import.meta.url)), 'matrix', 'node_modules');

const npm = (folder, name) => ({
  program: join(folder, name, 'bin', 'npm-cli.js'),
  fresh: ['install', '--no-audit', '--no-fund'],
  locked: ['ci', '--no-audit', '--no-fund'],
  noScripts: '--ignore-scripts',
});
const pnpm = (folder, name) => ({
  program: join(folder, name, 'bin', 'pnpm.cjs'),
  fresh: ['install', '--no-frozen-lockfile'],
  locked: ['install', '--frozen-lockfile'],
  noScripts: '--ignore-scripts',
});

export const INSTALLERS = {
  npm11: npm(matrix, 'npm11'),
  npm10: npm(matrix, 'npm10'),
  npm9: npm(matrix, 'npm9'),
  pnpm10: pnpm(tools, 'pnpm10'),
  pnpm9: pnpm(matrix, 'pnpm9'),
  yarn1: {
    program: join(tools, 'yarn1', 'bin', 'yarn.js'),
    fresh: ['install', '--non-interactive'],
    locked: ['install', '--non-interactive', '--frozen-lockfile'],
    noScripts: '--ignore-scripts',
  },
  yarn4: {
    program: join(matrix, 'yarn4', 'bin', 'yarn.js'),
    fresh: ['install', '--no-immutable'],
    locked: ['install', '--immutable'],
    noScripts: '--mode=skip-build',
  },
};

/** The npm that runs us: what CI has without installing it. */
export const OWN_NPM = { ...npm('', ''), program: process.env.npm_execpath };

export const NODES = {
  20: join(tools, 'node20', 'bin', 'node'),
  22: join(matrix, 'node22', 'bin', 'node'),
  24: join(matrix, 'node24', 'bin', 'node'),
  26: join(matrix, 'node26', 'bin', 'node'),
};

export const TOOLS = tools;
