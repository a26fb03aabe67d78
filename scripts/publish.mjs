/**
 * Publishes what `npm run package -- --release` has made: the complete set or nothing. The platforms'
 * packages go first and `sjd2` last, so that nobody can install one that names packages that are not
 * there. What an interrupted run has published already is passed over.
 *
 *     npm run release -- --dry-run      says what would be published
 *     npm run release                   publishes (in GitHub Actions with provenance)
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { PLATFORMS } from './package/platforms.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const packages = join(root, 'build', 'packages');
const dryRun = process.argv.includes('--dry-run');

const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const folders = [...Object.keys(PLATFORMS), 'sjd2'];
const problems = folders.flatMap(faults);
if (!new RegExp(`^## ${version.replaceAll('.', '\\.')}$`, 'm').test(read('CHANGELOG.md'))) {
  problems.push(`CHANGELOG.md has no section ${version}`);
}
if (problems.length > 0) {
  console.error(`sjd2: not published:\n  ${problems.join('\n  ')}`);
  process.exit(1);
}

for (const folder of folders) {
  const { name } = manifestOf(folder);
  if (npm(['view', `${name}@${version}`, 'version'], 'pipe').stdout?.trim() === version) {
    console.log(`${name} ${version} is there already`);
    continue;
  }
  const provenance = process.env.GITHUB_ACTIONS ? ['--provenance'] : [];
  const args = ['publish', tarball(name), '--access', 'public', ...provenance];
  if (npm(dryRun ? [...args, '--dry-run'] : args, 'inherit').status !== 0) process.exit(1);
}

function faults(folder) {
  if (!existsSync(join(packages, folder))) return [`${folder} is not packaged`];
  const { name, version: packaged, optionalDependencies, repository } = manifestOf(folder);
  const found = [];
  if (packaged !== version) found.push(`${name} is of version ${packaged}, not ${version}`);
  if (!existsSync(tarball(name))) found.push(`${name} has no tarball`);
  if (!repository) found.push(`${name} does not say where its repository is`);
  const expected = Object.fromEntries(Object.keys(PLATFORMS).map((p) => [`@sjd2/${p}`, version]));
  if (name === 'sjd2' && JSON.stringify(optionalDependencies) !== JSON.stringify(expected)) {
    found.push('sjd2 does not name every platform, and no other');
  }
  return found;
}

function manifestOf(folder) {
  return JSON.parse(readFileSync(join(packages, folder, 'package.json'), 'utf8'));
}

function tarball(name) {
  return join(packages, `${name.replace(/^@/, '').replace('/', '-')}-${version}.tgz`);
}

function read(file) {
  return readFileSync(join(root, file), 'utf8');
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
