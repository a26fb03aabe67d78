import { Command } from 'commander';
import type { Verification, VerifyOptions } from '../verification/verify';
import { EXIT } from './failure';
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

interface VerifyFlags extends ModelFlags, SamplerFlags {
  prompt?: string;
  images?: number | string;
  tokens?: number | string;
  samples?: number | string;
  json?: boolean;
}

export function verifyCommand(): Command {
  const command = new Command('verify')
    .description(
      'prove on this machine that a model decodes as it should: windows against single steps,\n' +
        'tokens against ar, laws against samples; exit code 1 if not',
    )
    .option('--prompt <text>', 'what is drawn (default: a red apple)')
    .option(
      '--images <n>',
      'images whose tokens are compared with those of ar (default: 4)',
      numeric,
    )
    .option('--tokens <n>', 'of them the first so many tokens (default: all)', numeric)
    .option(
      '--samples <n>',
      'images whose first tokens are held against their laws (default: 64)',
      numeric,
    );
  addSamplerOptions(command);
  return addModelOptions(command)
    .option('--json', 'print one JSON object instead of the table')
    .addHelpText(
      'after',
      `
Examples:
  sjd2 verify --model ./my-model
  sjd2 verify --model ./Janus-Pro-1B-ONNX --images 1 --tokens 64 --samples 16`,
    )
    .action(verify);
}

async function verify(flags: VerifyFlags): Promise<void> {
  await interruptible(async (signal) => {
    // What the check at load would refuse is what is looked for here.
    const model = await loadShown(flags, signal, { check: false });
    const progress = createProgress();
    try {
      const { prompt, images, tokens, samples } = flags;
      const { sampler, guidance, temperature, topK, topP } = flags;
      const result = await model.verify({
        ...{ prompt, images, tokens, samples, signal },
        ...{ sampler, guidance, temperature, topK, topP },
        onProgress: ({ check, done }) => progress.wait(`${Math.floor(100 * done)}% ${check}`),
      } as VerifyOptions);
      progress.stop();
      if (flags.json) printJson({ ...runReport(model, prompt ?? null), ...result }, jsonValue);
      else console.log(table(result));
      if (!result.passed) process.exitCode = EXIT.failure;
    } finally {
      progress.stop();
      await model.dispose();
    }
  });
}

function jsonValue(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? Number(value) : value;
}

function table({ passed, checks, seconds }: Verification): string {
  const rows = checks.map((check) => [
    check.passed ? 'passed' : 'FAILED',
    check.name,
    check.found,
    check.allowed,
  ]);
  const failed = checks.filter((check) => !check.passed).length;
  const verdict = passed
    ? `all ${checks.length} checks passed`
    : `${failed} of ${checks.length} checks FAILED`;
  return [
    formatTable([['verdict', 'check', 'found', 'allowed'], ...rows]),
    '',
    `${verdict}, ${seconds.toFixed(0)} s`,
  ].join('\n');
}
