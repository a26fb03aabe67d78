/**
 * `npm run test:chain`: the whole training chain, drawings to checked model package, with a model that
 * draws nothing. It makes a virtual environment with the pinned requirements in build/chain.
 *
 * Without Python 3.11 there is nothing to run it with, and it says that it did not run. With one, all
 * that goes wrong is a failure: a requirement that cannot be installed is a chain nobody can repeat.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
const folder = join(root, 'build', 'chain');
const environment = join(folder, 'venv');
const requirements = join('scripts', 'requirements.txt');
const windows = process.platform === 'win32';
const python = join(environment, windows ? 'Scripts/python.exe' : 'bin/python');

const found = findPython();
if (found) check(found);
else console.log('test:chain did not run: it needs Python 3.11 or newer with its venv module');

function check(interpreter) {
  const start = performance.now();
  const seconds = () => ((performance.now() - start) / 1000).toFixed(0);
  mkdirSync(folder, { recursive: true });
  if (!installed()) {
    rmSync(environment, { recursive: true, force: true });
    run('the virtual environment', interpreter, ['-m', 'venv', environment]);
    // An index that does not answer is not asked five times over: local wheels may have it all.
    run(`the requirements of ${requirements}`, python, ['-m', 'pip', ...pip()], {
      PIP_RETRIES: '1',
    });
    console.log(`test:chain: requirements installed after ${seconds()} s`);
  }
  // Steps that are done would be skipped.
  const training = join(folder, 'training');
  rmSync(training, { recursive: true, force: true });
  run('the tiny chain', python, ['scripts/train/chain.py', '--tiny', '--root', training], {
    PYTHONDONTWRITEBYTECODE: '1',
  });
  console.log(`test:chain passed in ${seconds()} s`);
}

function pip() {
  return ['install', '-qq', '--disable-pip-version-check', '-r', requirements];
}

/** Whether an earlier run left every requirement in its pinned version. */
function installed() {
  if (!existsSync(python)) return false;
  const program =
    'import sys, importlib.metadata as m\n' +
    'for line in open(sys.argv[1]):\n' +
    '    name, version = line.strip().split("==")\n' +
    '    assert m.version(name).split("+")[0] == version';
  return spawnSync(python, ['-c', program, requirements], { cwd: root }).status === 0;
}

/** The first Python of at least 3.11 that can make virtual environments. */
function findPython() {
  const program = 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))';
  const names = windows ? ['python'] : ['python3', 'python3.13', 'python3.12', 'python3.11'];
  return names.find((name) => spawnSync(name, ['-c', program]).status === 0);
}

function run(what, program, args, environmentOf = {}) {
  const { status, error } = spawnSync(program, args, {
    cwd: root,
    stdio: 'inherit',
    env: { ...process.env, ...environmentOf },
  });
  if (status === 0) return;
  const why = error ? error.message : `exit code ${status}`;
  console.error(`test:chain failed at ${what}: ${why}`);
  process.exit(1);
}
