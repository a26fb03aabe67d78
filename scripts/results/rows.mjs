/** Choosing rows of results to show. */

export const SPEEDED = ['sjd', 'sjd2'];
export const COUPLINGS = ['independent', 'maximal', 'gumbel'];

export const COLOURS = {
  ar: '#111111',
  'sjd independent': '#f4b183',
  'sjd maximal': '#ea7a1e',
  'sjd gumbel': '#9c4a0c',
  'sjd2 independent': '#8fb8f6',
  'sjd2 maximal': '#2563eb',
  'sjd2 gumbel': '#173b8f',
};

/** Decoder and coupling. */
export function familyOf({ decoder, coupling }) {
  return decoder === 'ar' ? 'ar' : `${decoder} ${coupling}`;
}

/** The families that have rows, in a fixed order; `ar` first. */
export function families(rows) {
  const there = new Set(rows.map(familyOf));
  return Object.keys(COLOURS).filter((family) => there.has(family));
}

/** Rows that are lossless. */
export function strict(rows) {
  return rows.filter((row) => !row.relaxed);
}

export function best(rows, value) {
  return rows.reduce((a, b) => (value(b) > value(a) ? b : a));
}

/** Of every family the strict row with the most tokens per pass; at one window, if given. */
export function fewestPasses(rows, window) {
  const candidates = strict(rows).filter(
    (row) => row.decoder === 'ar' || window === undefined || row.window === window,
  );
  return families(candidates).map((family) =>
    best(
      candidates.filter((row) => familyOf(row) === family),
      (row) => row.tokensPerPass,
    ),
  );
}

/** Fixed windows, ascending. */
export function windowsOf(rows) {
  const fixed = rows.filter((row) => row.decoder !== 'ar' && row.window !== 'auto');
  return [...new Set(fixed.map((row) => row.window))].sort((a, b) => a - b);
}
