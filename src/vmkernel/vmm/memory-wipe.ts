/**
 * Mem.MemEagerZero: a guest's memory is overwritten before its monitor ends, and so before the kernel has it back. Without, the kernel
 * zeroes each page when it gives it to somebody: nobody sees what was in it either way, but it lies in the machine's memory until then.
 * A monitor that crashes is gone before anybody can overwrite anything.
 */
import { messageOf } from "../../base/index.ts";
import { findProcess, mappingsOf, signalProcess, zeroMemory } from "../../system/index.ts";
import { placesOf } from "./guest-memory.ts";
import type { Monitor } from "./monitor.ts";

export type WipeTold = { readonly kind: "wiped"; readonly bytes: number } | { readonly kind: "notWiped"; readonly because: string };

export class MemoryWipe {
  readonly #monitor: Monitor;
  readonly #tell: (told: WipeTold) => void;
  #isWanted = false;
  #isDone = false;

  constructor(monitor: Monitor, tell: (told: WipeTold) => void) {
    this.#monitor = monitor;
    this.#tell = tell;
  }

  /** Whether the monitor waits to be ended when its guest has shut down, instead of ending itself. */
  get isWanted(): boolean {
    return this.#isWanted;
  }

  async want(isWanted: boolean): Promise<void> {
    if (isWanted === this.#isWanted) return;
    await this.#monitor.execute("set-action", { shutdown: isWanted ? "pause" : "poweroff" });
    this.#isWanted = isWanted;
  }

  /** Of a monitor that is asked to end: what is on its way to disks is written first. */
  async beforeQuit(): Promise<void> {
    if (!this.#isWanted) return;
    await this.#wipe(() => this.#monitor.execute("stop"));
  }

  /** Of one that is not asked. */
  async beforeKill(): Promise<void> {
    if (!this.#isWanted) return;
    await this.#wipe(async (pid) => {
      const found = findProcess(pid);
      if (found !== undefined) signalProcess(found, "SIGSTOP");
    });
  }

  /** A failure holds up no end: it is told. */
  async #wipe(halt: (pid: number) => Promise<unknown>): Promise<void> {
    if (this.#isDone) return;
    const { pid } = this.#monitor;
    try {
      const places = await placesOf(this.#monitor);
      await halt(pid);
      let bytes = 0;
      for (const { start, end } of mappingsOf(pid)) {
        if (!places.some((place) => place >= start && place < end)) continue;
        bytes += await zeroMemory(pid, { start, bytes: end - start });
      }
      this.#isDone = true;
      this.#tell({ kind: "wiped", bytes });
    } catch (error) {
      this.#tell({ kind: "notWiped", because: messageOf(error) });
    }
  }
}
