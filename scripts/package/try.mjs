/** Installs the packages of build/packages into an empty project and draws a picture there. */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startRegistry } from './registry.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const project = mkdtempSync(join(tmpdir(), 'sjd2-try-'));
cpSync(join(root, 'test', 'consumer'), project, { recursive: true });
const manifest = { name: 'consumer', version: '1.0.0', dependencies: { sjd2: version } };
writeFileSync(join(project, 'package.json'), JSON.stringify(manifest));

const registry = await startRegistry(join(root, 'build', 'packages'));
const shell = process.platform === 'win32';
run('npm', ['install', '--registry', registry.url], { shell });
run(process.execPath, ['commonjs.cjs']);
if (statSync(join(project, 'commonjs.png')).size === 0) throw new Error('The picture is empty');
registry.close();

function run(program, args, options = {}) {
  const { status } = spawnSync(program, args, { cwd: project, stdio: 'inherit', ...options });
  if (status !== 0) throw new Error(`${program} ${args.join(' ')} failed with ${status}`);
}
