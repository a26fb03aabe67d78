import os from 'node:os';
import { Command } from 'commander';
import { Sjd2Error, shown } from '../errors';
import { loadModel } from '../load-model';
import { DEFAULT_MODEL, shippedModels } from '../model/package';
import { probeCuda, probeWebGpu } from '../native/device';
import { loadAddon } from '../native/loader';
import { openRuntime } from '../native/runtime';
import { EXIT } from './failure';
import { numeric } from './generation-options';
import { printJson } from './report';

const { version } = require('../../package.json') as { version: string };

interface InfoFlags {
  model: string;
  threads: number;
  verify?: boolean;
  json?: boolean;
}

interface Device {
  name: string;
  usable: boolean;
  /** The GPU that was found. */
  gpu?: string;
  /** It is a CPU that plays a GPU: right, and slow. */
  software?: boolean;
  /** What is missing, and how to get it. */
  reason?: string;
}

/** A part that does not work holds what is wrong with it instead. */
type Part<T> = T | { error: string };

interface Info {
  version: string;
  node: string;
  platform: string;
  processor: string;
  addon: Part<{ path: string }>;
  runtime: Part<{ version: string; path: string; source: string; providers: string[] }>;
  devices: Device[];
  models: string[];
  model: Part<Record<string, unknown>>;
}

export function infoCommand(): Command {
  return new Command('info')
    .description('print versions, devices and the model, for looking around and for bug reports')
    .option('--model <name|dir>', 'a shipped model or a folder with a model.json', DEFAULT_MODEL)
    .option('--threads <n>', 'threads in one operator, 0 for one per core', numeric, 0)
    .option('--verify', 'compare tables and weights with their SHA-256, too (graphs always are)')
    .option('--json', 'print one JSON object')
    .action(info);
}

async function info(flags: InfoFlags): Promise<void> {
  const addon = part(() => ({ path: loadAddon().path }));
  const runtime = part(() => {
    // What is wrong with the addon is said once.
    if ('error' in addon) throw new Error('not looked for: the addon is missing');
    const { version, path, source, providers } = openRuntime();
    return { version, path, source, providers };
  });
  const works = !('error' in addon) && !('error' in runtime);
  const report: Info = {
    version,
    node: process.version,
    platform: `${process.platform}-${process.arch}, ${os.type()} ${os.release()}`,
    processor: `${os.cpus()[0]?.model.trim() ?? 'unknown'}, ${os.availableParallelism()} threads`,
    addon,
    runtime,
    devices: [
      { name: 'cpu', usable: works },
      works ? await describeGpu('webgpu') : { name: 'webgpu', usable: false },
      works ? await describeGpu('cuda') : { name: 'cuda', usable: false },
    ],
    models: shippedModels(),
    model: works
      ? await describeModel(flags)
      : { error: 'not looked at: it runs on what is missing above' },
  };
  if (flags.json) printJson(report);
  else console.log(readable(report));
  const broken = [report.addon, report.runtime, report.model].some((value) => 'error' in value);
  if (broken) process.exitCode = EXIT.failure;
}

function part<T>(look: () => T): Part<T> {
  try {
    return look();
  } catch (error) {
    return { error: (error as Error).message };
  }
}

async function describeGpu(name: 'webgpu' | 'cuda'): Promise<Device> {
  try {
    const report = await (name === 'cuda' ? probeCuda() : probeWebGpu());
    const { gpu, missing } = report;
    const device: Device = { name, usable: missing.length === 0 };
    if (gpu) device.gpu = gpu;
    if ('software' in report && report.software) device.software = true;
    if (missing.length > 0) device.reason = missing.map(oneLine).join(' ');
    return device;
  } catch (error) {
    return { name, usable: false, reason: (error as Error).message };
  }
}

/** A sentence of its own. */
function oneLine(text: string): string {
  return text.replace(/\s*\n\s*/g, ' ').replace(/\.?$/, '.');
}

async function describeModel(flags: InfoFlags): Promise<Part<Record<string, unknown>>> {
  try {
    const model = await loadModel(flags.model, {
      threads: flags.threads,
      verify: flags.verify ?? false,
    });
    const { manifest, folder } = model;
    await model.dispose();
    const { image, sampler, denoising, sequence } = manifest;
    const sketch =
      sequence?.sketch &&
      `, behind a sketch of ${sequence.sketch.rows} x ${sequence.sketch.columns}`;
    return {
      name: manifest.name,
      folder,
      license: manifest.license,
      image: `${image.width} x ${image.height} pixels, ${image.rows} x ${image.columns} tokens of ${image.vocabulary}${sketch ?? ''}`,
      ...(image.decodedBy && { pixels: `none: tokens for ${image.decodedBy}` }),
      transformer: `${manifest.layers} layers of ${manifest.hiddenSize}, ${manifest.heads} heads`,
      sampler: `guidance ${sampler.guidance}, temperature ${sampler.temperature}, top-k ${sampler.topK}, top-p ${sampler.topP}`,
      denoising: denoising
        ? `${denoising.steps} steps by default, ${denoising.levels} at most`
        : 'none: sjd2 cannot be used',
    };
  } catch (error) {
    // A wrong option is no finding about the model.
    if (error instanceof Sjd2Error && error.code === 'ERR_ARGUMENT') throw error;
    return { error: (error as Error).message };
  }
}

function readable(report: Info): string {
  const { addon, runtime, model } = report;
  const lines: Array<[string, string]> = [
    ['sjd2', report.version],
    ['node', report.node],
    ['platform', report.platform],
    ['processor', report.processor],
    ['addon', 'error' in addon ? addon.error : addon.path],
  ];
  if ('error' in runtime) lines.push(['onnxruntime', runtime.error]);
  else {
    lines.push(['onnxruntime', `${runtime.version} (${runtime.source})`]);
    lines.push(['', runtime.path]);
    lines.push(['', runtime.providers.join(', ')]);
  }
  for (const { name, usable, gpu, software, reason } of report.devices) {
    const what = gpu ? `, ${gpu}${software ? ' (software: right, and slow)' : ''}` : '';
    const state = `${usable ? 'usable' : 'not usable'}${what}`;
    lines.push([`device ${name}`, `${state}${reason ? `: ${reason}` : ''}`]);
  }
  lines.push(['models', report.models.join(', ') || 'none shipped']);
  if ('error' in model) lines.push(['model', String(model.error)]);
  else {
    for (const [name, value] of Object.entries(model)) {
      lines.push([name === 'name' ? 'model' : `  ${name}`, String(value)]);
    }
  }
  return lines.map(([name, value]) => `${name.padEnd(14)} ${shown(value, 1000)}`).join('\n');
}
