/**
 * Whether a picture shows what its prompt asks for, from what the judge sees in it. The rules are those of
 * GenEval (Ghosh et al. 2023, arXiv 2310.11513): things have to be there, as many as were asked for where a
 * number was, in their colours, and their middles in the relation that was named.
 *
 * A thing asked for: { object, count, colour }, colour null where none was named.
 * A thing seen: { object, colour, x, y, size }, its middle in pixels.
 */

/** @returns {boolean} */
export function fulfils({ kind, things, relation }, seen) {
  const matches = things.map((thing) => seen.filter((other) => isIt(thing, other)));
  if (matches.some((found, i) => found.length < things[i].count)) return false;
  if (kind === 'counting') return seenOf(things[0], seen) === things[0].count;
  if (!relation) return true;
  const [first, second] = matches;
  return first.some((a) => second.some((b) => a !== b && related(a, b, relation)));
}

function isIt(thing, other) {
  return thing.object === other.object && (!thing.colour || thing.colour === other.colour);
}

/** However they are coloured: a fourth star in another colour is a fourth star. */
function seenOf({ object }, seen) {
  return seen.filter((other) => other.object === object).length;
}

export function related(a, b, relation) {
  const [dx, dy] = [a.x - b.x, a.y - b.y];
  const sideways = Math.abs(dx) > Math.abs(dy);
  if (relation === 'left') return sideways && dx < 0;
  if (relation === 'right') return sideways && dx > 0;
  if (relation === 'above') return !sideways && dy < 0;
  if (relation === 'below') return !sideways && dy > 0;
  // On it: above, over it, and no gap that a cell and a half would fill.
  const gap = -dy - (a.size + b.size) / 2;
  return relation === 'on' && dy < 0 && Math.abs(dx) <= (a.size + b.size) / 2 && gap <= 12;
}
