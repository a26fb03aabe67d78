// Static evidence about the CUDA kernels, from nvcc alone: registers, shared memory and occupancy per
// kernel and architecture, the width of their loads, and that nothing inexact crept in. Fails if a
// rule is broken. Usage: node scripts/cuda/report.mjs [--architectures 80,90]
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const native = join(dirname(fileURLToPath(import.meta.url)), '..', '..', 'native');
const source = join(native, 'kernels', 'cuda', 'kernels.cu');

// CUDA C++ Programming Guide, "Technical Specifications per Compute Capability".
const machines = {
  80: { threads: 2048, blocks: 32, shared: 164, gpu: 'A100' },
  86: { threads: 1536, blocks: 16, shared: 100, gpu: 'RTX 3090' },
  89: { threads: 1536, blocks: 24, shared: 100, gpu: 'RTX 4090' },
  90: { threads: 2048, blocks: 32, shared: 228, gpu: 'H100' },
  100: { threads: 2048, blocks: 32, shared: 228, gpu: 'B200' },
  120: { threads: 1536, blocks: 24, shared: 100, gpu: 'RTX 5090' },
};
const registersPerMultiprocessor = 65536;
const kVerifyShared = 17296;

// What launch.cc launches for hidden = 1024 and V = 16384 (staged: 4 bytes a token more).
const launches = {
  sjd2_enter: { threads: 256, shared: 0 },
  sjd2_noise: { threads: 256, shared: 0 },
  sjd2_refine: { threads: 256, shared: 0 },
  sjd2_verify_f32: { threads: 512, shared: kVerifyShared + 65536 },
  sjd2_verify_f16: { threads: 512, shared: kVerifyShared + 65536 },
  sjd2_verify_bf16: { threads: 512, shared: kVerifyShared + 65536 },
  sjd2_finish: { threads: 32, shared: 0 },
};

function occupancy(machine, registers, { threads, shared }) {
  const warps = threads / 32;
  const perWarp = Math.ceil((registers * 32) / 256) * 256;
  const byRegisters = Math.floor(Math.floor(registersPerMultiprocessor / perWarp) / warps);
  const byShared = Math.floor((machine.shared * 1024) / (shared + 1024)); // 1 KB is reserved
  const byThreads = Math.floor(machine.threads / threads);
  return Math.min(byRegisters, byShared, byThreads, machine.blocks);
}

const chosen = process.argv.indexOf('--architectures');
const architectures = chosen > 0 ? process.argv[chosen + 1].split(',') : Object.keys(machines);
const flags = ['-std=c++20', '-fmad=false', `-I${native}`, '-Wno-deprecated-gpu-targets'];
const folder = mkdtempSync(join(tmpdir(), 'sjd2-cuda-'));
const complaints = [];

console.log(
  '| kernel | architecture | registers | spilled bytes | shared bytes | blocks per SM | occupancy |',
);
console.log('| --- | --- | --- | --- | --- | --- | --- |');
for (const architecture of architectures) {
  const cubin = join(folder, `${architecture}.cubin`);
  const run = spawnSync(
    'nvcc',
    [...flags, `-arch=sm_${architecture}`, '-cubin', '-Xptxas', '-v', '-o', cubin, source],
    { encoding: 'utf8' },
  );
  if (run.status !== 0) throw new Error(run.stderr || 'nvcc is not on the PATH');
  const machine = machines[architecture];
  const pattern =
    /entry function '(\w+)'[\s\S]*?(\d+) bytes spill stores, (\d+) bytes spill loads[\s\S]*?Used (\d+) registers/g;
  for (const [, kernel, stores, loads, registers] of run.stderr.matchAll(pattern)) {
    const spilled = Number(stores) + Number(loads);
    const blocks = occupancy(machine, Number(registers), launches[kernel]);
    const share = Math.round((100 * blocks * launches[kernel].threads) / machine.threads);
    console.log(
      `| ${kernel} | sm_${architecture} (${machine.gpu}) | ${registers} | ${spilled} | ${launches[kernel].shared} | ${blocks} | ${share}% |`,
    );
    if (spilled) complaints.push(`${kernel} spills on sm_${architecture}`);
    if (blocks === 0) complaints.push(`${kernel} can not run on sm_${architecture}`);
  }
  checkMachineCode(architecture, cubin);
}

// The loads as the GPU makes them; needs a disassembler, which is a package of its own.
function checkMachineCode(architecture, cubin) {
  const tool = ['nvdisasm', 'cuobjdump'].find(
    (name) => spawnSync(name, ['--version']).status === 0,
  );
  if (!tool) return;
  const sass = execFileSync(tool, [...(tool === 'cuobjdump' ? ['-sass'] : ['-c']), cubin], {
    encoding: 'utf8',
    maxBuffer: 1 << 28,
  });
  const wide = sass.match(/LDG\.E\.128/g)?.length ?? 0;
  console.log(`\nsm_${architecture}: ${wide} global loads of 16 bytes (LDG.E.128)\n`);
  if (wide === 0) complaints.push(`no 16-byte loads on sm_${architecture}`);
}

// The PTX says the same one step earlier, and whether every operation is rounded as it is written.
const ptxFile = join(folder, 'kernels.ptx');
execFileSync('nvcc', [...flags, '-arch=compute_80', '-ptx', '-o', ptxFile, source]);
const ptx = readFileSync(ptxFile, 'utf8');
console.log('\n| kernel | 16-byte global loads in PTX | instructions |\n| --- | --- | --- |');
for (const [, kernel, body] of ptx.matchAll(/\.entry (\w+)\([\s\S]*?\{([\s\S]*?)\n\}/g)) {
  const wide = body.match(/ld\.global(\.nc)?\.v4\.[a-z]32/g)?.length ?? 0;
  console.log(`| ${kernel} | ${wide} | ${body.match(/;\n/g).length} |`);
  if (kernel.startsWith('sjd2_verify') && wide < 2) {
    complaints.push(`${kernel} does not load its logits 16 bytes at a time`);
  }
}
const forbidden = {
  'an operation that may be fused (no .rn)': /\b(add|sub|mul)\.f(32|64)\b/,
  'an approximate function': /\.approx/,
  'local memory': /\b(ld|st)\.local/,
  'a floating-point atomic': /\b(atom|red)\.[\w.]*f(32|64)\b/,
};
for (const [what, pattern] of Object.entries(forbidden)) {
  if (pattern.test(ptx)) complaints.push(`the PTX holds ${what}`);
}
if (!['nvdisasm', 'cuobjdump'].some((name) => spawnSync(name, ['--version']).status === 0)) {
  console.log('\nNeither nvdisasm nor cuobjdump is installed: the machine code was not read.');
}
rmSync(folder, { recursive: true });
for (const complaint of complaints) console.error(`broken rule: ${complaint}`);
process.exit(complaints.length ? 1 : 0);
