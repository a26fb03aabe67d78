/**
 * `npm run test:abuse`: thousands of wrong, hostile and racing calls, in child processes, so that a
 * crash is counted and not suffered.
 *
 *   npm run test:abuse -- [--subject kernels] [--calls 20000 | --share 0.1] [--seed 1] [--from 0]
 *
 * A subject is a file of this folder with a default export:
 *
 *   calls              how many by default
 *   codes              the codes with which it may refuse
 *   attempt(random)    one call; random decides all about it. Resolves, or throws what the call
 *                      threw; throws a `Defect` for what must not be, such as an array that changed
 *
 * Prints one JSON object a subject and exits with 0 only if every crash, hang and defect count is 0.
 * `--calls 1 --from N` runs case N alone.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const here = dirname(fileURLToPath(import.meta.url));
const FRAME = ['abuse.mjs', 'child.mjs', 'cases.mjs'];
const SUBJECTS = readdirSync(here)
  .filter((file) => file.endsWith('.mjs') && !FRAME.includes(file))
  .map((file) => basename(file, '.mjs'));
/** A child that has not begun another case for so long hangs. */
const PATIENCE_MS = 60_000;

const { values: flags } = parseArgs({
  options: {
    subject: { type: 'string', multiple: true, default: SUBJECTS },
    calls: { type: 'string' },
    share: { type: 'string', default: '1' },
    seed: { type: 'string', default: '1' },
    from: { type: 'string', default: '0' },
  },
});

for (const name of flags.subject) {
  const { default: subject } = await import(`./${name}.mjs`);
  const report = await abuse(name, Number(flags.calls ?? Math.ceil(flags.share * subject.calls)));
  console.log(JSON.stringify(report));
  if (report.crashes + report.hangs + report.defects > 0) process.exitCode = 1;
}

async function abuse(name, calls) {
  const seed = Number(flags.seed);
  const [from, to] = [Number(flags.from), Number(flags.from) + calls];
  const report = { subject: name, seed, calls, resolved: 0, refused: {}, crashes: 0, hangs: 0 };
  report.defects = 0;
  report.examples = [];
  for (let next = from; next < to; ) {
    const { counts, last, ending } = await child(name, seed, next, to);
    report.resolved += counts.resolved;
    for (const [code, n] of Object.entries(counts.refused)) {
      report.refused[code] = (report.refused[code] ?? 0) + n;
    }
    report.defects += counts.defects;
    report.examples.push(...counts.examples);
    if (ending) {
      report[ending === 'hang' ? 'hangs' : 'crashes'] += 1;
      report.examples.push({ case: last, what: ending });
    }
    next = last + 1;
  }
  report.examples = report.examples.slice(0, 20);
  return report;
}

/** Runs cases [from, to) in a new process: what they came to, the last one begun, and how it ended. */
async function child(name, seed, from, to) {
  const folder = mkdtempSync(join(tmpdir(), 'sjd2-abuse-'));
  const log = join(folder, 'log');
  try {
    const args = ['--expose-gc', join(here, 'child.mjs'), name, seed, from, to, log].map(String);
    const running = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'pipe'] });
    let errors = '';
    running.stderr.on('data', (chunk) => {
      errors = (errors + chunk).slice(-2000);
    });
    let hung = false;
    let seen = '';
    const watch = setInterval(() => {
      const now = readFileSync(log, 'utf8');
      if (now === seen) {
        hung = true;
        running.kill('SIGKILL');
      }
      seen = now;
    }, PATIENCE_MS);
    const ending = await new Promise((resolve) => {
      running.on('close', (code, signal) => {
        const how = signal ?? (code === 0 ? null : `exit code ${code}: ${errors.trim()}`);
        resolve(hung ? 'hang' : how);
      });
    });
    clearInterval(watch);
    // Fixed width: the last case begun, then what the cases before it came to.
    const [last, counts] = readFileSync(log, 'utf8').split('\n');
    return { last: Number(last), counts: JSON.parse(counts), ending };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
