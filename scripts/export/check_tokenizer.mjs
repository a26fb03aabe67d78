#!/usr/bin/env node
// Compares the ids of scripts/export/text_ids.py (standard input) with @huggingface/tokenizers.
import { readFileSync } from 'node:fs';
import { Tokenizer } from '@huggingface/tokenizers';

if (process.argv.includes('--help')) {
  console.log('Usage: python scripts/export/text_ids.py | node scripts/export/check_tokenizer.mjs');
  process.exit(0);
}
const { tokenizer: path, texts, ids } = JSON.parse(readFileSync(0, 'utf8'));
const tokenizer = new Tokenizer(JSON.parse(readFileSync(path, 'utf8')), {});
let wrong = 0;
for (const [index, text] of texts.entries()) {
  const found = tokenizer.encode(text, { add_special_tokens: false }).ids;
  if (JSON.stringify(found) !== JSON.stringify(ids[index])) {
    wrong++;
    console.error(`${JSON.stringify(text)}: expected ${ids[index]}, found ${found}`);
  }
}
console.log(`${texts.length - wrong} of ${texts.length} texts have the same ids`);
process.exit(wrong ? 1 : 0);
