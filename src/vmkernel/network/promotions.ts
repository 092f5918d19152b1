/**
 * Moves the programs of new ports to where they cost frames least, one port after the other and in no haste: the kernel holds up all who
 * change a link, of whatever namespace, while it waits for one.
 */
import { setTimeout as sleep } from "node:timers/promises";

const GAP_MS = 50;

export interface PromotionsParts {
  /** Moves one port's, in the turn of changes. @returns whether there was one */
  readonly promoteNext: () => Promise<boolean>;
  /** Before each port. */
  readonly gapMs?: number | undefined;
}

export class Promotions {
  readonly #parts: PromotionsParts;
  #round: Promise<void> | undefined;

  constructor(parts: PromotionsParts) {
    this.#parts = parts;
  }

  /** After each change: what it brought is promoted in time. */
  begin(): void {
    this.#round ??= this.#promoteAll();
  }

  /** In the turn in which nothing was left: the next change begins another round. */
  end(): void {
    this.#round = undefined;
  }

  /** Until every port's programs are there. */
  async done(): Promise<void> {
    // What promotes them keeps no process alive; who waits for it does.
    const alive = setInterval(() => {}, 1000);
    await this.#round?.finally(() => clearInterval(alive));
    clearInterval(alive);
  }

  async #promoteAll(): Promise<void> {
    const { promoteNext, gapMs = GAP_MS } = this.#parts;
    do await sleep(gapMs, undefined, { ref: false });
    while (await promoteNext());
  }
}
