/** What keeps a set of packages from being published: it is complete, of one version, or nothing. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { PLATFORMS } from './platforms.mjs';

/** Folders of a release, in the order of publishing: `sjd2` last, so that nobody gets one whose platforms are not there. */
export const FOLDERS = [...Object.keys(PLATFORMS), 'sjd2'];

/** @returns a line for each fault; none for a set that may be published */
export function faultsOfSet(packages, version, changelog) {
  const problems = FOLDERS.flatMap((folder) => faultsOf(packages, folder, version));
  const heading = new RegExp(`^## ${version.replaceAll('.', '\\.')}$`, 'm');
  if (!heading.test(changelog)) problems.push(`CHANGELOG.md has no section ${version}`);
  return problems;
}

export function manifestOf(packages, folder) {
  return JSON.parse(readFileSync(join(packages, folder, 'package.json'), 'utf8'));
}

export function tarballOf(packages, { name, version }) {
  return join(packages, `${name.replace(/^@/, '').replace('/', '-')}-${version}.tgz`);
}

function faultsOf(packages, folder, version) {
  if (!existsSync(join(packages, folder))) return [`${folder} is not packaged`];
  const manifest = manifestOf(packages, folder);
  const { name, version: packaged, optionalDependencies, repository } = manifest;
  const found = [];
  if (packaged !== version) found.push(`${name} is of version ${packaged}, not ${version}`);
  if (!existsSync(tarballOf(packages, manifest))) found.push(`${name} has no tarball`);
  if (!repository) found.push(`${name} does not say where its repository is`);
  const expected = Object.fromEntries(Object.keys(PLATFORMS).map((p) => [`@sjd2/${p}`, version]));
  if (name === 'sjd2' && JSON.stringify(optionalDependencies) !== JSON.stringify(expected)) {
    found.push('sjd2 does not name every platform, and no other');
  }
  return found;
}
