import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readSafetensors } from '../src/model/safetensors';

const folder = mkdtempSync(join(tmpdir(), 'sjd2-safetensors-'));

function write(name: string, header: unknown, data: Buffer, headerLength?: bigint): string {
  const json = Buffer.from(typeof header === 'string' ? header : JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(headerLength ?? BigInt(json.length));
  const path = join(folder, name);
  writeFileSync(path, Buffer.concat([length, json, data]));
  return path;
}

const twoFloats = Buffer.from(new Float32Array([1.5, -2]).buffer);

test('tensors come back with their shape and values, whatever their alignment', async () => {
  // A header of an odd length puts the data at an odd offset.
  const header = '{"a":{"dtype":"F32","shape":[1,2],"data_offsets":[0,8]} }';
  const tensors = await readSafetensors(write('good', header, twoFloats));
  expect(tensors.get('a')).toEqual({ shape: [1, 2], data: new Float32Array([1.5, -2]) });
});

test.each([
  [
    'a file of three bytes',
    () => {
      const path = join(folder, 'short');
      writeFileSync(path, 'abc');
      return path;
    },
    /header.*3 bytes/,
  ],
  ['a header longer than the file', () => write('long', '{}', twoFloats, 1n << 60n), /header says/],
  ['a header that is not JSON', () => write('json', '{"a":', twoFloats), /not JSON/],
  ['a header that is null', () => write('null', 'null', twoFloats), /not an object/],
  [
    'another element type',
    () => write('f16', { a: { dtype: 'F16', shape: [4], data_offsets: [0, 8] } }, twoFloats),
    /a to be F32 but found F16/,
  ],
  [
    'offsets past the end',
    () => write('past', { a: { dtype: 'F32', shape: [4], data_offsets: [0, 16] } }, twoFloats),
    /needs 16 bytes/,
  ],
  [
    'a shape that does not fit the offsets',
    () => write('shape', { a: { dtype: 'F32', shape: [3], data_offsets: [0, 8] } }, twoFloats),
    /needs 12 bytes/,
  ],
  [
    'a negative extent',
    () => write('negative', { a: { dtype: 'F32', shape: [-2], data_offsets: [0, 8] } }, twoFloats),
    /damaged shape/,
  ],
  ['an entry that is null', () => write('entry', { a: null }, twoFloats), /a is not described/],
])('%s is an error that says what is wrong', async (_name, make, message) => {
  await expect(readSafetensors(make())).rejects.toThrow(message);
  await expect(readSafetensors(make())).rejects.toMatchObject({ code: 'ERR_MODEL' });
});
