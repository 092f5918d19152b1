/** What is asked of a guest that runs: its power, its console, its keyboard, its programs. */
import type { DatastorePath, VmId } from "../base/index.ts";
import type { KeyStroke } from "../wire/index.ts";
import type { RunningMonitors } from "./running-monitors.ts";
import type { Storage } from "./storage/index.ts";
import type { VmLogs } from "./vm-logs.ts";
import type { GuestPrograms, Monitor } from "./vmm/index.ts";

interface RunningGuestsParts {
  readonly running: RunningMonitors;
  readonly logs: VmLogs;
  readonly storage: Storage;
}

/** @throws {Fault} InvalidPowerState, each of them, where the VM does not run */
export class RunningGuests {
  readonly #parts: RunningGuestsParts;

  constructor(parts: RunningGuestsParts) {
    this.#parts = parts;
  }

  powerOff(vm: VmId): Promise<void> {
    return this.#noted(vm, "poweredOff", "It is to be powered off", async (monitor) => {
      await monitor.powerOff();
      await this.#parts.logs.end(vm);
    });
  }

  reset(vm: VmId): Promise<void> {
    return this.#noted(vm, "poweredOn", "It is to be reset", (monitor) => monitor.reset());
  }

  shutdown(vm: VmId): Promise<void> {
    return this.#noted(vm, "poweredOff", "Its guest is asked to shut down", (monitor) => monitor.shutdownGuest());
  }

  reboot(vm: VmId): Promise<void> {
    return this.#noted(vm, "poweredOn", "Its guest is asked to reboot", (monitor) => monitor.rebootGuest());
  }

  sendNmi(vm: VmId): Promise<void> {
    return this.#noted(vm, "poweredOn", "It gets a non-maskable interrupt", (monitor) => monitor.sendNmi());
  }

  retryWrite(vm: VmId): Promise<void> {
    return this.#inTurn(vm, (monitor) => monitor.retryWrite());
  }

  /** @param connection the descriptor of the viewer's connection; the monitor gets a copy */
  openConsole(vm: VmId, connection: () => number): Promise<void> {
    return this.#inTurn(vm, (monitor) => monitor.openConsole(connection));
  }

  /** @returns a PNG */
  captureScreen(vm: VmId): Promise<Buffer> {
    return this.#inTurn(vm, (monitor) => monitor.captureScreen());
  }

  /** @throws {Fault} FileAlreadyExists, NoDiskSpace …; then `to` is as it was */
  async saveScreen(vm: VmId, to: DatastorePath): Promise<void> {
    await this.#parts.storage.writeNew(to, await this.captureScreen(vm));
  }

  /** Not in turn: a guest that takes its time can be powered off meanwhile. */
  async flush(vm: VmId): Promise<void> {
    await this.#require(vm, "poweredOn").flushGuest();
  }

  /** Not in turn: what is before it may be what hangs. */
  async terminate(vm: VmId): Promise<void> {
    const monitor = this.#require(vm, "poweredOff");
    this.#parts.logs.note(vm, "Its monitor is to be killed");
    await monitor.kill();
    await monitor.ended;
    await this.#parts.logs.end(vm);
  }

  /** Not in turn: it takes as long as somebody types, and the VM can be powered off meanwhile. */
  async pressKeys(vm: VmId, strokes: readonly KeyStroke[]): Promise<void> {
    await this.#require(vm, "poweredOn").pressKeys(strokes);
  }

  /** Not in turn with what is done to the VM: a power-off does not wait for a program. */
  programsIn(vm: VmId): GuestPrograms {
    return this.#require(vm, "poweredOn").programs;
  }

  /** In its turn, and first written into its log. */
  #noted(vm: VmId, requested: "poweredOn" | "poweredOff", text: string, deed: (monitor: Monitor) => Promise<void>): Promise<void> {
    return this.#inTurn(
      vm,
      (monitor) => {
        this.#parts.logs.note(vm, text);
        return deed(monitor);
      },
      requested,
    );
  }

  #inTurn<T>(vm: VmId, deed: (monitor: Monitor) => Promise<T>, requested: "poweredOn" | "poweredOff" = "poweredOn"): Promise<T> {
    return this.#parts.running.inTurn(vm, () => deed(this.#require(vm, requested)));
  }

  #require(vm: VmId, requested: "poweredOn" | "poweredOff"): Monitor {
    return this.#parts.running.require(vm, requested);
  }
}
