/** Figures of the papers, beside ours. */
import { table } from '../eval/table.mjs';
import { best, strict } from './rows.mjs';

/** What papers report for text-to-image; passes and latency are ratios against AR. */
const PUBLISHED = [
  ['SJD2 (arXiv 2510.08994)', 'Lumina-mGPT', '2,357', '4.02', '2.63'],
  ['SJD2 (arXiv 2510.08994)', 'Emu3', '8,193', '5.63', '2.54'],
  ['SJD (arXiv 2410.01699)', 'Lumina-mGPT', '', 'about 2', ''],
  ['MC-SJD (arXiv 2510.24211)', '', '', 'up to 4.2', ''],
  ['SJD-PAC (arXiv 2603.18599)', 'Lumina-mGPT', '', '4.62', '3.97'],
];

const HEADER = ['decoder', 'model', 'passes of AR', 'fewer passes', 'faster'];

/** @param report our results; the rows with fewest passes and with least time of each decoder */
export function publishedTable(report) {
  return table(HEADER, [...PUBLISHED, ...(report ? ours(report) : [])]);
}

function ours({ results, tokens, model, machine }) {
  return ['sjd', 'sjd2'].flatMap((decoder) => {
    const rows = strict(results).filter((row) => row.decoder === decoder);
    if (rows.length === 0) return [];
    const picked = [best(rows, (r) => r.tokensPerPass), best(rows, (r) => r.speedup)];
    return [...new Set(picked)].map((row) => [
      `**here**: ${decoder}, ${row.coupling}, window ${row.window}` +
        `${row.steps ? `, K = ${row.steps}` : ''}`,
      `${model}, ${machine.cores} CPU cores`,
      tokens,
      row.tokensPerPass.toFixed(2),
      row.speedup.toFixed(2),
    ]);
  });
}
