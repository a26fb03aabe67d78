/** Installs sjd2 with a package manager in all its ways, and the table of what came of it. */
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { table } from '../eval/table.mjs';
import { fillMarkers } from '../results/markers.mjs';
import {
  commandOf,
  emptyProject,
  environment,
  pixelsOf,
  run,
  runtimeName,
  versionOf,
} from './empty-projects.mjs';

/**
 * Anew and from the lockfile, with install scripts and without, for each of its runtimes; each time a
 * program draws.
 *
 * @param picture SHA-256 of the pixels that it has to draw
 * @returns a row for each installation, with `failure` where it did not work or drew something else
 */
export function tryInstaller(name, installer, picture, place) {
  const rows = [];
  for (const runtime of installer.runtimes) {
    for (const noScripts of installer.noScripts ? [[], [installer.noScripts]] : [[]]) {
      const project = emptyProject(place);
      for (const way of ['fresh', 'locked']) {
        const args = [...installer[way], ...noScripts];
        const command = `${name.split(' ')[0].toLowerCase()} ${args.join(' ')}`;
        const client = `${name.replace(/ \d+( |$)/, '$1')} ${versionOf(installer.home)}`;
        const row = { client, command, runtime: runtimeName(runtime), way };
        row.what = `${row.client}, ${row.runtime}: ${command}`;
        console.log(`\n== ${row.what}`);
        try {
          const drawn = installAndDraw(installer, args, runtime, project, place);
          if (drawn !== picture) row.failure = `drew another picture, ${drawn.slice(0, 12)}`;
        } catch (error) {
          console.error(error.message);
          row.failure = error.message;
        }
        rows.push(row);
        if (row.failure) break; // From this lockfile there is nothing to install.
      }
    }
  }
  return rows;
}

function installAndDraw(installer, args, runtime, project, place) {
  const env = { ...environment(place, runtime), ...installer.environment };
  const [node] = commandOf(runtime.startsWith('node') ? runtime : 'node20');
  const program = join(installer.home, installer.program);
  const client = installer.native ? [program] : [node, program];
  for (const name of ['node_modules', 'commonjs.png']) {
    rmSync(join(project, name), { recursive: true, force: true });
  }
  run([...client, ...args], project, env);
  const runs = installer.command ? [...client, ...installer.command] : commandOf(runtime);
  run([...runs, 'commonjs.cjs'], project, env);
  return pixelsOf(join(project, 'commonjs.png'));
}

/** Between the markers of docs/install.md. */
export function writeTables(file, installations, bundlings, picture) {
  const outcome = ({ failure }) => failure ?? 'same';
  const tables = {
    installations: table(
      ['client', 'runtime', 'command', `picture, against ${picture.slice(0, 12)}`],
      installations.map((row) => [row.client, row.runtime, `\`${row.command}\``, outcome(row)]),
    ),
    bundlers: table(
      ['bundler', 'setting', 'picture'],
      bundlings.map((row) => [row.bundler, `\`${row.setting}\``, outcome(row)]),
    ),
  };
  writeFileSync(
    file,
    fillMarkers(readFileSync(file, 'utf8'), (name) => tables[name]),
  );
}
