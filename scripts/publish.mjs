/**
 * Publishes what `npm run package -- --release` has made: the complete set or nothing. The platforms'
 * packages go first and `sjd2` last. What an interrupted run has published already is passed over.
 *
 *     npm run release
 *
 * Only the workflow `release` publishes, with provenance; anywhere else it is a dry run, which checks the
 * set and says what would be published.
 */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { FOLDERS, faultsOfSet, manifestOf, tarballOf } from './package/complete-set.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const packages = join(root, 'build', 'packages');
const read = (file) => readFileSync(join(root, file), 'utf8');
const { version } = JSON.parse(read('package.json'));

const problems = faultsOfSet(packages, version, read('CHANGELOG.md'));
if (problems.length > 0) {
  console.error(`sjd2: not published:\n  ${problems.join('\n  ')}`);
  process.exit(1);
}

const publishes = process.env.GITHUB_ACTIONS === 'true';
if (!publishes) console.log('Dry run: the workflow `release` publishes, with provenance.');
for (const folder of FOLDERS) {
  const manifest = manifestOf(packages, folder);
  const { name } = manifest;
  if (npm(['view', `${name}@${version}`, 'version'], 'pipe').stdout?.trim() === version) {
    console.log(`${name} ${version} is there already`);
    continue;
  }
  const how = publishes ? '--provenance' : '--dry-run';
  const args = ['publish', tarballOf(packages, manifest), '--access', 'public', how];
  if (npm(args, 'inherit').status !== 0) process.exit(1);
}

function npm(args, stdout) {
  const shell = process.platform === 'win32';
  return spawnSync('npm', args, {
    cwd: root,
    shell,
    encoding: 'utf8',
    stdio: ['inherit', stdout, 'inherit'],
  });
}
