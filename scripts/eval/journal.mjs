/**
 * What an evaluation has measured so far, one turn (every configuration on one sample) a line, so that
 * an interrupted sweep loses no more than the turn it was in. A turn is never stitched together from
 * two runs: the ratios of times within it would compare two states of the machine.
 */
import { createHash } from 'node:crypto';
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';

export class Journal {
  /**
   * @param folder where journals lie
   * @param identity all that the measurements depend on; another identity is another file
   */
  constructor(folder, identity, fresh = false) {
    const header = JSON.stringify(identity);
    const digest = createHash('sha256').update(header).digest('hex').slice(0, 12);
    this.path = join(folder, `${digest}.jsonl`);
    this.turns = [];
    mkdirSync(dirname(this.path), { recursive: true });
    if (fresh) rmSync(this.path, { force: true });
    if (existsSync(this.path)) this.turns = read(this.path);
    else writeFileSync(this.path, `${header}\n`);
  }

  /** @param records one per configuration, in their order */
  append(records) {
    appendFileSync(this.path, `${JSON.stringify(records)}\n`);
    this.turns.push(records);
  }
}

function read(path) {
  const text = readFileSync(path, 'utf8');
  const whole = text.slice(0, text.lastIndexOf('\n') + 1);
  // A killed process may leave half a line; what follows must not be glued to it.
  if (whole.length < text.length) writeFileSync(path, whole);
  const [, ...lines] = whole.trimEnd().split('\n');
  return lines.map((line) => JSON.parse(line));
}
