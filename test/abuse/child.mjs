/** The process that abuse.mjs starts: runs cases and writes down each before it begins. */
import { openSync, writeSync } from 'node:fs';
import { Defect, Random } from './cases.mjs';

const [, , name, seed, from, to, log] = process.argv;
const { default: subject } = await import(`./${name}.mjs`);
const file = openSync(log, 'w');
const counts = { resolved: 0, refused: {}, defects: 0, examples: [] };

for (let number = Number(from); number < Number(to); number++) {
  note(number);
  try {
    await subject.attempt(new Random(Number(seed), number));
    counts.resolved++;
  } catch (error) {
    const own = error?.name === 'Sjd2Error' || error?.name === 'AbortError';
    const refused = !(error instanceof Defect) && own && error.code;
    if (subject.codes.includes(refused)) {
      counts.refused[refused] = (counts.refused[refused] ?? 0) + 1;
    } else {
      counts.defects++;
      const what = String(error?.stack ?? error).slice(0, 500);
      if (counts.examples.length < 20) counts.examples.push({ case: number, what });
    }
  }
}
await new Promise(setImmediate); // a rejection that nobody handles is a crash
note(Number(to) - 1);
process.exit(0);

/** In place: no count shrinks, so that what is written covers what was. */
function note(number) {
  writeSync(file, `${number}\n${JSON.stringify(counts)}\n`, 0);
}
