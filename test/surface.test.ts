/**
 * What the package promises by name (docs/versions.md): a line for each exported name with its members, or
 * with the strings that it may be. Who changes one changes the promise, and this list with it.
 */
import { readFileSync } from 'node:fs';
import path from 'node:path';

const DIST = path.join(__dirname, '..', 'dist');

const SJD2 = `
Attribution: license, name, source, url?
BenchOptions: onProgress?, prompt?, seconds?, signal?
BenchProgress: done, setting
Benchmark: decoders, images, recommended, seconds, tokens, windows
CouplingName: gumbel | maximal | independent
DecoderName: ar | jacobi | sjd | sjd2
DecoderSpeed: coupling, decoder, secondsPerToken, speedUp, tokensPerPass, window
DeviceName: cpu | webgpu | cuda
EmbeddingsPrompt: kind, length, width
ErrorCode: ERR_ARGUMENT | ERR_MODEL | ERR_ADDON | ERR_RUNTIME | ERR_VERIFY | ERR_NUMERICS | ERR_STATE | ERR_ABORTED | ERR_OUTPUT | ERR_DEVICE | ERR_MEMORY | ERR_INTERNAL
GenerateOptions: count?, coupling?, decoder?, initial?, levels?, relaxed?, seed?, signal?, steps?, window?
GenerateResult: images, stats, tokens
GenerationEvent: progress | preview | completed
GraphsByRows: '1'?, '2'?
ImageModel: [Symbol.asyncDispose], bench, decodeTokens, device, deviceReason, dispose, folder, generate, manifest, precision, runtime, score, sha256, stream, unknownWords, verify
ImageRaster: columns, decodedBy?, height, rows, vocabulary, width
InitialName: noise | uniform | left | up
LawComparison: chiSquare, images, outside, tokens
LoadOptions: check?, device?, onProgress?, precision?, signal?, threads?, verify?
LoadProgress: loaded, stage, total
Manifest: attribution, cache, denoising, description, family?, files, format, headSize, heads, hiddenSize, image, kvHeads, layers, license, maxLength, name, prompt, sampler, sequence?, version
ManifestDenoising: levels, rho, schedule, sigmaMax, sigmaMin, steps
ManifestFile: path, sha256
ManifestFiles: decoder, halfDecoder?, imageDecoder?, promptEncoder?, tables, tokenizer?, weights
ManifestSequence: rowEnd?, sketch?
PartName: prepare_inputs_embeds | language_model | gen_head | gen_img_embeds | image_decode
PartType: fp32 | fp16 | q8 | int8 | uint8 | q4 | q4f16 | bnb4
RgbImage: data, fromPNG, fromPlanes, height, paste, save, toPNG, toPNGAsync, upscale, width
RuntimeInfo: path, providers, version
SamplerOptions: guidance?, sampler?, temperature?, topK?, topP?
Sjd2Error: code
Statistics: accepted, committedPerPass, imageSeconds, kernelSeconds, modelSeconds, passes, redrawn, seconds, seed, tokens, tokensPerPass, windowPerPass
StreamOptions: previewEvery?
TemplatePrompt: kind, length?, template, unconditional
TokenComparison: difference, same, seed
TokenDifference: margin, position, tokens
Verification: checks, passed, seconds
VerifyCheck: allowed, found, law?, name, passed, tokens?, windows?
VerifyOptions: images?, onProgress?, prompt?, samples?, signal?, tokens?
VerifyProgress: check, done
WindowComparison: committed, difference, guided, width
WindowCost: breakEven, seconds, window
WordsPrompt: begin, kind, length, pad, unconditional, unknown
contactSheet
loadModel
shippedModels
`;

const KERNELS = `
EmbeddingTable: embedding, mean, std
KernelWindow: capacity, count, first
NoiseOptions: drafts, fed?, freshFrom?, level, out, rowStride?, rows?, schedule, seed?, table, window, z
NoiseSchedule: alpha, sigma, tau
RefineOptions: drafts, level, schedule, table, window, z
Verdict: accepted, committed, kept
VerifyOptions: coupling?, drafts, guidance?, kept?, laws?, level, logits, pass?, relaxed?, rows?, seed?, temperature?, topK?, topP?, type?, vocabulary, window
initialLaw
noise
noiseAsync
refine
refineAsync
verify
verifyAsync
`;

test('sjd2 exports these names', () => {
  const lines = [
    ...declarations('index.d.ts').matchAll(/^export (type )?\{([^}]+)\} from '([^']+)'/gm),
  ];
  const surface = lines.flatMap(([, , names, file]) => {
    return (names as string)
      .split(',')
      .map((name) => name.replace('type ', '').trim())
      .filter((name) => name !== '')
      .map((name) => describeName(name, `${file}.d.ts`));
  });
  expect(`\n${surface.sort().join('\n')}\n`).toBe(SJD2);
});

test('sjd2/kernels exports these names', () => {
  const source = declarations('kernels.d.ts');
  const names = [...source.matchAll(/^export (?:declare )?\w+ (\w+)/gm)].map(([, name]) => name);
  const surface = names.map((name) => describeName(name as string, 'kernels.d.ts'));
  expect(`\n${surface.sort().join('\n')}\n`).toBe(KERNELS);
});

test('the package exports these paths', () => {
  const { exports, bin } = require('../package.json');
  expect([Object.keys(exports), Object.keys(bin)]).toEqual([
    ['.', './kernels', './package.json'],
    ['sjd2'],
  ]);
});

/** What the compiler says of a file to users, without comments and what is internal. */
function declarations(file: string): string {
  return readFileSync(path.join(DIST, file), 'utf8')
    .replace(/\/\*\* @internal (?:(?!\*\/)[\s\S])*\*\/\s*[^\n]*\n/g, '')
    .replace(/\/\*\*[\s\S]*?\*\//g, '');
}

/** `Statistics: accepted, passes` for a class or interface; `DecoderName: ar | sjd` for a type. */
function describeName(name: string, file: string): string {
  const start = new RegExp(`^export (?:declare )?(\\w+) ${name}\\b`, 'm');
  const [, kind] = start.exec(declarations(file)) ?? [];
  if (kind === undefined) throw new Error(`${file} does not declare ${name}`);
  // Up to the next declaration.
  const text = declarations(file)
    .split(/^(?=export |import |declare )/m)
    .find((part) => start.test(part)) as string;
  if (kind === 'class' || kind === 'interface') {
    const member = /^ {4}(?:readonly |static |get )*(['[]?[\w.]+['\]]?\??)(?=[(:<])/gm;
    const members = new Set([...text.matchAll(member)].map(([, found]) => found));
    members.delete('constructor');
    return `${name}: ${[...members].sort().join(', ')}`;
  }
  if (kind !== 'type') return name;
  const [, list] = /\(typeof (\w+)\)\[number\]/.exec(text) ?? [];
  const strings = list
    ? require(path.join(DIST, file.replace('.d.ts', '.js')))[list]
    : [...text.matchAll(/'([^']+)'/g)].map(([, value]) => value);
  return `${name}: ${strings.join(' | ')}`;
}
