import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import path from 'node:path';

const ROOT = path.join(__dirname, '..');

/** The tests' CUDA driver, which native/cuda.cmake builds with the native tests. */
export const EMULATED_DRIVER = path.join(ROOT, 'build', 'libsjd2_fake_cuda.so');

export interface Outcome {
  code: number | null;
  stdout: string;
  stderr: string;
}

/**
 * Runs a program of the built package in a process of its own: which CUDA driver there is, a process
 * finds out once.
 * @param driver Path for SJD2_CUDA_DRIVER.
 */
export function runWithDriver(
  driver: string,
  args: string[],
  environment: Record<string, string> = {},
): Promise<Outcome> {
  if (driver === EMULATED_DRIVER && !existsSync(driver)) {
    throw new Error(`${driver} is missing: npm run test:native builds it`);
  }
  const child = spawn(process.execPath, args, {
    cwd: ROOT,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...environment, SJD2_CUDA_DRIVER: driver },
  });
  const outcome = { code: null as number | null, stdout: '', stderr: '' };
  child.stdout.setEncoding('utf8').on('data', (text) => {
    outcome.stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text) => {
    outcome.stderr += text;
  });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve({ ...outcome, code }));
  });
}

/** Runs the body of an async function `(sjd2) => value` over `dist/` and gives the value back. */
export async function evaluate<T>(
  driver: string,
  body: string,
  environment?: Record<string, string>,
): Promise<T> {
  const program = `(async (sjd2) => { ${body} })(require('./dist/index.js')).then(
    (value) => console.log(JSON.stringify(value)),
    (error) => { console.error(error); process.exitCode = 1; })`;
  const { code, stdout, stderr } = await runWithDriver(driver, ['-e', program], environment);
  // The emulated driver says there which of CUDA's rules was broken.
  if (code !== 0 || stderr !== '') throw new Error(`ended with ${code}: ${stderr}`);
  return JSON.parse(stdout);
}
