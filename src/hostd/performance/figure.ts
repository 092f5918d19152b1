/** One figure of a sample, and what all of them are made with. Pure. */
import { type CounterName, counters } from "./counters.ts";

/** One figure. `instance` is "" for the whole, else a disk, a network card, a processor. */
export interface Figure {
  readonly counterId: number;
  readonly instance: string;
  readonly value: number;
}

export interface VmSize {
  /** Of the host's processors. */
  readonly mhz: number;
  readonly vcpus: number;
  readonly memoryBytes: number;
}

export const KIB = 1024;
export const HUNDREDTHS = 10_000; // 100 %

export const figure = (name: CounterName, value: number, instance = ""): Figure => ({
  counterId: counters[name].id,
  instance,
  value: Math.round(value),
});

/** A counter of another start of the same thing has begun again at 0: then it has grown by nothing, not by less. */
export const grown = (before: number, after: number): number => Math.max(0, after - before);
