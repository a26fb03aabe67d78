/**
 * What `npm run eval` asks for: concepts the default model was trained on. The first ten are those by
 * which the model is judged by eye as well.
 */
export const PROMPTS = [
  'a red apple',
  'a blue car',
  'a smiling face',
  'a cat',
  'a slice of pizza',
  'a green tree',
  'a yellow star',
  'a house',
  'a rocket',
  'a red heart',
  'a dog',
  'a fish',
  'a pink flower',
  'a cup of coffee',
  'the sun',
  'a book',
  'a banana',
  'a strawberry',
  'a mushroom',
  'a birthday cake',
  'an umbrella',
  'a butterfly',
  'an owl',
  'a penguin',
  'a ghost',
  'a robot',
  'a crown',
  'a guitar',
  'a balloon',
  'a rainbow',
  'a snowman',
  'a sailboat',
];

/**
 * The sample of a turn: its prompt and its seed, the same for every configuration and whatever the
 * number of samples, so that a longer evaluation goes on from a shorter one.
 */
export function sampleOf(turn, prompts) {
  return { prompt: PROMPTS[turn % prompts], seed: turn };
}
