/**
 * Auto-start at work: its configuration in the database, and the runs that follow the plan. How far a start has come is written down
 * before each VM, so that a host agent that is started again goes on where the last one was, and starts no VM twice.
 */
import { type AutoStartPowerInfo, fault, type HostAutoStartManagerConfig } from "../../wire/index.ts";
import type { HostAgent } from "../agent.ts";
import { type Connection, readSetting, writeSetting } from "../database.ts";
import { callOfHost } from "../host-call.ts";
import { AUTO_START_MANAGER, HOST } from "../inventory-tree.ts";
import type { Task } from "../tasks.ts";
import type { Vm } from "../vm.ts";
import { powerOff, powerOn, shutdownGuest, suspend } from "../vm-deeds/power.ts";
import {
  type AutoStartConfig,
  changeConfig,
  type Defaults,
  FIRST_DEFAULTS,
  planStart,
  planStop,
  type StopStep,
} from "./plan-auto-start.ts";

const DEFAULTS_KEY = "autoStart";
const RUN_KEY = "autoStart.run";

/** The start that was begun last. */
interface StartRun {
  /** Which start of the host it belongs to. */
  readonly hostStart: string;
  /** The VMs whose turn has not come. */
  readonly left: readonly string[];
}

export class AutoStart {
  readonly #database: Connection;
  readonly #agent: () => HostAgent;
  readonly #onBug: (error: unknown) => void;
  /** This start of the host. */
  #hostStart = "";
  /** Aborted when the VMs are to be stopped: a start that is under way ends. */
  #starting: AbortController | undefined;

  constructor(database: Connection, agent: () => HostAgent, onBug: (error: unknown) => void) {
    this.#database = database;
    this.#agent = agent;
    this.#onBug = onBug;
  }

