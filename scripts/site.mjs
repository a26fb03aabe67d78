/**
 * Makes the pages of build/site: README.md, the guides and documents of docs/, and the API reference from
 * the docstrings. Everything that is exported has to have one, and links have to lead somewhere: any
 * warning is an error.
 *
 *     npm run site               writes build/site; open build/site/index.html
 *     npm run site -- --check    only looks (part of npm run lint)
 *
 * TypeDoc and the TypeScript that it reads with come from scripts/site, by npm and its lock.
 */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const home = join(dirname(fileURLToPath(import.meta.url)), 'site');
const check = process.argv.includes('--check');

if (!existsSync(join(home, 'node_modules', 'typedoc'))) {
  run('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund'], process.platform === 'win32');
}
const typedoc = join(home, 'node_modules', 'typedoc', 'bin', 'typedoc');
const how = check ? ['--emit', 'none'] : [];
run(process.execPath, [typedoc, '--options', join(home, 'typedoc.json'), ...how]);

function run(program, args, shell = false) {
  const { status, error } = spawnSync(program, args, { cwd: home, shell, stdio: 'inherit' });
  if (error) throw error;
  if (status !== 0) process.exit(status ?? 1);
}
