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

interface GrowingRow extends Row {
  readonly values: number[];
}

/** Each row grows where it is: to copy an hour of all of them at each sample takes longer than the sample itself. */
export class History {
  readonly #times: number[] = [];
  readonly #rows = new Map<string, GrowingRow>();

  /** When each sample was taken, oldest first. */
  get times(): readonly number[] {
    return this.#times;
  }

  get rows(): readonly Row[] {
    return [...this.#rows.values()];
  }

  add(atMs: number, figures: readonly Figure[]): void {
    const count = this.#times.length;
    this.#times.push(atMs);
    for (const { counterId, instance, value } of figures) {
      const row = this.#rowOf(counterId, instance, count);
      row.values[count] = value;
    }
    for (const { values } of this.#rows.values()) if (values.length === count) values.push(NO_FIGURE);
    this.#forget(Math.max(0, this.#times.length - SAMPLES_MAX));
  }

  /** Lets go of what was before that time. */
  forgetBefore(atMs: number): void {
    this.#forget(this.#times.filter((time) => time < atMs).length);
  }

  /** The figure of the last sample, if that is not older than `sinceMs`. */
  latest(counterId: number, sinceMs: number): number | undefined {
    if ((this.#times.at(-1) ?? Number.NEGATIVE_INFINITY) < sinceMs) return undefined;
    const value = this.#rows.get(keyOf(counterId, ""))?.values.at(-1);
    return value === NO_FIGURE ? undefined : value;
  }

  #rowOf(counterId: number, instance: string, count: number): GrowingRow {
    const key = keyOf(counterId, instance);
    const row = this.#rows.get(key) ?? { counterId, instance, values: Array<number>(count).fill(NO_FIGURE) };
    this.#rows.set(key, row);
    return row;
  }

  /** A row that says nothing any more, as of a disk that was taken out, goes with its last figure. */
  #forget(count: number): void {
    if (count === 0) return;
    this.#times.splice(0, count);
    for (const [key, { values }] of this.#rows) {
      values.splice(0, count);
      if (values.every((value) => value === NO_FIGURE)) this.#rows.delete(key);
    }
  }
}

const keyOf = (counterId: number, instance: string): string => `${counterId} ${instance}`;
