import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { PACKAGE_ROOT } from '../src/native/loader';

export interface Ending {
  code: number | null;
  signal: NodeJS.Signals | null;
  stdout: string;
  stderr: string;
}

/** What a program that did as it should ends with. */
export function ended(stdout: string): Ending {
  return { code: 0, signal: null, stdout: `${stdout}\n`, stderr: '' };
}

/**
 * Runs the body of an async function over the built library in a process of its own: jest hides
 * unhandled rejections, and a process that hangs or dies should not take the tests with it. What
 * the body returns is printed; one that takes longer than a minute is killed.
 * @param body In its scope are `sjd2`, the `library`'s path, `sleep(ms)` and `codeOf(promise)`: what it rejects with.
 */
export function inChild(body: string, flags: string[] = []): Promise<Ending> {
  const program = `
    const library = ${JSON.stringify(join(PACKAGE_ROOT, 'dist', 'index.js'))};
    const sjd2 = require(library);
    const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
    const codeOf = (promise) => promise.then(() => 'fulfilled', (error) => error.code ?? String(error));
    (async () => { ${body} })().then((value) => console.log(value));`;
  const child = spawn(process.execPath, [...flags, '-e', program], {
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: 60_000,
    killSignal: 'SIGKILL',
  });
  const ending: Ending = { code: null, signal: null, stdout: '', stderr: '' };
  child.stdout.setEncoding('utf8').on('data', (text) => {
    ending.stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text) => {
    ending.stderr += text;
  });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => resolve({ ...ending, code, signal }));
  });
}
