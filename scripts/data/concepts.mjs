#!/usr/bin/env node
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
// Chooses the drawings that the default model learns from.
//
//   node scripts/data/concepts.mjs --out training/data [--tiny]
//
// A concept is an emoji of emojibase (label, keywords, group). Every icon of every set is matched to
// a concept by its name or by a known alias; icons without a concept are left out, since a caption
// would have to be guessed. Writes `concepts.json` and `jobs.jsonl` (one line per picture to render).
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { nameIndex, normalise } from './icon-names.mjs';

const HELP = `Usage: node scripts/data/concepts.mjs [--out training/data] [--tiny]
Chooses concepts and drawings; writes concepts.json, sets.json and jobs.jsonl.
  --out DIR   folder to write to (default training/data)
  --tiny      48 concepts and two sets, for a trial of the whole chain`;

const { values: options } = parseArgs({
  options: {
    out: { type: 'string', default: 'training/data' },
    tiny: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
if (options.help) {
  console.log(HELP);
  process.exit(0);
}

const require = createRequire(import.meta.url);
const readJson = (name) => JSON.parse(readFileSync(require.resolve(name), 'utf8'));

// openmoji and emojione-v1 are share-alike (CC BY-SA) and therefore not here.
const SETS = [
  ['fluent-emoji', 'fluent'],
  ['fluent-emoji-flat', 'flat'],
  ['noto', 'noto'],
  ['noto-v1', 'blob'],
  ['twemoji', 'twemoji'],
  ['emojione', 'emojione'],
  ['fxemoji', 'mozilla'],
];

const HANDS_AND_BODY = [16, 17, 18, 19, 20, 21, 22];
const GEOMETRIC = 96;
const PEOPLE_KEPT = new Set(
  (
    'baby,child,boy,girl,person,man,woman,old man,old woman,santa claus,mrs. claus,astronaut,' +
    'police officer,ninja,detective,superhero,supervillain,mage,fairy,vampire,merperson,genie,zombie,' +
    'troll,elf,baby angel,cook,farmer,construction worker,firefighter,pilot,prince,princess,guard,' +
    'person with crown,health worker,scientist,artist,singer,judge,footprints'
  ).split(','),
);
const SYMBOLS_KEPT = new Set(
  (
    'check mark button,cross mark,recycling symbol,warning,no entry,prohibited,red question mark,' +
    'red exclamation mark,plus,check mark,trident emblem,hollow red circle,infinity'
  ).split(','),
);

function keep(emoji) {
  const { label, group, subgroup } = emoji;
  if (emoji.skin !== undefined || emoji.tone !== undefined || group === undefined) return false;
  if (group === 9 || group === 2) return false; // flags, skin tones
  if (/o.clock|-thirty|keycap/.test(label)) return false;
  if (group === 1) return HANDS_AND_BODY.includes(subgroup) || PEOPLE_KEPT.has(label);
  if (group === 8) return subgroup === GEOMETRIC || SYMBOLS_KEPT.has(label);
  return true;
}

const emojis = readJson('emojibase-data/en/data.json');
const concepts = [];
for (const emoji of emojis) {
  if (!keep(emoji)) continue;
  const concept = {
    id: concepts.length,
    label: emoji.label.normalize('NFD').replace(/[\u0300-\u036f]/g, ''),
    tags: emoji.tags ?? [],
    group: emoji.group,
    subgroup: emoji.subgroup,
    hexcode: emoji.hexcode,
  };
  concepts.push(concept);
}
const byName = nameIndex(concepts, readJson);

const drawings = [];
const sets = [];
for (const [set, style] of SETS) {
  if (options.tiny && !['fluent-emoji-flat', 'twemoji'].includes(set)) continue;
  const { icons } = readJson(`@iconify-json/${set}/icons.json`);
  const info = readJson(`@iconify-json/${set}/info.json`);
  const seen = new Set();
  for (const icon of Object.keys(icons)) {
    const concept = byName.get(normalise(icon));
    if (!concept || seen.has(concept.id)) continue;
    seen.add(concept.id);
    drawings.push({ set, style, icon, concept: concept.id });
  }
  sets.push({
    set,
    style,
    package: `@iconify-json/${set}`,
    version: readJson(`@iconify-json/${set}/package.json`).version,
    author: info.author,
    license: info.license,
    drawings: seen.size,
  });
}

// A concept drawn by one or two hands only is learned badly and blurs the rest.
const MINIMUM_STYLES = options.tiny ? 2 : 3;
const styles = new Map();
for (const drawing of drawings) {
  styles.set(drawing.concept, (styles.get(drawing.concept) ?? 0) + 1);
}
let kept = concepts.filter((concept) => (styles.get(concept.id) ?? 0) >= MINIMUM_STYLES);
if (options.tiny) kept = kept.filter((_, index) => index % Math.ceil(kept.length / 48) === 0);
const keptIds = new Set(kept.map((concept) => concept.id));

// Mirroring would draw a wrong picture (left/right) or unreadable letters.
const unmirrored = (concept) =>
  /left|right|index|clock|calendar|abc|input|memo|newspaper|dollar|euro|pound|yen|hundred|ok |musical|card/.test(
    concept.label,
  ) || concept.group === 8;

const jobs = [];
const byId = new Map(concepts.map((concept) => [concept.id, concept]));
for (const drawing of drawings) {
  if (!keptIds.has(drawing.concept)) continue;
  const versions = [
    'plain',
    'moved',
    unmirrored(byId.get(drawing.concept)) ? 'moved2' : 'mirrored',
  ];
  for (const version of versions) jobs.push({ index: jobs.length, ...drawing, version });
}
mkdirSync(options.out, { recursive: true });
writeFileSync(join(options.out, 'concepts.json'), JSON.stringify(kept, null, 1));
writeFileSync(join(options.out, 'sets.json'), JSON.stringify(sets, null, 1));
writeFileSync(
  join(options.out, 'jobs.jsonl'),
  `${jobs.map((job) => JSON.stringify(job)).join('\n')}\n`,
);
console.log(`${kept.length} concepts, ${jobs.length / 3} drawings, ${jobs.length} pictures`);
for (const set of sets) console.log(`  ${set.set}: ${set.drawings} matched, ${set.license.spdx}`);
