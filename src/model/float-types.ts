/**
 * Elements of a safetensors tensor as 32-bit floats. `bytes` begin at a multiple of four of their
 * buffer; those of F32 are not copied.
 * @param dtype F32, F16 or BF16
 */
export function toFloats(dtype: string, bytes: Uint8Array): Float32Array {
  const { buffer, byteOffset, byteLength } = bytes;
  if (dtype === 'F32') return new Float32Array(buffer, byteOffset, byteLength / 4);
  const halves = new Uint16Array(buffer, byteOffset, byteLength / 2);
  const floats = new Float32Array(halves.length);
  const table = dtype === 'F16' ? halfTable() : undefined;
  const bits = new Uint32Array(floats.buffer);
  for (let i = 0; i < halves.length; i++) {
    const half = halves[i] as number;
    // bf16 is the upper half of a float.
    bits[i] = table ? (table[half] as number) : half << 16;
  }
  return floats;
}

let table: Uint32Array | undefined;

/** The bits of the float that each fp16 number is. */
function halfTable(): Uint32Array {
  if (table) return table;
  const values = new Float32Array(2 ** 16);
  for (let half = 0; half < values.length; half++) {
    const sign = half & 0x8000 ? -1 : 1;
    const exponent = (half >> 10) & 31;
    const fraction = half & 1023;
    if (exponent === 31) values[half] = fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
    else if (exponent) values[half] = sign * 2 ** (exponent - 15) * (1 + fraction / 1024);
    else values[half] = sign * 2 ** -14 * (fraction / 1024);
  }
  table = new Uint32Array(values.buffer);
  return table;
}
