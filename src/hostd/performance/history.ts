/** The figures of one entity over the last hour, a row of numbers for each; old ones fall out. No clock of its own. */
import type { Figure } from "./figure.ts";

export const INTERVAL_S = 20; // vim25's real-time interval: clients ask for no other
export const KEPT_MS = 3_600_000; // as long as a host keeps real-time figures
const SAMPLES_MAX = KEPT_MS / 1000 / INTERVAL_S;
/** In a row where there was no figure: vim25 has no other sign. */
const NO_FIGURE = -1;

export interface Row {
  readonly counterId: number;
  readonly instance: string;
  /** One for each time of the history. */
  readonly values: readonly number[];
}

export class History {
  #times: readonly number[] = [];
  #rows: readonly Row[] = [];

  /** When each sample was taken, oldest first. */
  get times(): readonly number[] {
    return this.#times;
  }

  get rows(): readonly Row[] {
    return this.#rows;
  }

  add(atMs: number, figures: readonly Figure[]): void {
    const count = this.#times.length;
    const keyOf = ({ counterId, instance }: Pick<Figure, "counterId" | "instance">): string => `${counterId} ${instance}`;
    const values = new Map(figures.map((figure) => [keyOf(figure), figure.value]));
    const known = new Set(this.#rows.map(keyOf));
    const rows = this.#rows.map((row) => ({ ...row, values: [...row.values, values.get(keyOf(row)) ?? NO_FIGURE] }));
    const added = figures
      .filter((figure) => !known.has(keyOf(figure)))
      .map(({ counterId, instance, value }) => ({ counterId, instance, values: [...Array<number>(count).fill(NO_FIGURE), value] }));
    this.#times = [...this.#times, atMs];
    this.#rows = [...rows, ...added];
    this.#forget(Math.max(0, this.#times.length - SAMPLES_MAX));
  }

  /** Lets go of what was before that time. */
  forgetBefore(atMs: number): void {
    this.#forget(this.#times.filter((time) => time < atMs).length);
  }

  /** The figure of the last sample, if that is not older than `sinceMs`. */
  latest(counterId: number, sinceMs: number): number | undefined {
    if ((this.#times.at(-1) ?? Number.NEGATIVE_INFINITY) < sinceMs) return undefined;
    const value = this.#rows.find((row) => row.counterId === counterId && row.instance === "")?.values.at(-1);
    return value === NO_FIGURE ? undefined : value;
  }

  /** A row that says nothing any more, as of a disk that was taken out, goes with its last figure. */
  #forget(count: number): void {
    if (count === 0) return;
    this.#times = this.#times.slice(count);
    this.#rows = this.#rows
      .map((row) => ({ ...row, values: row.values.slice(count) }))
      .filter(({ values }) => values.some((value) => value !== NO_FIGURE));
  }
}
