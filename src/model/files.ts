import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { realpath, stat } from 'node:fs/promises';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import { Sjd2Error } from '../errors';
import type { Manifest, ManifestFile } from './manifest-types';
import { type GraphFacts, graphFacts } from './onnx-graph';

/** Protocol buffers end at 2 GB, and so does an ONNX file; larger weights are external data. */
const LARGEST_GRAPH = 2 ** 31 - 1;
/** Bytes that are hashed before other work has its turn: some milliseconds. */
const PIECE = 2 ** 20;

/**
 * The files of a model package: those that the manifest names, each inside the folder when every
 * link is followed, and nothing else. Graphs and the tokenizer, which are programs of a kind, are
 * compared with their SHA-256 always; tables and weights, which may take many gigabytes, on request.
 */
export class PackageFiles {
  private constructor(
    private readonly places: ReadonlyMap<string, string>,
    /** The decoder's graphs multiply in fewer bits than floats have. */
    readonly quantised: boolean,
  ) {}

  /**
   * @param verify Compare tables and weights too.
   * @throws {Sjd2Error} ERR_MODEL for a file that is missing, leaves the folder, is not what the
   *   manifest's SHA-256 says, or reads another file that the manifest does not name.
   */
  static async check(
    folder: string,
    manifest: Manifest,
    verify: boolean,
    signal?: AbortSignal,
  ): Promise<PackageFiles> {
    const places = new Map<string, string>();
    const files = listFiles(manifest.files);
    for (const file of files) places.set(file.path, await placeOf(folder, file.path));

    const { decoder, halfDecoder, imageDecoder, promptEncoder, tokenizer } = manifest.files;
    const decoders = [...Object.values(decoder), ...Object.values(halfDecoder ?? {})];
    const known = new Set(places.values());
    let quantised = false;
    for (const file of files) {
      const place = places.get(file.path) as string;
      if (file === imageDecoder || file === promptEncoder) {
        await readGraph(place, file, known, signal);
      } else if (decoders.includes(file)) {
        const facts = await readGraph(place, file, known, signal);
        checkHeads(place, facts, manifest.heads);
        quantised ||= facts.quantised;
      } else if (verify || file === tokenizer) {
        const hash = createHash('sha256');
        await pipeline(createReadStream(place), hash, { signal });
        compare(place, file, hash.digest('hex'));
      }
    }
    return new PackageFiles(places, quantised);
  }

  /** Files that nobody has listed with hashes, by the names that a manifest gives them. */
  static unchecked(places: ReadonlyMap<string, string>, quantised: boolean): PackageFiles {
    return new PackageFiles(places, quantised);
  }

  /** Where one of the manifest's files really lies. */
  pathOf(file: ManifestFile): string {
    return this.places.get(file.path) as string;
  }
}

/** Whatever has a path and a hash in the manifest, however deep. */
function listFiles(node: object): ManifestFile[] {
  if ('path' in node && 'sha256' in node) return [node as ManifestFile];
  return Object.values(node).flatMap((value) =>
    typeof value === 'object' && value !== null ? listFiles(value) : [],
  );
}

/**
 * The file behind every symbolic link, which may not lie outside the folder.
 * @throws {Sjd2Error} ERR_MODEL
 */
export async function placeOf(folder: string, name: string): Promise<string> {
  const root = await realpath(folder);
  const named = path.join(root, name);
  const place = await realpath(named).catch(() => undefined);
  if (!place) {
    throw new Sjd2Error('ERR_MODEL', `${named}: expected a file, found none`);
  }
  if (!isInside(root, place)) {
    throw new Sjd2Error('ERR_MODEL', `${named}: must stay inside the model folder, but is a link`);
  }
  if (!(await stat(place)).isFile()) {
    throw new Sjd2Error('ERR_MODEL', `${named}: expected a file, found something else`);
  }
  return place;
}

function isInside(folder: string, place: string): boolean {
  const way = path.relative(folder, place);
  return way !== '' && !way.startsWith(`..${path.sep}`) && way !== '..' && !path.isAbsolute(way);
}

function compare(place: string, file: ManifestFile, actual: string): void {
  if (actual === file.sha256) return;
  throw new Sjd2Error(
    'ERR_MODEL',
    `${place}: expected SHA-256 ${file.sha256} but found ${actual}: the file is damaged, or ` +
      'model.json is another version',
  );
}

/** Piece by piece: a graph may hold its weights, and hashing hundreds of megabytes takes a second. */
async function readHashed(
  place: string,
  size: number,
  signal?: AbortSignal,
): Promise<{ bytes: Buffer; sha256: string }> {
  const bytes = Buffer.allocUnsafe(size);
  const hash = createHash('sha256');
  let done = 0;
  for await (const piece of createReadStream(place, { highWaterMark: PIECE, signal })) {
    if (piece.length > size - done) break;
    hash.update(piece);
    bytes.set(piece, done);
    done += piece.length;
  }
  return { bytes: bytes.subarray(0, done), sha256: hash.digest('hex') };
}

async function readGraph(
  place: string,
  file: ManifestFile,
  known: ReadonlySet<string>,
  signal?: AbortSignal,
): Promise<GraphFacts> {
  const { size } = await stat(place);
  if (size > LARGEST_GRAPH) {
    throw new Sjd2Error('ERR_MODEL', `${place}: expected an ONNX graph below 2 GB, found ${size}`);
  }
  const { bytes, sha256 } = await readHashed(place, size, signal);
  compare(place, file, sha256);
  let facts: GraphFacts;
  try {
    facts = graphFacts(bytes);
  } catch (error) {
    throw new Sjd2Error('ERR_MODEL', `${place}: the ONNX graph ${(error as Error).message}`, {
      cause: error,
    });
  }
  for (const name of facts.externalData) {
    const data = await realpath(path.resolve(path.dirname(place), name)).catch(() => undefined);
    if (data && known.has(data)) continue;
    throw new Sjd2Error(
      'ERR_MODEL',
      `${place}: reads the external data ${JSON.stringify(name)}, which is not among the files ` +
        'of model.json',
    );
  }
  return facts;
}

function checkHeads(place: string, { attentionHeads }: GraphFacts, heads: number): void {
  const other = attentionHeads.find((found) => found !== heads);
  if (other === undefined) return;
  throw new Sjd2Error(
    'ERR_MODEL',
    `${place}: expected attention of ${heads} heads (heads of model.json) but found ${other}`,
  );
}
