/** Copies of a model, the default one if no other is named, for tests that damage them. */
import { createHash } from 'node:crypto';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PACKAGE_ROOT } from '../src/native/loader';

export type Json = any;

export const original = join(PACKAGE_ROOT, 'models', 'emoji');

/** The copies of one test file; gone when it ends. */
export class PackageCopies {
  readonly scratch = mkdtempSync(join(tmpdir(), 'sjd2-packages-'));
  private count = 0;

  constructor(private readonly source = original) {
    afterAll(() => rmSync(this.scratch, { recursive: true }));
  }

  /** A copy whose manifest `edit` has changed. */
  make(edit: (manifest: Json) => void = () => {}): string {
    const folder = join(this.scratch, String(this.count++));
    cpSync(this.source, folder, { recursive: true });
    editManifest(folder, edit);
    return folder;
  }
}

export function editManifest(folder: string, edit: (manifest: Json) => void): void {
  const file = join(folder, 'model.json');
  const manifest = JSON.parse(readFileSync(file, 'utf8'));
  edit(manifest);
  writeFileSync(file, JSON.stringify(manifest));
}

/** Changes a file of a package and, as an honest author would, its SHA-256 in the manifest. */
export function editFile(folder: string, name: string, edit: (bytes: Buffer) => Buffer): void {
  const bytes = edit(readFileSync(join(folder, name)));
  writeFileSync(join(folder, name), bytes);
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  const update = (node: Json): void => {
    if (node?.path === name) node.sha256 = sha256;
    else if (typeof node === 'object') Object.values(node).forEach(update);
  };
  editManifest(folder, (manifest) => update(manifest.files));
}

/** The same, for a file that is JSON. */
export function editJson(folder: string, name: string, edit: (json: Json) => void): void {
  editFile(folder, name, (bytes) => {
    const json = JSON.parse(bytes.toString('utf8'));
    edit(json);
    return Buffer.from(JSON.stringify(json));
  });
}
