// PTX to C++: what nvcc made of the kernels, as functions that one CUDA thread (a fiber of
// native/test/simt) runs. Every virtual register becomes a local variable, every instruction one
// statement. Usage: node translate.mjs KERNELS.ptx OUT.cc [KERNEL..]
//
// Anything it does not know is an error, so a new instruction can not be skipped silently.
import { readFileSync, writeFileSync } from 'node:fs';

const [input, output, ...wanted] = process.argv.slice(2);
const text = readFileSync(input, 'utf8').replace(/\/\/.*$/gm, '');

const types = {
  pred: 'bool',
  f32: 'float',
  f64: 'double',
  ...Object.fromEntries(
    [8, 16, 32, 64].flatMap((bits) => [
      [`u${bits}`, `uint${bits}_t`],
      [`b${bits}`, `uint${bits}_t`],
      [`s${bits}`, `int${bits}_t`],
    ]),
  ),
};

const special = {
  '%tid.x': 'simt::thread_index().x',
  '%ntid.x': 'simt::block_size().x',
  '%ctaid.x': 'simt::block_index().x',
};

function operand(word) {
  if (special[word]) return special[word];
  if (word.startsWith('%')) return word.slice(1);
  if (/^0f/i.test(word)) return `bits_to<float>(0x${word.slice(2)}u)`;
  if (/^0d/i.test(word)) return `bits_to<double>(0x${word.slice(2)}ull)`;
  if (/^-?\d+$/.test(word)) return word === '-9223372036854775808' ? 'INT64_MIN' : `${word}ll`;
  if (word === 'sjd2_dynamic') return '0';
  throw new Error(`unknown operand ${word}`);
}
const value = (type, word) => `as<${types[type]}>(${operand(word)})`;

function address(space, word) {
  const [, base, offset] = /^\[([^+\]]+)(?:\+(-?\d+))?\]$/.exec(word);
  const at = offset ? ` + (${offset})` : '';
  if (space === 'param') return `parameters${at}`;
  if (space === 'shared') return `shared + ${operand(base)}${at}`;
  return `reinterpret_cast<char*>(${operand(base)})${at}`;
}

const compare = {
  eq: '==',
  ne: '!=',
  lt: '<',
  le: '<=',
  gt: '>',
  ge: '>=',
  lo: '<',
  ls: '<=',
  hi: '>',
  hs: '>=',
};
const negated = { equ: '!=', neu: '==', ltu: '>=', leu: '>', gtu: '<=', geu: '<' };
const arithmetic = { add: '+', sub: '-', div: '/', rem: '%', and: '&', or: '|', xor: '^' };

