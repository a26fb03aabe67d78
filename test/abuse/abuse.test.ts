/** A slice of `npm run test:abuse`: a fortieth of every subject's calls. */
import { execFileSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';

const subjects = readdirSync(__dirname)
  .map((file) => file.replace(/\.mjs$/, ''))
  .filter((name) => !/\.|^(abuse|child|cases)$/.test(name));

test.each(subjects)('%s: no crash, no hang, no error but its own', (subject) => {
  const args = [join(__dirname, 'abuse.mjs'), '--subject', subject, '--share', '0.025'];
  const report = JSON.parse(execFileSync(process.execPath, args, { encoding: 'utf8' }));
  expect(report).toMatchObject({ crashes: 0, hangs: 0, defects: 0, examples: [] });
  // It did call, and bent what it called with.
  expect(report.resolved).toBeGreaterThan(report.calls / 10);
  expect(Object.keys(report.refused).length).toBeGreaterThan(0);
});
