/** Which emoji an icon of a set shows, by its name. */

// Names that neither emojibase's labels nor its shortcodes know.
const ALIASES = {
  adult: 'person',
  aubergine: 'eggplant',
  bearfface: 'bear',
  'bear-face': 'bear',
  boot: 'womans-boot',
  bouquetofflowers: 'bouquet',
  bunny: 'rabbit-face',
  bunnyside: 'rabbit',
  catside: 'cat',
  cellphone: 'mobile-phone',
  chilipepper: 'hot-pepper',
  clap: 'clapping-hands',
  'direct-hit': 'bullseye',
  'dizzy-face': 'face-with-crossed-out-eyes',
  dogside: 'dog',
  'frog-face': 'frog',
  'hamster-face': 'hamster',
  hugging: 'smiling-face-with-open-hands',
  'hugging-face': 'smiling-face-with-open-hands',
  'laptop-computer': 'laptop',
  lemon: 'lemon',
  'lion-face': 'lion',
  mouseside: 'mouse',
  'panda-face': 'panda',
  pigside: 'pig',
  pistol: 'water-pistol',
  'pouting-face': 'enraged-face',
  'robot-face': 'robot',
  'unicorn-face': 'unicorn',
  umbrellarain: 'umbrella-with-rain-drops',
  tigerside: 'tiger',
  blackheartsuit: 'heart-suit',
  heavyblackheart: 'red-heart',
  bolt: 'high-voltage',
  basketballandhoop: 'basketball',
  'cat-face-with-tears-of-joy': 'cat-with-tears-of-joy',
  'cat-face-with-wry-smile': 'cat-with-wry-smile',
  'crying-cat-face': 'crying-cat',
  'grinning-cat-face': 'grinning-cat',
  'kissing-cat-face': 'kissing-cat',
  'pouting-cat-face': 'pouting-cat',
  'weary-cat-face': 'weary-cat',
  'smiling-cat-face-with-heart-eyes': 'smiling-cat-with-heart-eyes',
  'grinning-cat-face-with-smiling-eyes': 'grinning-cat-with-smiling-eyes',
  'knocked-out-face': 'face-with-crossed-out-eyes',
  pinata: 'piñata',
};

// Accents are folded and everything but letters and digits dropped: fxemoji has no hyphens.
export const normalise = (text) =>
  text
    .normalize('NFD')
    .toLowerCase()
    .replace(/&/g, 'and')
    .replace(/[^a-z0-9]/g, '');

/**
 * Normalised icon names to emojis.
 *
 * @param emojis { label, hexcode } of emojibase
 * @param readJson reads a file of a package
 */
export function nameIndex(emojis, readJson) {
  const byName = new Map(emojis.map((emoji) => [normalise(emoji.label), emoji]));
  // Shortcodes second: a label always wins over another emoji's nickname.
  for (const source of ['cldr', 'emojibase', 'joypixels', 'iamcal', 'github']) {
    const codes = readJson(`emojibase-data/en/shortcodes/${source}.json`);
    for (const emoji of emojis) {
      for (const code of [codes[emoji.hexcode] ?? []].flat()) {
        const name = normalise(code);
        if (name.length > 2 && !byName.has(name)) byName.set(name, emoji);
      }
    }
  }
  for (const [name, target] of Object.entries(ALIASES)) {
    const emoji = byName.get(normalise(target));
    if (emoji && !byName.has(normalise(name))) byName.set(normalise(name), emoji);
  }
  return byName;
}
