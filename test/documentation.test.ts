/**
 * What README.md and docs/ show has to run. The JavaScript blocks of a page are one program, in order,
 * and a comment behind `console.log(...)` is what it prints; commands of sjd2 are run; of what takes
 * too long to run here, the script or file has to be there.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { transformSync } from '@swc/core';
import { ERROR_CODES } from '../src/errors';
import { PACKAGE_ROOT } from '../src/native/loader';

interface Block {
  language: string;
  text: string;
  line: number;
}

const pages = ['README.md', 'CONTRIBUTING.md', ...markdownIn('docs')];

function markdownIn(folder: string): string[] {
  return readdirSync(path.join(PACKAGE_ROOT, folder), { withFileTypes: true }).flatMap((entry) => {
    const place = `${folder}/${entry.name}`;
    if (entry.isDirectory()) return markdownIn(place);
    return entry.name.endsWith('.md') ? [place] : [];
  });
}

function read(page: string): string {
  return readFileSync(path.join(PACKAGE_ROOT, page), 'utf8');
}

function blocksOf(page: string): Block[] {
  const text = read(page);
  return [...text.matchAll(/^```(\S*)\n([\s\S]*?)^```$/gm)].map(
    ({ 1: language, 2: body, index }) => ({
      language: language as string,
      text: body as string,
      line: text.slice(0, index).split('\n').length,
    }),
  );
}

function ofLanguage(...languages: string[]): Array<[string, Block[]]> {
  return pages
    .map((page): [string, Block[]] => [
      page,
      blocksOf(page).filter(({ language }) => languages.includes(language)),
    ])
    .filter(([, blocks]) => blocks.length > 0);
}

describe('a block of code', () => {
  let project: string;
  beforeEach(() => {
    project = mkdtempSync(path.join(tmpdir(), 'sjd2-documentation-'));
    mkdirSync(path.join(project, 'node_modules'));
    symlinkSync(PACKAGE_ROOT, path.join(project, 'node_modules', 'sjd2'), 'junction');
  });
  afterEach(() => rmSync(project, { recursive: true, force: true }));

  const node = (...args: string[]) =>
    execFileSync(process.execPath, args, { cwd: project, encoding: 'utf8', stdio: 'pipe' });

  test.each(ofLanguage('js', 'ts'))('of %s runs, and prints what it says', (_, blocks) => {
    const source = blocks.map(({ text }) => text).join('\n');
    const typescript = blocks.some(({ language }) => language === 'ts');
    const program = typescript
      ? transformSync(source, { jsc: { parser: { syntax: 'typescript' }, target: 'es2022' } }).code
      : source;
    writeFileSync(path.join(project, 'program.mjs'), program);
    const printed = node('program.mjs').split('\n');
    const promised = [...source.matchAll(/^\s*console\.log\(.*\);? +\/\/ (.*)$/gm)];
    for (const [, line] of promised) expect(printed).toContain(line);
  });

  test.each(ofLanguage('bash', 'sh'))('of commands in %s can be typed', (_, blocks) => {
    for (const { text } of blocks) {
      for (const command of commandsOf(text)) tryCommand(command);
    }
  });

  test.each(ofLanguage('json'))('of JSON in %s is JSON', (_, blocks) => {
    for (const { text } of blocks) JSON.parse(text);
  });

  /** With a model that a reader has and we have not, its options have to be right all the same. */
  function runCli(...args: string[]): void {
    const program = path.join(PACKAGE_ROOT, 'bin', 'sjd2.js');
    const options = { cwd: project, encoding: 'utf8' } as const;
    const { status, stderr } = spawnSync(process.execPath, [program, ...args], options);
    const model = args[args.indexOf('--model') + 1] ?? '';
    if (args.includes('--model') && !existsSync(path.join(project, model))) {
      expect(stderr).toMatch(/^sjd2: Expected model to be one of .* but found no /);
    } else expect({ args, status, stderr }).toMatchObject({ status: 0 });
  }

  /** Runs what takes seconds; of the rest, what it names has to exist. */
  function tryCommand(command: string): void {
    const words = (command.match(/"[^"]*"|\S+/g) ?? []).map((word) => word.replace(/^"|"$/g, ''));
    while (/^[A-Z_]+=/.test(words[0] ?? '')) words.shift();
    const [program, first, ...rest] = words as [string, string, ...string[]];
    const { scripts } = JSON.parse(read('package.json'));
    if (program === 'sjd2') runCli(first, ...rest);
    else if (/^(npx sjd2|node bin\/sjd2.js)$/.test(`${program} ${first}`)) runCli(...rest);
    else if (program === 'npm' && first === 'run')
      expect(scripts).toHaveProperty([rest[0] as string]);
    else if (program === 'npm') expect(['ci', 'test', 'install', 'audit']).toContain(first);
    else if (/^(node|.*python3?)$/.test(program) && /\.(mjs|cjs|js|py)$/.test(first)) {
      expect([first, existsSync(path.join(PACKAGE_ROOT, first))]).toEqual([first, true]);
    } else if (/^(node|.*python3?)$/.test(program)) expect(first).toBe('-m');
    else expect(['.venv/bin/pip', 'apt-get', 'docker']).toContain(program);
  }
});

