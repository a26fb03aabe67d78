/** What a prompt becomes: text is text, ids are ids, and what is lost is said. */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadModel } from '../src';
import { manifestSchema } from '../src/model/manifest';
import { type PromptEncoder, promptEncoder } from '../src/model/prompt';
import { TextTokenizer } from '../src/model/text-tokenizer';
import { editJson, type Json, PackageCopies } from './package-copy';

const copies = new PackageCopies();

/** The prompts of a copy of the default model whose tokenizer `edit` has changed. */
async function prompts(edit: (tokenizer: Json) => void = () => {}): Promise<PromptEncoder> {
  const folder = copies.make();
  editJson(folder, 'tokenizer.json', edit);
  const manifest = JSON.parse(readFileSync(join(folder, 'model.json'), 'utf8'));
  const tokenizer = await TextTokenizer.read(join(folder, 'tokenizer.json'), 643);
  return promptEncoder(tokenizer, manifestSchema.parse(manifest));
}

const [PAD, UNKNOWN, BEGIN, RED] = [0, 1, 3, 4];

test('a prompt becomes its ids, padding and the begin token', async () => {
  const ids = (await prompts()).encode('a red apple');
  expect(ids).toHaveLength(25);
  expect(ids.slice(2)).toEqual([...new Array(22).fill(PAD), BEGIN]);
});

describe('a special token that is typed is text', () => {
  test.each(['<boi>', '<uncond>', '<pad>', '<unk>'])('%s', async (typed) => {
    const ids = (await prompts()).encode(`red ${typed} apple`);
    const word = typed.slice(1, -1);
    expect(ids).toEqual((await prompts()).encode(`red ${word} apple`));
    expect(ids.slice(0, 3)).not.toContain(BEGIN);
  });

  test('even where the vocabulary would take it for a word', async () => {
    // Without the normaliser a word may have brackets, and all four are in the vocabulary.
    const encoder = await prompts((tokenizer) => {
      tokenizer.normalizer = null;
    });
    for (const typed of ['<boi>', '<uncond>', '<pad>']) {
      expect(encoder.encode(`red ${typed}`).slice(0, 3)).toEqual([RED, UNKNOWN, PAD]);
      expect(encoder.unknownWords(`red ${typed}`)).toEqual([typed.slice(1, -1)]);
    }
  });

  test('while an added token that is not special stays a word', async () => {
    const encoder = await prompts((tokenizer) => {
      tokenizer.normalizer = null;
      tokenizer.added_tokens.push({
        ...tokenizer.added_tokens[0],
        id: 77,
        content: '<hat>',
        special: false,
      });
    });
    expect(encoder.encode('red <hat>').slice(0, 2)).toEqual([RED, 77]);
  });
});

describe('an id that is none is an error of the package', () => {
  test.each([[-1], [0.5], [null], ['5'], [1e300], [{}]])('%p, at load', async (id) => {
    for (const edit of [
      (tokenizer: Json) => (tokenizer.model.vocab.red = id),
      (tokenizer: Json) => (tokenizer.added_tokens[3].id = id),
    ]) {
      await expect(prompts(edit)).rejects.toMatchObject({
        code: 'ERR_MODEL',
        message: expect.stringMatching(/tokenizer\.json: expected the id of \S+ to be an integer/),
      });
    }
  });

  test('beyond the embedding, as soon as a text has it', async () => {
    const encoder = await prompts((tokenizer) => {
      tokenizer.model.vocab.red = 643;
    });
    encoder.encode('a green apple');
    expect(() => encoder.encode('a red apple')).toThrow(
      expect.objectContaining({
        code: 'ERR_MODEL',
        message: expect.stringMatching(/id of a word to be an integer between 0 and 642/),
      }),
    );
    const special = prompts((tokenizer) => {
      tokenizer.added_tokens[3].id = 643;
    });
    await expect(special).rejects.toMatchObject({ code: 'ERR_MODEL' });
  });

  test('so are a tokenizer without words for what it does not know, and one that throws', async () => {
    const encoder = await prompts((tokenizer) => {
      tokenizer.model.unk_token = '<none>';
    });
    for (const prompt of ['red xyzzy', 'xyzzy']) {
      expect(() => encoder.encode(prompt)).toThrow(expect.objectContaining({ code: 'ERR_MODEL' }));
    }
    for (const added of [undefined, null, {}, [null], 'x']) {
      const broken = prompts((tokenizer) => {
        tokenizer.added_tokens = added;
      });
      await expect(broken).rejects.toMatchObject({ code: 'ERR_MODEL' });
    }
  });
});

test('a prompt is measured before the tokenizer sees it', async () => {
  // A pattern that takes 2^n steps for n letters: nobody may come as far as that.
  const encoder = await prompts((tokenizer) => {
    tokenizer.normalizer = { type: 'Replace', pattern: { Regex: '(a+)+$' }, content: '' };
  });
  const message = /at most 10000 characters but received 10001: shorten it/;
  const long = `${'a'.repeat(10_000)}!`;
  expect(() => encoder.encode(long)).toThrow(message);
  expect(() => encoder.unknownWords(long)).toThrow(message);
  expect(() => encoder.unknownWords(5)).toThrow(/prompt to be a string but received 5/);
});

test.each<[string, string[]]>([
  ['a red apple', []],
  ['a red Xyzzy, xq2 and Xyzzy apple', ['Xyzzy', 'xq2']],
  ['красное apple', ['красное']],
  ['🍎 apple', ['🍎']],
  ['apple🍎', ['🍎']],
  ['a 👨‍👩‍👧 in 🇩🇪, 🍎🍎', ['👨‍👩‍👧', '🇩🇪', '🍎']],
  ['etc/red', ['etc']],
  ['red/apple', []],
  ['xyzzy-red_qwrtz', ['xyzzy', 'qwrtz']],
  ['яred apple', ['яred']],
  ['rosé héart', []],
  ['red, (apple) - "cat"!', []],
  ['a the of', []],
])('of %p, %p is unknown', async (prompt, unknown) => {
  expect((await prompts()).unknownWords(prompt)).toEqual(unknown);
});

test('what is echoed of a prompt is short, and nothing that a terminal obeys', async () => {
  await using model = await loadModel();
  const nasty = '\u001b]0;title\u0007\u202eabc\u009b31m\r\n';
  for (const prompt of [nasty.repeat(100), `${'я'.repeat(9000)}`]) {
    const error = await model.generate(prompt).catch((reason: Error) => reason as Error);
    const message = (error as Error).message;
    expect(message.length).toBeLessThan(200);
    expect(message).not.toMatch(/[\p{Cc}\p{Bidi_Control}]/u);
  }
});
