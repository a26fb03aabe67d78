/**
 * `npm run test:webgpu`: the device `webgpu` against the CPU, whole images (test/webgpu). It takes the GPU
 * of this machine; where there is none, the software Vulkan of Debian's chromium (`apt-get install chromium
 * libvulkan1`). Without either it says that it did not run, and ends with 0, or with 1 under `--required`.
 * Other arguments go to jest. The last line is `N passed, N failed`.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const require = createRequire(import.meta.url);
const SOFTWARE = '/usr/lib/chromium/vk_swiftshader_icd.json';
const args = process.argv.slice(2).filter((arg) => arg !== '--required');
const required = process.argv.includes('--required');

const environments = [process.env];
if (existsSync(SOFTWARE)) environments.push({ ...process.env, VK_ICD_FILENAMES: SOFTWARE });
let found;
for (const env of environments) {
  const report = probe(env);
  if (report.missing.length === 0) {
    found = { env, report };
    break;
  }
  if (env === environments.at(-1)) didNotRun(report.missing);
}
if (found) run(found);

/** Which adapter there is, a process finds out once. */
function probe(env) {
  const program = `require('./dist/native/device.js').probeWebGpu()
    .then((report) => console.log(JSON.stringify(report)))`;
  const { status, stdout, stderr } = spawnSync(process.execPath, ['-e', program], {
    cwd: root,
    env,
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(`The device could not be looked for: ${stderr}`);
  return JSON.parse(stdout);
}

function didNotRun(missing) {
  console.log('The WebGPU tests DID NOT RUN, since there is no adapter:');
  for (const what of missing) console.log(`* ${what}`);
  console.log('* Without a GPU: apt-get install chromium libvulkan1');
  process.exitCode = required ? 1 : 0;
}

function run({ env, report }) {
  const kind = report.software ? 'software: right, and slow' : 'a GPU';
  console.log(`WebGPU on ${report.gpu || 'an adapter that has no name here'} (${kind})`);
  const folder = mkdtempSync(join(tmpdir(), 'sjd2-webgpu-'));
  const file = join(folder, 'jest.json');
  const jest = join(dirname(require.resolve('jest/package.json')), 'bin', 'jest.js');
  const { status } = spawnSync(
    process.execPath,
    [jest, '--config', 'test/webgpu/jest.config.js', '--json', `--outputFile=${file}`, ...args],
    { cwd: root, env, stdio: ['inherit', 'ignore', 'inherit'] },
  );
  let [passed, failed] = [0, 1];
  if (existsSync(file)) {
    const result = JSON.parse(readFileSync(file, 'utf8'));
    passed = result.numPassedTests;
    failed = result.numFailedTests + result.numRuntimeErrorTestSuites;
  }
  rmSync(folder, { recursive: true, force: true });
  console.log(`${passed} passed, ${failed} failed`);
  process.exitCode = status === 0 && failed === 0 && passed > 0 ? 0 : 1;
}
