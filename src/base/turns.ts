/** Deeds that take turns, where all at once would be too many. Pure but for the deeds. */

/** So many at a time; the others wait, first come, first served. */
export class Turns {
  #free: number;
  readonly #waiting: (() => void)[] = [];

  constructor(count: number) {
    this.#free = count;
  }

  async take<T>(deed: () => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free -= 1;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    try {
      return await deed();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#free += 1;
      else next();
    }
  }
}

/** One at a time of each key, in the order in which they were asked for; one that fails holds up none. */
export class TurnsByKey<Key> {
  readonly #last = new Map<Key, Promise<unknown>>();

  take<T>(key: Key, deed: () => Promise<T>): Promise<T> {
    const turn = (this.#last.get(key) ?? Promise.resolve()).then(deed);
    const quiet = turn
      .catch(() => {}) // its own caller is told
      .then(() => {
        if (this.#last.get(key) === quiet) this.#last.delete(key);
      });
    this.#last.set(key, quiet);
    return turn;
  }

  /** Resolves when all that has been asked for so far has ended. */
  async idle(): Promise<void> {
    await Promise.all(this.#last.values());
  }
}