  get config(): AutoStartConfig {
    const rows = this.#database.prepare("SELECT vm, info FROM auto_start").all() as { vm: number; info: string }[];
    const powerInfo = rows.map(
      ({ vm, info }): AutoStartPowerInfo => ({ ...JSON.parse(info), key: { type: "VirtualMachine", value: String(vm) } }),
    );
    const defaults: Defaults = { ...FIRST_DEFAULTS, ...(readSetting(this.#database, DEFAULTS_KEY) as Partial<Defaults> | undefined) };
    return changeConfig({ defaults, powerInfo }, {}, () => true); // sorted as clients see it
  }

  /** All of it or nothing. @throws {Fault} InvalidArgument */
  reconfigure(spec: HostAutoStartManagerConfig): void {
    const { vms, changes } = this.#agent();
    const { defaults, powerInfo } = changeConfig(this.config, spec, (moid) => vms.find(moid) !== undefined);
    this.#database.transaction(() => {
      writeSetting(this.#database, DEFAULTS_KEY, defaults);
      this.#database.prepare("DELETE FROM auto_start").run();
      const insert = this.#database.prepare("INSERT INTO auto_start (vm, info) VALUES (?, ?)");
      for (const { key, ...info } of powerInfo) insert.run(Number(key.value), JSON.stringify(info));
    })();
    changes.changed(AUTO_START_MANAGER, HOST);
  }

  /**
   * At the start of hostd: begins the start that belongs to this start of the host, goes on with it, or finds it done.
   * @param hostStart the same for every hostd until the host is started again
   */
  onHostStart(hostStart: string): void {
    this.#hostStart = hostStart;
    const run = readSetting(this.#database, RUN_KEY) as StartRun | undefined;
    this.#start(run?.hostStart === hostStart ? run.left : undefined).catch(this.#onBug);
  }

  /** Begins to start what does not run. @throws {Fault} InvalidState while that is under way already */
  beginStart(): void {
    if (this.#starting !== undefined) throw fault("InvalidState", "Virtual machines are being started automatically already.", {});
    this.#start(undefined).catch(this.#onBug);
  }

  /** Begins to stop what runs. */
  beginStop(): void {
    this.stopAll().catch(this.#onBug);
  }

  /** Gives each VM its stop action, one after the other. */
  async stopAll(): Promise<void> {
    this.#starting?.abort();
    const tasks: Task[] = [];
    for (const step of planStop(this.config)) tasks.push(...(await this.#stop(step)));
    await Promise.all(tasks.map(ended));
  }

  /** How long {@link stopAll} may take by its plan. */
  get stopsWithinMs(): number {
    return planStop(this.config).reduce((sum, { delayMs }) => sum + delayMs, 0);
  }

  /** @param only of the plan, where some of it is done */
  async #start(only: readonly string[] | undefined): Promise<void> {
    const starting = new AbortController();
    this.#starting = starting;
    try {
      const steps = planStart(this.config).filter(({ vm }) => only === undefined || only.includes(vm));
      for (const [index, { vm: moid, delayMs, untilHeartbeat }] of steps.entries()) {
        writeSetting(this.#database, RUN_KEY, {
          hostStart: this.#hostStart,
          left: steps.slice(index + 1).map(({ vm }) => vm),
        } satisfies StartRun);
        const vm = this.#agent().vms.find(moid);
        const started = vm !== undefined && (await this.#powerOn(vm));
        if (starting.signal.aborted) return;
        if (started && index + 1 < steps.length) {
          await this.#waitUntil(vm, () => untilHeartbeat && vm.monitor?.guest.tools === "running", delayMs, starting.signal);
        }
        if (starting.signal.aborted) return;
      }
      if (steps.length === 0) writeSetting(this.#database, RUN_KEY, { hostStart: this.#hostStart, left: [] } satisfies StartRun);
    } finally {
      if (this.#starting === starting) this.#starting = undefined;
    }
  }

  /** @returns false for a VM that runs already or can't be started: its events say why, and the next one need not wait */
  async #powerOn(vm: Vm): Promise<boolean> {
    if (vm.powerState === "poweredOn") return false;
    try {
      return (await ended(powerOn(callOfHost(this.#agent(), vm, "PowerOnVM_Task"), vm))).info.state === "success";
    } catch {
      return false; // a task of somebody else's works on it, or the host shuts down
    }
  }

  /** @returns the task that stops it, which may take longer than the next VM waits */
  async #stop({ vm: moid, action, delayMs }: StopStep): Promise<readonly Task[]> {
    const vm = this.#agent().vms.find(moid);
    if (vm?.powerState !== "poweredOn") return [];
    const isOff = () => vm.monitor === undefined;
    try {
      if (action === "guestShutdown") {
        await shutdownGuest(callOfHost(this.#agent(), vm, "ShutdownGuest"), vm);
        await this.#waitUntil(vm, isOff, delayMs);
        return isOff() ? [] : [powerOff(callOfHost(this.#agent(), vm, "PowerOffVM_Task"), vm)];
      }
      const task =
        action === "suspend"
          ? suspend(callOfHost(this.#agent(), vm, "SuspendVM_Task"), vm)
          : powerOff(callOfHost(this.#agent(), vm, "PowerOffVM_Task"), vm);
      await this.#waitUntil(vm, () => task.ended, delayMs);
      return [task];
    } catch {
      return []; // somebody else's task works on it: what still runs in the end, the end of the host stops
    }
  }

  /** Until the condition holds, the time is over, or it is called off. */
  async #waitUntil(vm: Vm, condition: () => boolean, timeoutMs: number, signal?: AbortSignal): Promise<void> {
    if (condition() || signal?.aborted === true) return;
    const { changes, clock } = this.#agent();
    let stopListening = (): void => {};
    const held = new Promise<void>((resolve) => {
      stopListening = changes.onChange((ref) => {
        if (ref.value === vm.ref.value && condition()) resolve();
      });
      signal?.addEventListener("abort", () => resolve(), { once: true });
    });
    await Promise.race([held, clock.sleep(timeoutMs)]);
    stopListening();
  }
}

function ended(task: Task): Promise<Task> {
  return task.ended ? Promise.resolve(task) : new Promise((resolve) => task.onEnd(resolve));
}
