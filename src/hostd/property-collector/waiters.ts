/** Those who wait for something to change. Changes that come together wake them once. */
import { defer } from "../../base/index.ts";
import { fault } from "../../wire/index.ts";

const TIMEOUT_MS_MAX = 2 ** 31 - 1; // timers of Node fire at once when they are set for longer
const WAITERS_MAX = 64; // of one collector: the threads of one client

interface Waiter {
  wake(): void;
  cancel(): void;
}

export class Waiters {
  readonly #waiting = new Set<Waiter>();
  #waking: NodeJS.Immediate | undefined;
  #ended = false;

  /**
   * Resolves when woken, and when `timeoutMs` is over.
   * @throws {Fault} RequestCanceled, when cancelled or when the signal aborts
   */
  async wait(timeoutMs: number, signal: AbortSignal): Promise<void> {
    if (signal.aborted || this.#ended) throw canceled();
    if (this.#waiting.size >= WAITERS_MAX) throw fault("InvalidRequest", `${WAITERS_MAX} requests wait on the collector already`, {});
    const { promise, resolve, reject } = defer<void>();
    const waiter = { wake: resolve, cancel: () => reject(canceled()) };
    const timer = setTimeout(resolve, Math.min(timeoutMs, TIMEOUT_MS_MAX)).unref();
    this.#waiting.add(waiter);
    signal.addEventListener("abort", waiter.cancel);
    try {
      await promise;
    } finally {
      clearTimeout(timer);
      this.#waiting.delete(waiter);
      signal.removeEventListener("abort", waiter.cancel);
    }
  }

  wake(): void {
    clearImmediate(this.#waking);
    this.#waking = undefined;
    for (const waiter of this.#waiting) waiter.wake();
  }

  /** Wakes once what is being done now is done: a deed changes several objects, one after the other, and they are one answer. */
  wakeSoon(): void {
    if (this.#waiting.size === 0) return; // who begins to wait now looks first
    this.#waking ??= setImmediate(() => this.wake());
  }

  cancel(): void {
    clearImmediate(this.#waking);
    this.#waking = undefined;
    for (const waiter of this.#waiting) waiter.cancel();
  }

  /** Cancels those who wait and whoever comes after. */
  end(): void {
    this.#ended = true;
    this.cancel();
  }
}

function canceled() {
  return fault("RequestCanceled", "The request was canceled by a user.", {});
}
