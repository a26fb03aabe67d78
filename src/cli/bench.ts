import { Command } from 'commander';
import type { Benchmark, BenchOptions, DecoderSpeed } from '../benchmark/bench';
import { loadShown } from './generate';
import {
  addModelOptions,
  addSamplerOptions,
  type ModelFlags,
  numeric,
  type SamplerFlags,
} from './generation-options';
import { interruptible } from './interrupt';
import { createProgress } from './progress';
import { printJson, runReport } from './report';
import { formatTable } from './table';

interface BenchFlags extends ModelFlags, SamplerFlags {
  prompt?: string;
  seconds?: number | string;
  json?: boolean;
}

export function benchCommand(): Command {
  const command = new Command('bench')
    .description(
      'measure on this machine what windows cost and decoders gain, and recommend settings',
    )
    .option('--prompt <text>', 'what is drawn (default: a red apple)')
    .option('--seconds <n>', 'about how long it may take (default: 60)', numeric);
  addSamplerOptions(command);
  return addModelOptions(command)
    .option('--json', 'print one JSON object instead of the tables')
    .addHelpText('after', '\nExample:\n  sjd2 bench --model ./Janus-Pro-1B-ONNX --seconds 600')
    .action(bench);
}

async function bench(flags: BenchFlags): Promise<void> {
  await interruptible(async (signal) => {
    const model = await loadShown(flags, signal);
    const progress = createProgress();
    try {
      const { prompt, seconds, sampler, guidance, temperature, topK, topP } = flags;
      const result = await model.bench({
        ...{ prompt, seconds, sampler, guidance, temperature, topK, topP, signal },
        onProgress: ({ setting, done }) => progress.wait(`${Math.floor(100 * done)}% ${setting}`),
      } as BenchOptions);
      progress.stop();
      if (flags.json) printJson({ ...runReport(model, prompt ?? null), ...result });
      else console.log(tables(result));
    } finally {
      progress.stop();
      await model.dispose();
    }
  });
}

function tables({ images, tokens, windows, decoders, recommended, seconds }: Benchmark): string {
  const costs = windows.map(({ window, seconds, breakEven }) => [
    String(window),
    (1000 * seconds).toFixed(2),
    breakEven.toFixed(2),
  ]);
  const speeds = decoders.map((speed) => [
    speed.decoder,
    speed.decoder === 'ar' ? '' : speed.coupling,
    String(speed.window),
    speed.tokensPerPass.toFixed(2),
    (1000 * speed.secondsPerToken).toFixed(2),
    `${speed.speedUp.toFixed(2)}x`,
  ]);
  return [
    formatTable([['window', 'ms a pass', 'tokens a pass to break even'], ...costs]),
    '',
    formatTable([
      ['decoder', 'coupling', 'window', 'tokens a pass', 'ms a token', 'speed'],
      ...speeds,
    ]),
    '',
    `${images} ${images === 1 ? 'image' : 'images'} of ${tokens} tokens each, ${seconds.toFixed(0)} s`,
    advice(recommended),
  ].join('\n');
}

function advice({ decoder, coupling, window, speedUp }: DecoderSpeed): string {
  if (decoder === 'ar') return 'recommended: --decoder ar (nothing is faster here)';
  const picture = coupling === 'gumbel' ? 'the picture of ar' : 'the law of ar, another picture';
  const flags = coupling === 'gumbel' ? '' : ` --coupling ${coupling}`;
  return `recommended: --decoder ${decoder}${flags} --window ${window} (${speedUp.toFixed(1)}x ar, ${picture})`;
}
