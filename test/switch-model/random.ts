/** Chance that can be repeated: what it gives follows from its seed. Fast, and good enough to make frames of. For tests. */

export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** 32 bits. Mulberry32. */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (mixed ^ (mixed >>> 14)) >>> 0;
  }

  /** 0 to below `end`. */
  below(end: number): number {
    return this.next() % end;
  }

  /** @param last included */
  between(first: number, last: number): number {
    return first + this.below(last - first + 1);
  }

  /** @param percent how often it is true */
  chance(percent: number): boolean {
    return this.below(100) < percent;
  }

  pick<T>(choices: readonly T[]): T {
    return choices[this.below(choices.length)] as T;
  }

  /** Some of them, in an order of chance. */
  some<T>(choices: readonly T[], percent: number): readonly T[] {
    return this.shuffled(choices).filter(() => this.chance(percent));
  }

  shuffled<T>(choices: readonly T[]): readonly T[] {
    return choices
      .map((choice) => ({ choice, rank: this.next() }))
      .sort((a, b) => a.rank - b.rank)
      .map(({ choice }) => choice);
  }

  bytes(length: number): Buffer {
    const words = new Uint32Array(Math.ceil(length / 4)).map(() => this.next());
    return Buffer.from(words.buffer, 0, length);
  }

  /** Goes on by itself, from where this one is. */
  fork(): Random {
    return new Random(this.next());
  }
}
