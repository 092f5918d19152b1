/** How a running monitor ends: asked to, by itself, or killed; and why, which whoever is told of its end is told with it. */
import { rm } from "node:fs/promises";
import { defer, messageOf, within } from "../../base/index.ts";
import type { VmkernelEvent } from "../rpc.ts";
import { type Compartment, endCompartment } from "./compartment.ts";
import type { MemoryWipe } from "./memory-wipe.ts";
import { lastLinesOfLog } from "./monitor-record.ts";

export type MonitorEnd = Omit<Extract<VmkernelEvent, { kind: "monitorEnded" }>, "kind" | "vm">;

/** QEMU was told to quit: it flushes its disks and goes. A monitor that takes longer is killed. */
const QUIT_GRACE_MS = 5000;
/** From the end of the conversation to the end of the process. */
const EXIT_GRACE_MS = 3000;
const EXIT_POLL_MS = 10;

interface EndingParts {
  /** The monitor's run-time folder: goes with it. */
  readonly folder: string;
  readonly compartment: Compartment;
  readonly processes: () => Promise<readonly number[]>;
  readonly wipe: MemoryWipe;
  /** It may go before it answers, or not be able to answer. */
  readonly askToQuit: () => void;
  /** Nobody watches it or speaks to it from now on. */
  readonly letGo: () => Promise<void>;
}

export class MonitorEnding {
  readonly #parts: EndingParts;
  readonly #end = defer<MonitorEnd>();
  /** Why it will end, once that is known. */
  #because: MonitorEnd["because"] | undefined;
  #isFinishing = false;

  constructor(parts: EndingParts) {
    this.#parts = parts;
  }

  /** Resolves when its processes are gone. */
  get ended(): Promise<MonitorEnd> {
    return this.#end.promise;
  }

  /** It cannot be called off. */
  get hasBegun(): boolean {
    return this.#isFinishing || this.#because !== undefined;
  }

  /** The first reason counts. */
  note(because: MonitorEnd["because"]): void {
    this.#because ??= because;
  }

  /** Asks it to go, and waits until it has gone. */
  async quit(because: MonitorEnd["because"]): Promise<void> {
    this.note(because);
    await this.#parts.wipe.beforeQuit();
    this.#parts.askToQuit();
    if ((await within(QUIT_GRACE_MS, this.ended, undefined)) === undefined) await this.finish();
    await this.ended;
  }

  /** Whether its processes are gone by themselves, or go within a while. */
  async hasExited(): Promise<boolean> {
    const until = performance.now() + EXIT_GRACE_MS;
    while ((await this.#parts.processes()).length > 0) {
      if (performance.now() > until) return false;
      await new Promise((resolve) => setTimeout(resolve, EXIT_POLL_MS));
    }
    return true;
  }

  /** Kills whatever is left of it, without asking. */
  async finish(): Promise<void> {
    if (this.#isFinishing) return;
    this.#isFinishing = true;
    const { folder, compartment, wipe, letGo } = this.#parts;
    await letGo();
    const log = await lastLinesOfLog(folder);
    await wipe.beforeKill();
    try {
      await endCompartment(compartment);
      await rm(folder, { recursive: true, force: true });
    } catch (error) {
      // Reported with its end: what is left of it cannot run its guest, and the next start of this VM will say so too.
      this.#end.resolve({ because: "crashed", detail: messageOf(error) });
      return;
    }
    const because = this.#because ?? "crashed";
    this.#end.resolve({ because, detail: because === "crashed" ? log : "" });
  }
}
