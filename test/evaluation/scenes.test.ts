/** The pure parts of `npm run eval:scenes`: what the judge's maps say, and what a prompt asks for. */
import { detections } from '../../scripts/eval/scenes/judge.mjs';
import { fulfils, related } from '../../scripts/eval/scenes/verdict.mjs';

const at = (object: string, x: number, y: number, colour = 'red', size = 40) => ({
  object,
  x,
  y,
  colour,
  size,
});
const asked = (object: string, colour: string | null = null, count = 1) => ({
  object,
  colour,
  count,
});

test('a thing has to be there, in its colour', () => {
  const prompt = { kind: 'colours', things: [asked('car', 'blue')], relation: null };
  expect(fulfils(prompt, [at('car', 64, 64, 'blue')])).toBe(true);
  expect(fulfils(prompt, [at('car', 64, 64, 'red')])).toBe(false);
  expect(fulfils(prompt, [at('bus', 64, 64, 'blue')])).toBe(false);
  expect(fulfils(prompt, [])).toBe(false);
});

test('counting takes neither one more nor one less, whatever the colour of the one more', () => {
  const prompt = { kind: 'counting', things: [asked('star', 'red', 2)], relation: null };
  const two = [at('star', 20, 20), at('star', 100, 20)];
  expect(fulfils(prompt, two)).toBe(true);
  expect(fulfils(prompt, two.slice(1))).toBe(false);
  expect(fulfils(prompt, [...two, at('star', 60, 100, 'blue')])).toBe(false);
  expect(fulfils(prompt, [...two, at('moon', 60, 100)])).toBe(true);
});

test('attribution is lost when the colours change places', () => {
  const prompt = {
    kind: 'attribution',
    things: [asked('cat', 'red'), asked('dog', 'blue')],
    relation: null,
  };
  expect(fulfils(prompt, [at('cat', 20, 64, 'red'), at('dog', 90, 64, 'blue')])).toBe(true);
  expect(fulfils(prompt, [at('cat', 20, 64, 'blue'), at('dog', 90, 64, 'red')])).toBe(false);
});

test.each([
  ['left', -50, 8],
  ['right', 50, -8],
  ['above', 8, -50],
  ['below', -8, 50],
])('%s is what it says, and not its opposite', (relation, dx, dy) => {
  const [a, b] = [at('cat', 64 + dx, 64 + dy), at('house', 64, 64)];
  expect(related(a, b, relation)).toBe(true);
  expect(related(b, a, relation)).toBe(false);
  const prompt = { kind: 'position', things: [asked('cat'), asked('house')], relation };
  expect(fulfils(prompt, [a, b])).toBe(true);
});

test('what is on a thing touches it from above', () => {
  const house = at('house', 64, 90, 'red', 56);
  expect(related(at('cat', 64, 42), house, 'on')).toBe(true);
  expect(related(at('cat', 64, 26), house, 'on')).toBe(false);
  expect(related(at('cat', 10, 42), house, 'on')).toBe(false);
  expect(related(house, at('cat', 64, 42), 'on')).toBe(false);
});

test('the maps give a thing for every peak above the threshold, with its name, colour and size', () => {
  const config = {
    grid: 2,
    threshold: 0.5,
    objects: ['cat', 'dog'],
    colours: ['red', 'blue'],
    sizes: [40, 56],
  };
  const maps = new Float32Array(7 * 4).fill(-5);
  maps[2] = 3; // row 1, column 0
  maps[3] = 1; // its neighbour: no peak
  maps[2 * 4 + 2] = 1; // dog
  maps[3 * 4 + 2] = 1; // red
  maps[6 * 4 + 2] = 1; // 56
  const [thing, ...rest] = detections(maps, config);
  expect(rest).toEqual([]);
  expect(thing).toMatchObject({ object: 'dog', colour: 'red', size: 56, x: 32, y: 96 });
  maps.fill(-5, 0, 4);
  expect(detections(maps, config)).toEqual([]);
});
