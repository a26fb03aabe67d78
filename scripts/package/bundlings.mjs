/**
 * Bundles a program that draws, with each bundler and the setting that docs/install.md names, copies
 * the bundle into a folder where only sjd2 is installed, and runs it there.
 */
import { spawnSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  commandOf,
  emptyProject,
  environment,
  pixelsOf,
  run,
  versionOf,
} from './empty-projects.mjs';
import { FEW } from './installers.mjs';

const tools = join(dirname(fileURLToPath(import.meta.url)), 'bundlers');
const require = createRequire(join(tools, 'package.json'));

/** `setting` is what the documentation says; `bundle` makes a program of `project` in `out`. */
const BUNDLERS = {
  esbuild: {
    setting: '--bundle --platform=node --external:sjd2',
    bundle: (project, out) => esbuild(project, out, 'sjd2'),
  },
  webpack: {
    setting: "target: 'node', externals: { sjd2: 'commonjs sjd2' }",
    async bundle(project, out) {
      const webpack = require('webpack');
      const stats = await new Promise((resolve, reject) =>
        webpack(
          {
            context: project,
            entry: './commonjs.cjs',
            mode: 'production',
            target: 'node',
            externals: { sjd2: 'commonjs sjd2' },
            output: { path: out, filename: 'main.cjs' },
          },
          (error, result) => (error ? reject(error) : resolve(result)),
        ),
      );
      if (stats.hasErrors()) throw new Error(stats.toString());
    },
  },
  rollup: {
    setting: "external: ['sjd2']",
    async bundle(project, out) {
      const { rollup } = require('rollup');
      const bundle = await rollup({ input: join(project, 'esm.mjs'), external: ['sjd2'] });
      await bundle.write({ file: join(out, 'main.mjs'), format: 'es' });
    },
  },
  vite: {
    setting: "vite build --ssr, with ssr: { external: ['sjd2'] }",
    async bundle(project, out) {
      const { build } = await import(
        require.resolve('vite').replace(/index\.cjs$/, 'node/index.js')
      );
      await build({
        root: project,
        logLevel: 'warn',
        ssr: { external: ['sjd2'] },
        build: {
          ssr: 'esm.mjs',
          outDir: out,
          rollupOptions: { output: { entryFileNames: 'main.mjs' } },
        },
      });
    },
  },
  '@vercel/ncc': {
    setting: 'ncc build --external sjd2',
    bundle(project, out) {
      cli(
        project,
        '@vercel/ncc/dist/ncc/cli.js',
        'build',
        'commonjs.cjs',
        '--external',
        'sjd2',
        '-o',
        out,
      );
    },
  },
};

/** Why sjd2 is external: what a user sees who forgets it. */
function checkForgotten(project) {
  const out = mkdtempSync(join(project, 'forgotten-'));
  esbuild(project, out, '@sjd2/*');
  const { stderr } = spawnSync(process.execPath, [join(out, 'main.cjs')], {
    cwd: project,
    encoding: 'utf8',
  });
  if (!/ERR_ADDON/.test(stderr) || !stderr.includes('a bundler has moved its code')) {
    throw new Error(`Bundled without external it should say so, and says:\n${stderr}`);
  }
}

/** What Next.js ships with `output: 'standalone'`: the files that its tracer finds, and no others. */
async function trace(project, deployed) {
  const { nodeFileTrace } = require('@vercel/nft');
  const { fileList } = await nodeFileTrace([join(project, 'commonjs.cjs')], { base: project });
  for (const file of fileList) {
    mkdirSync(dirname(join(deployed, file)), { recursive: true });
    cpSync(join(project, file), join(deployed, file), { recursive: true });
  }
  return 'commonjs.cjs';
}

/**
 * An Electron application: packed with the documented glob. Electron itself is not run (npm has only
 * its installer); what it shows to a program is laid out instead: inside app.asar JavaScript can be read
 * and addons can be loaded, while what native code opens by itself has no bytes there.
 */
async function electron(project, deployed) {
  const asar = require('@electron/asar');
  const archive = join(deployed, 'app.asar');
  const scratch = mkdtempSync(join(dirname(deployed), 'asar-'));
  await asar.createPackageWithOptions(project, join(scratch, 'app.asar'), {
    unpack: '**/node_modules/{sjd2,@sjd2}/**',
  });
  cpSync(join(scratch, 'app.asar.unpacked'), `${archive}.unpacked`, { recursive: true });
  cpSync(project, archive, { recursive: true });
  for (const file of readdirSync(archive, { recursive: true, encoding: 'utf8' })) {
    const place = join(archive, file);
    if (!/\.(so\.1|onnx|weights|safetensors)$/.test(file) || !statSync(place).isFile()) continue;
    writeFileSync(place, '');
  }
  return join('app.asar', 'commonjs.cjs');
}

/**
 * @param picture SHA-256 of the pixels that each program has to draw
 * @returns rows for the table of docs/install.md
 */
export async function tryBundlers(picture, place) {
  const { scratch } = place;
  const env = environment(place, 'node20');
  const project = installed();
  const rows = [];
  for (const [name, { setting, bundle }] of Object.entries(BUNDLERS)) {
    await attempt(name, setting, async () => {
      const out = mkdtempSync(join(scratch, 'bundle-'));
      await bundle(project, out);
      symlinkSync(join(project, 'node_modules'), join(out, 'node_modules'));
      return [out, readdirSync(out).find((file) => /^(main|index)\.[cm]?js$/.test(file))];
    });
  }
  await attempt('@vercel/nft', 'none: it finds every file', async () => {
    const out = mkdtempSync(join(scratch, 'traced-'));
    return [out, await trace(project, out)];
  });
  await attempt('@electron/asar', '--unpack "**/node_modules/{sjd2,@sjd2}/**"', async () => {
    const out = mkdtempSync(join(scratch, 'electron-'));
    return [out, await electron(installed(), out)];
  });
  checkForgotten(project);
  return rows;

  function installed() {
    const folder = emptyProject(place);
    const [oldest] = commandOf('node20');
    run([oldest, join(FEW.npm.home, FEW.npm.program), ...FEW.npm.fresh], folder, env);
    return folder;
  }

  async function attempt(name, setting, make) {
    console.log(`\n== ${name}: ${setting}`);
    const row = { bundler: `${name} ${versionOf(join(tools, 'node_modules', name))}`, setting };
    row.what = `${row.bundler}: ${setting}`;
    try {
      const [out, program] = await make();
      run([commandOf('node20')[0], program], out, env);
      const [drawn] = ['commonjs.png', 'esm.png']
        .map((file) => join(out, file))
        .filter(existsSync)
        .map(pixelsOf);
      if (drawn !== picture) row.failure = `drew another picture, ${drawn.slice(0, 12)}`;
    } catch (error) {
      console.error(error);
      row.failure = error.message.split('\n')[0];
    }
    rows.push(row);
  }
}

function esbuild(project, out, external) {
  const flags = ['--bundle', '--platform=node', `--external:${external}`];
  cli(project, 'esbuild/bin/esbuild', 'commonjs.cjs', ...flags, `--outfile=${out}/main.cjs`);
}

function cli(project, program, ...args) {
  run([process.execPath, join(tools, 'node_modules', program), ...args], project);
}