function statement(name, args) {
  const [op, ...mods] = name.split('.');
  const type = mods.at(-1);
  const set = (expression, to = args[0]) => `store(${to.slice(1)}, ${expression});`;
  const a = () => value(type, args[1]);
  const b = () => value(type, args[2]);
  switch (op) {
    case 'mov':
      // Two registers of half the width, packed or unpacked; the first is the lower half.
      if (args[0].startsWith('{') || args[1].startsWith('{')) {
        const half = Number(type.slice(1)) / 2;
        const packs = args[1].startsWith('{');
        const [low, high] = args[packs ? 1 : 0]
          .slice(1, -1)
          .split(',')
          .map((word) => word.trim());
        if (packs) {
          const [l, h] = [low, high].map((word) => `as<uint${half}_t>(${operand(word)})`);
          return set(`uint${2 * half}_t(${h}) << ${half} | uint${2 * half}_t(${l})`);
        }
        const whole = `as<uint${2 * half}_t>(${operand(args[1])})`;
        return `${set(`uint${half}_t(${whole})`, low)} ${set(`uint${half}_t(${whole} >> ${half})`, high)}`;
      }
      return set(type.startsWith('b') ? operand(args[1]) : a());
    case 'ld':
    case 'st': {
      const space = mods[0];
      const words = args[op === 'ld' ? 0 : 1].replace(/[{}]/g, '').split(',');
      const where = address(space, args[op === 'ld' ? 1 : 0]);
      return words
        .map((word, i) => {
          const at = `${where} + ${i} * sizeof(${types[type]})`;
          return op === 'ld'
            ? set(`load<${types[type]}>(${at})`, word.trim())
            : `save<${types[type]}>(${at}, ${value(type, word.trim())});`;
        })
        .join(' ');
    }
    case 'cvta':
      return set(
        mods[0] === 'shared' ? `uint64_t(shared + ${operand(args[1])})` : operand(args[1]),
      );
    case 'cvt': {
      const [to, from] = mods.slice(-2);
      const source = value(from, args[1]);
      if (mods[0] === 'rni') return set(`round_to<${types[to]}>(${source})`);
      if (!['rn', to].includes(mods[0])) throw new Error(`unknown rounding in ${name}`);
      return set(`static_cast<${types[to]}>(${source})`);
    }
    case 'setp': {
      const [left, right] = [value(type, args[1]), value(type, args[2])];
      if (negated[mods[0]]) return set(`!(${left} ${negated[mods[0]]} ${right})`);
      return set(`${left} ${compare[mods[0]]} ${right}`);
    }
    case 'selp':
      return set(`${operand(args[3])} ? ${a()} : ${b()}`);
    case 'fma':
      return set(`std::fma(${a()}, ${b()}, ${value(type, args[3])})`);
    case 'mad':
      return set(`wrap<${types[type]}>(${a()}) * ${b()} + ${value(type, args[3])}`);
    case 'mul':
      if (mods[0] === 'wide') return set(`wide(${a()}, ${b()})`);
      if (mods[0] === 'hi') return set(`high(${a()}, ${b()})`);
      return set(`wrap<${types[type]}>(${a()}) * ${b()}`);
    case 'add':
    case 'sub':
      return set(`wrap<${types[type]}>(${a()}) ${arithmetic[op]} ${b()}`);
    case 'div':
    case 'rem':
    case 'and':
    case 'or':
    case 'xor':
      return set(`${a()} ${arithmetic[op]} ${b()}`);
    case 'shl':
    case 'shr':
      return set(`${op}(${a()}, uint32_t(${operand(args[2])}))`);
    case 'not':
      return set(type === 'pred' ? `!${a()}` : `~${a()}`);
    case 'neg':
      return set(`-${a()}`);
    case 'min':
    case 'max':
      return set(`std::${op}(${a()}, ${b()})`);
    case 'rcp':
      return set(`1.0 / ${a()}`);
    case 'sqrt':
      return set(`std::sqrt(${a()})`);
    case 'bfi':
      return set(
        `bfi(${a()}, ${b()}, uint32_t(${operand(args[3])}), uint32_t(${operand(args[4])}))`,
      );
    case 'brev':
      return set(`brev(${a()})`);
    case 'bfind':
      return set(`bfind_shiftamt(${a()})`);
    case 'popc':
      return set(`std::popcount(${a()})`);
    case 'atom':
      return set(
        `atomicAdd(reinterpret_cast<uint32_t*>(${address('shared', args[1])}), ${value(type, args[2])})`,
      );
    case 'shfl': {
      const word = { bfly: '__shfl_xor_sync', up: '__shfl_up_sync', idx: '__shfl_sync' }[mods[1]];
      return set(
        `${word}(uint32_t(${operand(args[4])}), uint32_t(${operand(args[1])}), ${operand(args[2])})`,
        args[0].split('|')[0],
      );
    }
    case 'vote': {
      const word = { any: '__any_sync', all: '__all_sync', ballot: '__ballot_sync' }[mods[1]];
      return set(`${word}(uint32_t(${operand(args[2])}), ${operand(args[1])})`);
    }
    case 'bar':
    case 'barrier':
      return 'simt::sync_threads();';
    case 'bra':
      return `goto ${args[0].replace('$', '')};`;
    case 'ret':
      return 'return;';
  }
  throw new Error(`unknown instruction ${name}`);
}

// Commas inside braces do not separate operands.
const split = (list) =>
  list
    .match(/\{[^}]*\}|[^,{}]+/g)
    ?.map((word) => word.trim())
    .filter(Boolean) ?? [];

function kernel(name, body) {
  const lines = [`void ${name}(const char* parameters, char* shared) {`];
  const code = body.replace(/\.(loc|pragma|file)[^\n]*/g, '');
  for (const [, type, prefix, count] of code.matchAll(/\.reg \.(\w+)\s+%(\w+)<(\d+)>;/g)) {
    for (let i = 0; i < Number(count); ++i) lines.push(`${types[type]} ${prefix}${i} = {};`);
  }
  const singles = [...code.matchAll(/\.reg \.(\w+)\s+%(\w+);/g)].map(
    ([, type, single]) => `${types[type]} ${single} = {};`,
  );
  lines.push(...new Set(singles));
  for (const part of code.replace(/\.reg [^;]*;/g, '').matchAll(/(\$?\w+):|([^;:\n]+);/g)) {
    if (part[1]) {
      lines.push(`${part[1].replace('$', '')}:;`);
      continue;
    }
    const line = part[2].replace(/^[\s{}]+(?=[a-z@])/, '').trim();
    const [, negation, predicate, name, list] = /^(?:@(!?)%(\w+)\s+)?([\w.]+)\s*([\s\S]*)$/.exec(
      line,
    );
    const condition = predicate ? `if (${negation}${predicate}) ` : '';
    lines.push(`${condition}{ ${statement(name, split(list))} }`);
  }
  lines.push('}');
  return lines.join('\n');
}

const parts = [
  '// Made by translate.mjs.',
  '#include "ptx/words.h"',
  'namespace ptx {',
  'namespace {',
];
const table = [];
for (const entry of text.matchAll(/\.entry (\w+)\(\s*([^)]*)\)([^{]*)\{([\s\S]*?)\n\}/g)) {
  const [, name, parameters, directives, body] = entry;
  if (wanted.length && !wanted.includes(name)) continue;
  const bytes = /\[(\d+)\]/.exec(parameters)[1];
  const threads = /\.maxntid (\d+)/.exec(directives)[1];
  parts.push(kernel(name, body));
  table.push(`{"${name}", ${bytes}, ${threads}, ${name}},`);
}
parts.push('}', 'const Kernel kKernels[] = {', ...table, '{}};', '}');
writeFileSync(output, `${parts.join('\n')}\n`);
