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

/** What two took for the same, round by round. */
export interface Pairs {
  readonly ours: readonly number[];
  readonly theirs: readonly number[];
}

/** Strictly in turns, and who begins changes each round: what drifts, or lasts longer than a round, is on both sides. */
export async function inTurns(rounds: number, our: () => Promise<number>, their: () => Promise<number>): Promise<Pairs> {
  const [ours, theirs]: [number[], number[]] = [[], []];
  for (let round = 0; round < rounds; round++) {
    if (round % 2 === 0) ours.push(await our());
    theirs.push(await their());
    if (round % 2 === 1) ours.push(await our());
  }
  return { ours, theirs };
}

/** "0.99  (half of the rounds 0.97–1.01; 1.52 : 1.53 s, median of 11)": the ratios within each round, and the times. */
export function describeRatios(over: readonly number[], under: readonly number[]): string {
  const ratios = over.map((value, round) => value / (under[round] ?? Number.NaN)).sort((a, b) => a - b);
  const at = (share: number) => (ratios[Math.round(share * (ratios.length - 1))] ?? Number.NaN).toFixed(2);
  const times = `${median(over).toFixed(2)} : ${median(under).toFixed(2)} s`;
  return `${median(ratios).toFixed(2)}  (half of the rounds ${at(0.25)}–${at(0.75)}; ${times}, median of ${ratios.length})`;
}
