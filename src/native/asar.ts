import { existsSync } from 'node:fs';

/**
 * Electron packs an application into one file, app.asar, of which native code can read nothing;
 * what native code needs is unpacked beside it, into app.asar.unpacked.
 *
 * @returns the path in there where it exists, else the path as it is
 */
export function unpacked(file: string): string {
  const outside = file.replace(/\.asar(?=[/\\]|$)/, '.asar.unpacked');
  return outside !== file && existsSync(outside) ? outside : file;
}
