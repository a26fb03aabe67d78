import { randomBytes } from 'node:crypto';
import {
  access,
  constants,
  open,
  readlink,
  realpath,
  rename,
  stat,
  unlink,
  writeFile,
} from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { Sjd2Error } from '../errors';

/** As many links as Linux follows before it calls them a circle. */
const MOST_LINKS = 40;

/**
 * Writes a file so that it appears whole or not at all: the bytes go to a hidden temporary file in
 * the same folder (a rename is atomic only within one file system), which then takes the name.
 *
 * What is there already: a file is replaced by one of the same mode, so that what was private stays
 * private (other hard links to it keep the old bytes); one that may not be written to is an error. A
 * symbolic link stays, and the file that it leads to is written, whether it exists or not. What is no
 * file at all (a pipe, a device) is written to as it is.
 *
 * @throws Sjd2Error `ERR_OUTPUT` with what to do; nothing is left behind
 */
export async function writeWhole(path: string, bytes: Uint8Array): Promise<void> {
  let temporary: string | undefined;
  try {
    const { place, mode, isFile } = await targetOf(path);
    if (!isFile) return await writeFile(place, bytes);
    temporary = temporaryBeside(place);
    const file = await open(temporary, 'wx', mode);
    try {
      // The process's mask has its say about new files only.
      if (mode !== undefined) await file.chmod(mode);
      await file.writeFile(bytes);
    } finally {
      await file.close();
    }
    await rename(temporary, place);
  } catch (error) {
    if (temporary) await unlink(temporary).catch(() => {});
    throw cannotWrite(path, error);
  }
}

/**
 * Finds out before any work starts whether its result can be stored: opens and removes a temporary
 * file where each target lies. (Asking for permission bits would miss full disks and read-only mounts.)
 *
 * @throws Sjd2Error `ERR_OUTPUT`
 */
export async function checkWritable(paths: string[]): Promise<void> {
  const probed = new Set<string>();
  for (const path of paths) {
    try {
      const { place, isFile } = await targetOf(path);
      if (!isFile || probed.has(dirname(place))) continue;
      probed.add(dirname(place));
      const probe = temporaryBeside(place);
      await (await open(probe, 'wx')).close();
      await unlink(probe);
    } catch (error) {
      throw cannotWrite(path, error);
    }
  }
}

interface Target {
  /** Behind every symbolic link. */
  place: string;
  /** Permission bits, where there is a file. */
  mode?: number;
  /** A file, or nothing yet. */
  isFile: boolean;
}

async function targetOf(path: string): Promise<Target> {
  let place: string;
  try {
    place = await realpath(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    return { place: await endOfLinks(path), isFile: true };
  }
  const there = await stat(place);
  if (there.isDirectory()) throw Object.assign(new Error(), { code: 'EISDIR' });
  if (!there.isFile()) return { place, isFile: false };
  await access(place, constants.W_OK);
  return { place, mode: there.mode & 0o7777, isFile: true };
}

/** Where links lead that end in nothing. */
async function endOfLinks(path: string): Promise<string> {
  let place = path;
  for (let links = 0; links < MOST_LINKS; links++) {
    const next = await readlink(place).catch(() => undefined);
    if (next === undefined) return place;
    place = resolve(dirname(place), next);
  }
  throw Object.assign(new Error(), { code: 'ELOOP' });
}

/** A name in the folder of `path` that no one else uses, and short where that one is as long as names can be. */
function temporaryBeside(path: string): string {
  const name = basename(path).slice(0, 40);
  return join(dirname(path), `.${name}.${randomBytes(6).toString('hex')}.part`);
}

/** What the operating system said about a file, as one line that says what to do. */
export function cannotWrite(path: string, cause: unknown): Sjd2Error {
  const code = (cause as NodeJS.ErrnoException)?.code;
  return new Sjd2Error('ERR_OUTPUT', `Cannot write ${path}: ${remedy(path, code, cause)}`, {
    cause,
  });
}

function remedy(path: string, code: string | undefined, cause: unknown): string {
  switch (code) {
    case 'ENOENT':
      return `the folder ${dirname(path)} does not exist, create it first`;
    case 'ENOTDIR':
      return `${dirname(path)} is not a folder`;
    case 'EISDIR':
      return 'that is a folder, name a file in it';
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
      return `no permission to write there (${code}), choose another place`;
    case 'ENOSPC':
    case 'EDQUOT':
      return `no space left (${code}), free some or choose another place`;
    case 'ENAMETOOLONG':
      return 'the name is too long, choose a shorter one';
    case 'ELOOP':
      return 'symbolic links lead in a circle there, choose another place';
    default:
      return cause instanceof Error ? cause.message : String(cause);
  }
}
