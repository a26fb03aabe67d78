/** `npm run eval` as a command: one JSON object, resumed and not measured twice. */
import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { FrechetReference } from '../../scripts/eval/frechet.mjs';
import { PACKAGE_ROOT } from '../../src/native/loader';

const command = join(PACKAGE_ROOT, 'scripts', 'eval', 'eval.mjs');

function evaluate(...args: string[]) {
  const { stdout, stderr, status } = spawnSync(process.execPath, [command, ...args], {
    encoding: 'utf8',
    maxBuffer: 2 ** 26,
  });
  return { stdout, stderr, status };
}

test('--json - prints one object, and the same command again takes it from the journal', () => {
  const quick = ['--quick', '--samples', '2', '--prompts', '1', '--steps', '1', '--json', '-'];
  const first = evaluate(...quick, '--fresh');
  expect(first.stderr).toMatch(/3 rows, 2 samples each/);
  const report = JSON.parse(first.stdout);
  expect(report.model).toBe('emoji');
  expect(
    report.results.map((row: any) => [row.decoder, row.coupling, row.window, row.steps]),
  ).toEqual([
    ['ar', 'gumbel', 1, null],
    ['sjd', 'maximal', 16, null],
    ['sjd2', 'maximal', 16, 1],
  ]);
  const [ar, , sjd2] = report.results;
  for (const row of report.results) {
    expect(row.samples).toBe(2);
    expect(row.secondsPerImage).toBeGreaterThan(0);
    const passes = row.committedPerPass.reduce((sum: number, n: number) => sum + n, 0);
    const tokens = row.committedPerPass.reduce(
      (sum: number, n: number, i: number) => sum + n * i,
      0,
    );
    expect([passes, tokens]).toEqual([2 * row.passes, 512]);
    expect(row.quality.nll.mean).toBeGreaterThan(0);
    expect(row.quality.frechetHeldOut.value).toBeGreaterThan(0);
    expect(Math.abs(row.quality.agreement.mean)).toBeLessThanOrEqual(1);
    expect(row.quality.diversity.mean).toBeGreaterThan(0);
  }
  expect([ar.tokensPerPass, ar.standardError, ar.speedup, ar.quality.sameAsAr]).toEqual([
    1, 0, 1, 1,
  ]);
  expect(sjd2.tokensPerPass).toBeGreaterThan(1);

  const again = evaluate(...quick);
  expect(again.stderr).toMatch(/2 turns were measured before/);
  // Not measured anew: even the seconds are the same.
  expect(JSON.parse(again.stdout).results).toEqual(report.results);
});

test('what cannot be honoured is one line, with the exit code of bad usage or failure', () => {
  const usage = evaluate('--windows', '0');
  expect([usage.status, usage.stdout]).toEqual([2, '']);
  expect(usage.stderr).toBe(
    'Expected --windows to be an integer between 1 and 256 but received 0\n',
  );
  const failure = evaluate('--model', 'nowhere');
  expect(failure.status).toBe(1);
  expect(failure.stderr.trimEnd().split('\n')).toHaveLength(1);
  expect(execFileSync(process.execPath, [command, '--help'], { encoding: 'utf8' })).toMatch(
    /--quick/,
  );
});

test('the Frechet distance of the real drawings is the one that Python computed', () => {
  const file = join(PACKAGE_ROOT, 'scripts', 'eval', 'encoder', 'statistics.json');
  const { heldOut, training, floor } = JSON.parse(readFileSync(file, 'utf8'));
  const distance = new FrechetReference(heldOut).distance(training);
  expect(distance).toBeCloseTo(floor.trainingOfHeldOut, 5);
  // And few drawings are further away than many, which is why rows need equal numbers of samples.
  expect(floor.heldOutOfHeldOut).toBeGreaterThan(distance);
});
