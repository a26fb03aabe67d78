import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

export const PROGRAM = path.join(__dirname, '..', '..', 'bin', 'sjd2.js');

export interface Outcome {
  code: number | null;
  stdout: string;
  stderr: string;
}

/** Starts bin/sjd2.js in `cwd`, its output in pipes; tests run what `npm run build` made. */
export function start(cwd: string, args: string[]): ChildProcess & { outcome: Promise<Outcome> } {
  const child = spawn(process.execPath, [PROGRAM, ...args], {
    cwd,
    stdio: ['ignore', 'pipe', 'pipe'],
    // Where there is a GPU, tests of the command line take the CPU as everywhere else.
    env: { ...process.env, DEBUG: '', SJD2_CUDA_DRIVER: 'libno-such-driver.so' },
  });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text) => {
    stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text) => {
    stderr += text;
  });
  const outcome = new Promise<Outcome>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, stdout, stderr }));
  });
  return Object.assign(child, { outcome });
}

/** An empty folder to work in, for every test of a file. */
export class Workplace {
  folder = '';

  constructor() {
    beforeEach(async () => {
      this.folder = await mkdtemp(path.join(tmpdir(), 'sjd2-cli-'));
    });
    afterEach(() => rm(this.folder, { recursive: true, force: true }));
  }

  run(...args: string[]): Promise<Outcome> {
    return start(this.folder, args).outcome;
  }

  /** Runs with `--json` and gives what was printed; fails when the program did. */
  async json(...args: string[]): Promise<any> {
    const { code, stdout, stderr } = await this.run(...args, '--json');
    if (code !== 0) throw new Error(`sjd2 ${args.join(' ')} ended with ${code}: ${stderr}`);
    return JSON.parse(stdout);
  }

  files(): Promise<string[]> {
    return readdir(this.folder).then((names) => names.sort());
  }
}
