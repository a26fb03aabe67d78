import { Command, CommanderError } from 'commander';
import { shown } from '../errors';
import { cannotWrite } from '../image/write-whole';
import { benchCommand } from './bench';
import { compareCommand } from './compare';
import { EXIT, fail } from './failure';
import { generateCommand } from './generate';
import { infoCommand } from './info';
import { verifyCommand } from './verify';

const { version } = require('../../package.json') as { version: string };

/**
 * Runs the command line. Never rejects: what goes wrong becomes one line on standard error and an
 * exit code in `process.exitCode`.
 *
 * @param argv as in `process.argv`
 */
export async function run(argv: string[]): Promise<void> {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    // `sjd2 ... | head` closes the pipe early: that is the reader's choice, not an error.
    process.exit(error.code === 'EPIPE' ? EXIT.done : fail(cannotWrite('standard output', error)));
  });
  // Where errors cannot be told, the exit code has to do.
  process.stderr.on('error', () => process.exit(EXIT.failure));
  try {
    await createProgram().parseAsync(argv);
  } catch (error) {
    process.exitCode = error instanceof CommanderError ? usageCode(error) : fail(error);
  }
}

function createProgram(): Command {
  const program = new Command('sjd2')
    .description(
      'Draws pictures from words with an autoregressive transformer, several tokens\n' +
        'a pass: Speculative Jacobi-Denoising Decoding (SJD2).',
    )
    .version(version, '-V, --version', 'print the version')
    .helpCommand('help [command]', 'print the help of a command')
    .showSuggestionAfterError()
    .addHelpText(
      'after',
      `
Examples:
  sjd2 generate "a red apple" -o apple.png
  sjd2 compare "a red apple" -o sheet.png
  sjd2 verify --model ./my-model
  sjd2 bench --model ./my-model
  sjd2 info

Exit codes: ${EXIT.done} done, ${EXIT.failure} failure, ${EXIT.usage} bad usage, ${EXIT.interrupted} interrupted`,
    );
  for (const command of [
    generateCommand(),
    compareCommand(),
    verifyCommand(),
    benchCommand(),
    infoCommand(),
  ]) {
    program.addCommand(command);
  }
  // Commander would end the process itself; here every way out goes through run().
  for (const command of [program, ...program.commands]) {
    const help = `${command === program ? 'sjd2' : `sjd2 ${command.name()}`} --help`;
    command
      .helpOption('-h, --help', 'print this help')
      .exitOverride()
      .configureOutput({ outputError: (text, write) => write(oneLine(text, help)) });
  }
  return program;
}

/** "error: unknown command 'x'\n(Did you mean y?)" as one line that says where to look. */
function oneLine(text: string, help: string): string {
  const message = shown(text.replace(/^error: /, ''), 300).replace(/\.$/, '');
  return `sjd2: ${message}; see ${help}\n`;
}

/** Commander has printed already; help and version that were asked for are no errors. */
function usageCode(error: CommanderError): number {
  return error.exitCode === 0 ? EXIT.done : EXIT.usage;
}
