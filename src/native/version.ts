/** Compares by numbers: 1.9 is older than 1.20, and 2.28 is not older than 2.28. */
export function isOlder(version: string, than: string): boolean {
  const mine = version.split('.').map((part) => Number.parseInt(part, 10) || 0);
  for (const [i, part] of than.split('.').map(Number).entries()) {
    const difference = (mine[i] ?? 0) - part;
    if (difference !== 0) return difference < 0;
  }
  return false;
}
