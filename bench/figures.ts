/** What every measurement does with its figures. */

/** One line of the output: what was measured, with its limit, and the figure. */
export function print(what: string, figure: string): void {
  process.stdout.write(`${what.padEnd(80)} ${figure}\n`);
}

/** @returns seconds */
export async function timed(deed: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  await deed();
  return (performance.now() - started) / 1000;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const [low = Number.NaN, high = Number.NaN] = [sorted[Math.ceil(sorted.length / 2) - 1], sorted[middle]];
  return (low + high) / 2;
}
