/** Plain statistics of samples. */

export function mean(values) {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** Standard error of the mean; 0 for one sample. */
export function standardError(values) {
  if (values.length < 2) return 0;
  const m = mean(values);
  const variance = values.reduce((sum, v) => sum + (v - m) ** 2, 0) / (values.length - 1);
  return Math.sqrt(variance / values.length);
}

/** The p-quantile (0 to 1) by linear interpolation; 0.5 is the median. */
export function quantile(values, p) {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (sorted.length - 1) * p;
  const low = sorted[Math.floor(at)];
  return low + (sorted[Math.ceil(at)] - low) * (at % 1);
}

export function median(values) {
  return quantile(values, 0.5);
}

/** The statistic without each group in turn; empty for a single group. */
export function leaveOneOut(groups, statistic) {
  if (groups.length < 2) return [];
  return groups.map((_, i) => statistic(groups.filter((_, j) => j !== i)));
}

/**
 * Standard error of any smooth statistic by the jackknife (Efron and Stein 1981): how much it moves
 * when one group is left out. 0 where nothing could be left out.
 *
 * @param without what `leaveOneOut` gives
 */
export function jackknifeError(without) {
  const n = without.length;
  if (n < 2) return 0;
  const centre = mean(without);
  return Math.sqrt(((n - 1) / n) * without.reduce((sum, v) => sum + (v - centre) ** 2, 0));
}

/** How often each whole number from 0 to the greatest occurs: counts[i] values are i. */
export function histogram(values) {
  const counts = new Array(Math.max(0, ...values) + 1).fill(0);
  for (const value of values) counts[value]++;
  return counts;
}
