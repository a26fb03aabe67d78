import { mkdtempSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SafetensorsFile } from '../src/model/safetensors';

const folder = mkdtempSync(join(tmpdir(), 'sjd2-safetensors-'));

function write(name: string, header: unknown, data: Buffer, headerLength?: bigint): string {
  const json = Buffer.from(typeof header === 'string' ? header : JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(headerLength ?? BigInt(json.length));
  const path = join(folder, name);
  writeFileSync(path, Buffer.concat([length, json, data]));
  return path;
}

async function read(path: string, name = 'a') {
  const file = await SafetensorsFile.open(path);
  try {
    return await file.read(name);
  } finally {
    await file.close();
  }
}

const twoFloats = Buffer.from(new Float32Array([1.5, -2]).buffer);

test('tensors come back with their shape and values, whatever their alignment', async () => {
  // A header of an odd length puts the data at an odd offset.
  const header = '{"a":{"dtype":"F32","shape":[1,2],"data_offsets":[0,8]} }';
  const path = write('good', header, twoFloats);
  expect(await read(path)).toEqual({ shape: [1, 2], data: new Float32Array([1.5, -2]) });
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
    () => write('i16', { a: { dtype: 'I16', shape: [4], data_offsets: [0, 8] } }, twoFloats),
    /a to be F32, F16, BF16 but found I16/,
  ],
  [
    'offsets past the end',
    () => write('past', { a: { dtype: 'F32', shape: [4], data_offsets: [0, 16] } }, twoFloats),
    /need 16 bytes but the file holds 8/,
  ],
  [
    'a shape that does not fit the offsets',
    () => write('shape', { a: { dtype: 'F32', shape: [3], data_offsets: [0, 8] } }, twoFloats),
    /needs 12 bytes/,
  ],
  [
    'a negative extent',
    () => write('negative', { a: { dtype: 'F32', shape: [-2], data_offsets: [0, 8] } }, twoFloats),
    /damaged dtype, shape or/,
  ],
  [
    'a tensor over another',
    () =>
      write(
        'overlap',
        {
          a: { dtype: 'F32', shape: [2], data_offsets: [0, 8] },
          b: { dtype: 'F32', shape: [1], data_offsets: [4, 8] },
        },
        twoFloats,
      ),
    /b overlaps the tensor before it: expected it at 8, found it at 4/,
  ],
  [
    'the same bytes for two tensors',
    () => {
      const whole = { dtype: 'F32', shape: [2], data_offsets: [0, 8] };
      return write('alias', { a: whole, b: whole }, twoFloats);
    },
    /b overlaps/,
  ],
  [
    'a hole between tensors',
    () => write('hole', { a: { dtype: 'F32', shape: [1], data_offsets: [4, 8] } }, twoFloats),
    /a leaves a hole before it: expected it at 0, found it at 4/,
  ],
  [
    'bytes after the last tensor',
    () => write('rest', { a: { dtype: 'F32', shape: [1], data_offsets: [0, 4] } }, twoFloats),
    /need 4 bytes but the file holds 8/,
  ],
  [
    'a name that a terminal would obey',
    () => write('name', { '\u001b[31m\nb': 5 }, twoFloats),
    /safetensors-\w+\/name: b is not described/,
  ],
  ['an entry that is null', () => write('entry', { a: null }, twoFloats), /a is not described/],
])('%s is an error that says what is wrong', async (_name, make, message) => {
  await expect(read(make())).rejects.toThrow(message);
  await expect(read(make())).rejects.toMatchObject({ code: 'ERR_MODEL' });
});

test('only what is asked for is read: a file may be larger than memory', async () => {
  // 64 GB of another type, all of it a hole on the disk.
  const size = 2 ** 36;
  const header = {
    a: { dtype: 'F32', shape: [2], data_offsets: [0, 8] },
    weights: { dtype: 'I64', shape: [size / 8], data_offsets: [8, 8 + size] },
    b: { dtype: 'F32', shape: [1], data_offsets: [8 + size, 12 + size] },
  };
  const path = write('large', header, twoFloats);
  const begin = 8 + JSON.stringify(header).length;
  truncateSync(path, begin + size + 12);
  expect((await read(path)).data).toEqual(new Float32Array([1.5, -2]));
  expect((await read(path, 'b')).data).toEqual(new Float32Array([0]));
  await expect(read(path, 'weights')).rejects.toThrow(
    /expected weights to be F32, F16, BF16 but found I64/,
  );
});
