/**
 * What `npm run eval` and `npm run bench` ask for (the bench for the first half): things that the default
 * model was trained on, none of those by which it is judged by eye, and a third of them composed.
 */
export const PROMPTS = [
  'a dog',
  'two fish',
  'a pink flower',
  'a purple umbrella',
  'a book and a pencil',
  'a banana',
  'three strawberries',
  'a mushroom',
  'a blue butterfly',
  'an owl',
  'a penguin in the snow',
  'a robot',
  'a crown on a frog',
  'a guitar',
  'a snowman',
  'a cup of coffee',
  'the sun',
  'a ghost',
  'a balloon',
  'a rainbow',
  'a sailboat',
  'a green apple and a yellow banana',
  'four stars on a blue background',
  'a bird above a tree',
  'a small red ball next to a big yellow star',
  'a horse',
  'a key',
  'a rabbit to the left of a carrot',
  'a red bicycle',
  'a clock',
  'two white sheep on grass',
  'a butterfly and a sunflower',
];

/**
 * The sample of a turn: its prompt and its seed, the same for every configuration and whatever the
 * number of samples, so that a longer evaluation goes on from a shorter one.
 */
export function sampleOf(turn, prompts) {
  return { prompt: PROMPTS[turn % prompts], seed: turn };
}
