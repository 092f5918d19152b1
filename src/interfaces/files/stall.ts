/** Ends a transfer that does not get on: of a client that is slow there is no end to wait for, of one that is stuck there is. */

export class Stall {
  readonly #timer: NodeJS.Timeout;
  #isOver = false;

  /** @param onStall called once, when nothing got on for that long */
  constructor(stallMs: number, onStall: () => void) {
    this.#timer = setTimeout(() => {
      this.#isOver = true;
      onStall();
    }, stallMs);
  }

  /** Whether it was ended for that reason. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** Some of it has got on. */
  progress(): void {
    if (!this.#isOver) this.#timer.refresh();
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
  }
}