function commandsOf(text: string): string[] {
  return text
    .replaceAll('\\\n', ' ')
    .split(/\n|&&/)
    .map((line) => line.replace(/(^|\s)#.*$/, '').trim())
    .filter((line) => line !== '');
}

test('a block of code is of a language that something here looks at', () => {
  const looked = ['js', 'ts', 'bash', 'sh', 'json'];
  const others = pages.flatMap((page) =>
    blocksOf(page)
      .filter(({ language }) => !looked.includes(language) && language !== 'text')
      .map(({ language, line }) => `${page}:${line} ${language}`),
  );
  expect(others).toEqual([]);
});

describe('a link', () => {
  test.each(pages)('of %s leads to a file and a heading that exist', (page) => {
    const text = read(page).replace(/^```[\s\S]*?^```$/gm, '');
    const broken = [...text.matchAll(/\]\(([^)\s]+)\)/g)]
      .map(([, target]) => target as string)
      .filter((target) => !/^(https?|mailto):/.test(target) && !leads(page, target));
    expect(broken).toEqual([]);
  });

  function leads(page: string, target: string): boolean {
    const [file, anchor] = target.split('#') as [string, string?];
    const place = file === '' ? page : path.posix.join(path.posix.dirname(page), file);
    if (!existsSync(path.join(PACKAGE_ROOT, place))) return false;
    return !anchor || !place.endsWith('.md') || anchorsOf(place).includes(anchor);
  }

  /** As GitHub and npm make them. */
  function anchorsOf(page: string): string[] {
    return [...read(page).matchAll(/^#+ (.*)$/gm)].map(([, heading]) =>
      (heading as string)
        .toLowerCase()
        .replace(/[^\p{L}\p{N} _-]/gu, '')
        .replaceAll(' ', '-'),
    );
  }
});

describe('troubleshooting', () => {
  const page = read('docs/troubleshooting.md');

  test('has a section for every code, and for no other', () => {
    const sections = [...page.matchAll(/^## (ERR_\w+)/gm)].map(([, code]) => code);
    expect(sections.sort()).toEqual([...ERROR_CODES].sort());
  });

  test('quotes messages that the code still has', () => {
    const code = sourcesIn('src', /\.ts$/) + sourcesIn('native', /\.(cc|h)$/);
    // Strings that go on in the next line, and values in the middle, count as one text.
    const messages = code.replace(/['"`]\s*(\+|<<)?\s*\n\s*\+?\s*['"`]/g, '');
    const quoted = [...page.matchAll(/^\| `([^`]+)`/gm)].map(([, message]) => message as string);
    const parts = quoted.flatMap((message) => message.split('…')).map((part) => part.trim());
    expect(quoted.length).toBeGreaterThan(20);
    expect(parts.filter((part) => part !== '' && !messages.includes(part))).toEqual([]);
  });

  function sourcesIn(folder: string, name: RegExp): string {
    return readdirSync(path.join(PACKAGE_ROOT, folder), { recursive: true, encoding: 'utf8' })
      .filter((file) => name.test(file))
      .map((file) => read(`${folder}/${file}`))
      .join('\n');
  }
});
