/** Rows as aligned text: numbers to the right, words to the left. */
export function formatTable(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] as readonly string[]).map((_, i) =>
    Math.max(...rows.map((row) => (row[i] as string).length)),
  );
  const rightAligned = widths.map((_, i) =>
    rows.slice(1).every((row) => /^[-\d]/.test(row[i] as string)),
  );
  return rows
    .map((row) =>
      row
        .map((cell, i) =>
          rightAligned[i] ? cell.padStart(widths[i] as number) : cell.padEnd(widths[i] as number),
        )
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}
