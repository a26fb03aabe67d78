// A fault of ONNX Runtime's WebGPU provider (1.30.0), with onnxruntime-node alone: attention of 32 rows and more is
// wrong on an adapter whose subgroups have fewer than 8 lanes, such as SwiftShader's 4. docs/devices.md explains.
//
//   VK_ICD_FILENAMES=/usr/lib/chromium/vk_swiftshader_icd.json node docs/examples/webgpu-attention.mjs
import { fileURLToPath } from 'node:url';
import { InferenceSession, Tensor } from 'onnxruntime-node';

const HEAD_SIZE = 16;
const LENGTH = 64;
const PAST = 11;
const graph = fileURLToPath(new URL('attention.onnx', import.meta.url));

let state = 1;
const random = (count) =>
  Float32Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 31 - 1;
  });

async function attend(session, rows, values) {
  const of = (name, shape) =>
    new Tensor('float32', values[name].slice(0, shape[1] * shape[2] * (shape[3] ?? 1)), shape);
  const { output } = await session.run({
    query: of('query', [1, rows, HEAD_SIZE]),
    key: of('key', [1, rows, HEAD_SIZE]),
    value: of('value', [1, rows, HEAD_SIZE]),
    past_key: of('past_key', [1, 1, LENGTH, HEAD_SIZE]),
    past_value: of('past_value', [1, 1, LENGTH, HEAD_SIZE]),
    seqlens_k: new Tensor('int32', [PAST + rows - 1], [1]),
    total_sequence_length: new Tensor('int32', [PAST + rows], []),
  });
  return output.data;
}

const values = {};
for (const name of ['query', 'key', 'value', 'past_key', 'past_value'])
  values[name] = random(LENGTH * HEAD_SIZE);
const cpu = await InferenceSession.create(graph, { executionProviders: ['cpu'] });
const webgpu = await InferenceSession.create(graph, { executionProviders: ['webgpu'] });
for (const rows of [1, 8, 31, 32, 33, 48]) {
  const [expected, actual] = [await attend(cpu, rows, values), await attend(webgpu, rows, values)];
  const worst = Math.max(...expected.map((value, i) => Math.abs(value - actual[i])));
  const name = String(rows).padStart(2);
  console.log(`${name} rows behind a past of ${PAST}: at most ${worst.toExponential(1)} apart`);
}
