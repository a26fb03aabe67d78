import { randomBytes } from 'node:crypto';
import { open, rename, unlink } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { Sjd2Error } from '../errors';

/**
 * Writes a file so that it appears whole or not at all: the bytes go to a hidden temporary file in
 * the same folder (a rename is atomic only within one file system), which then takes the name.
 *
 * @throws Sjd2Error `ERR_OUTPUT` with what to do; nothing is left behind
 */
export async function writeWhole(path: string, bytes: Uint8Array): Promise<void> {
  const temporary = temporaryBeside(path);
  try {
    const file = await open(temporary, 'wx');
    try {
      await file.writeFile(bytes);
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await unlink(temporary).catch(() => {});
    throw cannotWrite(path, error);
  }
}

/** A name in the folder of `path` that no one else uses. */
export function temporaryBeside(path: string): string {
  return join(dirname(path), `.${basename(path)}.${randomBytes(6).toString('hex')}.part`);
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
    default:
      return cause instanceof Error ? cause.message : String(cause);
  }
}
