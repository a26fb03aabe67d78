/**
 * A virtual environment in build/python with the pinned requirements of scripts/requirements.txt, for
 * the npm commands that run Python: `test:chain` and `test:models`.
 *
 * Without Python 3.11 there is nothing to run them with, and they say that they did not run. With one,
 * all that goes wrong is a failure: a requirement that cannot be installed is a chain nobody can repeat.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const environment = join(root, 'build', 'python');
const requirements = join('scripts', 'requirements.txt');
const windows = process.platform === 'win32';
const python = join(environment, windows ? 'Scripts/python.exe' : 'bin/python');

/**
 * Runs the work with a Python that has every requirement; says how long it took.
 * @param {string} command The npm command's name.
 * @param {(python: (what: string, ...args: string[]) => void) => void} work
 */
export function withPython(command, work) {
  const found = findPython();
  if (!found) {
    console.log(`${command} did not run: it needs Python 3.11 or newer with its venv module`);
    return;
  }
  const start = performance.now();
  const seconds = () => ((performance.now() - start) / 1000).toFixed(0);
  mkdirSync(join(root, 'build'), { recursive: true });
  if (!installed()) {
    rmSync(environment, { recursive: true, force: true });
    run(command, 'the virtual environment', found, ['-m', 'venv', environment]);
    // An index that does not answer is not asked five times over: local wheels may have it all.
    run(command, `the requirements of ${requirements}`, python, ['-m', 'pip', ...pip()], {
      PIP_RETRIES: '1',
    });
    console.log(`${command}: requirements installed after ${seconds()} s`);
  }
  work((what, ...args) => run(command, what, python, args, { PYTHONDONTWRITEBYTECODE: '1' }));
  console.log(`${command} passed in ${seconds()} s`);
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

function run(command, what, program, args, environmentOf = {}) {
  const { status, error } = spawnSync(program, args, {
    cwd: root,
    stdio: 'inherit',
    env: { ...process.env, ...environmentOf },
  });
  if (status === 0) return;
  const why = error ? error.message : `exit code ${status}`;
  console.error(`${command} failed at ${what}: ${why}`);
  process.exit(1);
}
