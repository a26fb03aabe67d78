import { readFileSync } from 'node:fs';
import path from 'node:path';
import { ERROR_CODES } from '../src/errors';
import { COUPLINGS, ELEMENT_TYPES, INITIALS } from '../src/native/addon';

const source = (file: string) => readFileSync(path.join(__dirname, '../native', file), 'utf8');

/** Names in lower case and numbers of `enum class NAME` of a header. */
function enumOf(file: string, name: string): Record<string, number> {
  const body = new RegExp(`enum class ${name} : int32_t \\{([^}]*)\\}`).exec(source(file))?.[1];
  const members = [...(body ?? '').replace(/\/\/.*/g, '').matchAll(/(\w+) = (\d+)/g)];
  return Object.fromEntries(members.map(([, key, value]) => [key?.toLowerCase(), Number(value)]));
}

test('couplings and initial drafts have the numbers that the kernels have', () => {
  expect(enumOf('kernels/kernels.h', 'Coupling')).toEqual(COUPLINGS);
  expect(enumOf('decode/generation.h', 'Initial')).toEqual(INITIALS);
});

test('so have element types', () => {
  const { float32, float16, bfloat16 } = ELEMENT_TYPES;
  const native = enumOf('kernels/kernels.h', 'ElementType');
  expect(native).toEqual({ f32: float32, f16: float16, bf16: bfloat16 });
});

test('native code throws no code that JavaScript does not list', () => {
  const codes = [...source('error.h').matchAll(/= "(ERR_\w+)"/g)].map((match) => match[1]);
  expect(codes.length).toBeGreaterThan(5);
  expect(ERROR_CODES).toEqual(expect.arrayContaining(codes));
});
