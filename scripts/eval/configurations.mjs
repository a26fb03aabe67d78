/** Which rows an evaluation has: decoder x coupling x window x steps x levels x relaxed. */

/**
 * @param grid lists of what to combine: decoders, couplings, windows, steps, levels, relaxed
 * @param denoising the manifest's; without it there is no `sjd2` row
 * @returns options of `generate`, `ar` first, which every other row is compared with
 */
export function configurations(grid, denoising) {
  const rows = [{ decoder: 'ar' }];
  for (const decoder of grid.decoders) {
    if (decoder === 'ar' || (decoder === 'sjd2' && !denoising)) continue;
    for (const coupling of grid.couplings) {
      for (const window of grid.windows) {
        if (decoder === 'sjd2') rows.push(...denoised(grid, coupling, window));
        else rows.push({ decoder, coupling, window });
      }
    }
  }
  return rows;
}

function denoised({ steps: counts, levels: schedules, relaxed: limits }, coupling, window) {
  const rows = [];
  for (const steps of counts) {
    for (const levels of schedules) {
      for (const relaxed of limits) {
        // No position is ever at a level above K, so a higher limit would be the same row again.
        if (relaxed > steps) continue;
        const row = { decoder: 'sjd2', coupling, window, steps, levels, relaxed };
        rows.push(row);
      }
    }
  }
  return rows;
}

/** A row in one line, for journals, plots and messages. */
export function nameOf({ decoder, coupling, window, steps, levels, relaxed }) {
  if (decoder === 'ar') return 'ar';
  const parts = [decoder, coupling, `W=${window}`];
  if (steps) parts.push(`K=${steps}`);
  if (levels === 'staggered') parts.push('staggered');
  if (relaxed) parts.push(`relaxed ${relaxed}`);
  return parts.join(' ');
}
