/**
 * The parts of a text that leave no trace in its tokens, as they were written, each once: words that
 * the vocabulary lacks, emoji and words of scripts that the normaliser drops. Of a word in several
 * parts ("etc/red") only the parts that are lost. A normaliser may drop words on purpose ("a", "the");
 * these are not reported.
 *
 * @param encode gives the ids of a piece of text
 * @param unknown the id of what the vocabulary lacks
 */
export function unknownWords(
  text: string,
  encode: (text: string) => number[],
  unknown: number,
): string[] {
  const lost = (piece: string) => encode(piece).includes(unknown) || lostLetters(piece, encode);
  const found = [...new Set(text.split(/\s+/))].flatMap((word) => {
    const parts = partsOf(word);
    if (parts.length === 0 || !lost(word)) return [];
    const lostParts = parts.filter(lost);
    return lostParts.length > 0 ? lostParts : [parts.join('')];
  });
  return [...new Set(found)];
}

/** Letters and emoji outside ASCII that give no token at all, however the rest of the word fares. */
function lostLetters(piece: string, encode: (text: string) => number[]): boolean {
  return partsOf(piece)
    .flatMap((part) => (isEmoji(part) ? [part] : [...part]))
    .some((part) => /[^\p{ASCII}\p{M}]/u.test(part) && encode(part).length === 0);
}

/** Runs of letters and digits, and emoji one by one. */
function partsOf(word: string): string[] {
  const parts: string[] = [];
  let open = false;
  for (const { segment } of new Intl.Segmenter(undefined, { granularity: 'grapheme' }).segment(
    word,
  )) {
    const letter = /[\p{L}\p{N}]/u.test(segment);
    if (letter && open) parts.push(`${parts.pop()}${segment}`);
    else if (letter || isEmoji(segment)) parts.push(segment);
    open = letter;
  }
  return parts;
}

function isEmoji(grapheme: string): boolean {
  return /\p{Extended_Pictographic}|\p{Regional_Indicator}/u.test(grapheme);
}
