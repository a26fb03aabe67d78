/**
 * What an ONNX file says before anyone runs it. Only the walk over protocol buffers that finds these
 * facts, since the alternatives are the whole schema as generated code, or ONNX Runtime, which opens
 * external data while it loads.
 */
export interface GraphFacts {
  /** Files that tensors of the graph lie in, relative to the graph's folder; each once. */
  externalData: string[];
  /** Query heads of its GroupQueryAttention nodes; each number once. */
  attentionHeads: number[];
  /** It multiplies in fewer bits than floats have. */
  quantised: boolean;
}

/** Messages of onnx.proto and the fields on the way to tensors, by number. */
const FIELDS = {
  model: { 7: 'graph', 20: 'training', 25: 'function' },
  training: { 1: 'graph', 2: 'graph' },
  function: { 7: 'node', 11: 'attribute' },
  graph: { 1: 'node', 5: 'tensor', 15: 'sparse' },
  node: { 5: 'attribute' },
  attribute: { 5: 'tensor', 6: 'graph', 10: 'tensor', 11: 'graph', 22: 'sparse', 23: 'sparse' },
  sparse: { 1: 'tensor', 2: 'tensor' },
  tensor: { 13: 'entry' },
  entry: {},
} satisfies Record<string, Record<number, string>>;

type Message = keyof typeof FIELDS;

/** Graphs inside attributes nest; protocol buffers themselves end at 100. */
const DEEPEST = 100;

/** @throws {Error} when the bytes are no protocol buffer, saying where. */
export function graphFacts(bytes: Buffer): GraphFacts {
  const externalData = new Set<string>();
  const attentionHeads = new Set<number>();
  let quantised = false;

  const walk = (message: Message, from: number, to: number, depth: number): void => {
    if (depth > DEEPEST) throw new Error(`nests deeper than ${DEEPEST} at byte ${from}`);
    const children: Record<number, string> = FIELDS[message];
    const keys: string[] = [];
    const values: string[] = [];
    for (const field of fields(bytes, from, to)) {
      if (field.from === undefined) continue;
      const child = children[field.number];
      if (child) walk(child as Message, field.from, field.to, depth + 1);
      if (message !== 'entry' || field.number > 2) continue;
      (field.number === 1 ? keys : values).push(bytes.toString('utf8', field.from, field.to));
    }
    // Whichever of several values a reader takes, it is among these.
    if (keys.includes('location')) for (const value of values) externalData.add(value);
    if (message === 'node') {
      const operator = operatorOf(bytes, from, to);
      if (QUANTISED.test(operator)) quantised = true;
      const heads = operator === 'GroupQueryAttention' ? queryHeads(bytes, from, to) : undefined;
      if (heads !== undefined) attentionHeads.add(heads);
    }
  };
  walk('model', 0, bytes.length, 0);
  return { externalData: [...externalData], attentionHeads: [...attentionHeads], quantised };
}

/** MatMulNBits, MatMulIntegerToFloat, DynamicQuantizeLinear and their like. */
const QUANTISED = /NBits|Bnb4|Integer|Quantize|^QLinear/;

function operatorOf(bytes: Buffer, from: number, to: number): string {
  for (const field of fields(bytes, from, to)) {
    if (field.number === 4 && field.from !== undefined) {
      return bytes.toString('utf8', field.from, field.to);
    }
  }
  return '';
}

/** The attribute `num_heads` of a node. */
function queryHeads(bytes: Buffer, from: number, to: number): number | undefined {
  let heads: number | undefined;
  for (const field of fields(bytes, from, to)) {
    if (field.from === undefined) continue;
    if (field.number !== 5) continue;
    let name = '';
    let value = 0;
    for (const part of fields(bytes, field.from, field.to)) {
      if (part.number === 1 && part.from !== undefined) {
        name = bytes.toString('utf8', part.from, part.to);
      }
      if (part.number === 3 && part.from === undefined) value = part.to;
    }
    if (name === 'num_heads') heads = value;
  }
  return heads;
}

/** One field: bytes `from` to `to`, or without `from` a number, `to`. */
interface Field {
  number: number;
  from?: number;
  to: number;
}

function* fields(bytes: Buffer, from: number, end: number): Generator<Field> {
  let at = from;
  // Seven bits a byte; what a double cannot hold is no length and no number of heads.
  const varint = (): number => {
    let value = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      if (at >= end) break;
      const byte = bytes[at++] as number;
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
    throw new Error(`is cut off or damaged at byte ${at}`);
  };
  while (at < end) {
    const tag = varint();
    const number = Math.floor(tag / 8);
    switch (tag % 8) {
      case 0:
        yield { number, to: varint() };
        break;
      case 1:
        at += 8;
        break;
      case 2: {
        const length = varint();
        if (length > end - at) throw new Error(`is cut off or damaged at byte ${at}`);
        yield { number, from: at, to: at + length };
        at += length;
        break;
      }
      case 5:
        at += 4;
        break;
      default:
        throw new Error(`has a field of an unknown kind at byte ${at}`);
    }
  }
  if (at !== end) throw new Error(`is cut off or damaged at byte ${at}`);
}
