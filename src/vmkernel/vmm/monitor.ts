/**
 * One running monitor, from its first answer to its end, whoever started it. vmkernel may go and come back in between.
 * Its commands are not queued here: `../running-monitors.ts` runs one operation of a VM at a time.
 */
import { type Fault, messageOf, type VmId } from "../../base/index.ts";
import { fault, type KeyStroke } from "../../wire/index.ts";
import type { AdapterState } from "../machine.ts";
import type { GuestState, MonitorDescription, VirtualDiskLoad, VmkernelEvent } from "../rpc.ts";
import { AdapterWatch } from "./adapter-watch.ts";
import { takeStock } from "./change-machine.ts";
import { type Compartment, processesOf } from "./compartment.ts";
import { Complaints } from "./complaints.ts";
import { addViewer, pressKeys, takePicture } from "./console.ts";
import { keyOfDeviceId } from "./expected-devices.ts";
import type { GuestPrograms } from "./guest-programs.ts";
import { GuestWatch } from "./guest-watch.ts";
import { disksWithoutRoom, diskWithoutRoom } from "./halt.ts";
import { HaltWatch } from "./halt-watch.ts";
import { MemoryWipe, type WipeTold } from "./memory-wipe.ts";
import { MonitorConversation } from "./monitor-conversation.ts";
import { type MonitorEnd, MonitorEnding } from "./monitor-ending.ts";
import { type MonitorPhase, type MonitorRecord, monitorFiles, trimLog, writeMonitorRecord } from "./monitor-record.ts";
import { parseBlockStats } from "./parse-block-stats.ts";
import { disconnectedIn } from "./plan-change.ts";
import type { QmpEvent } from "./qmp-connection.ts";
import { type MemoryFile, saveMemory } from "./save-memory.ts";
import type { Expectation } from "./talk.ts";

export type MonitorTold =
  | { readonly kind: "event"; readonly event: QmpEvent }
  /** What QEMU wrote to its standard error, some lines of it. */
  | { readonly kind: "complaints"; readonly text: string }
  | WipeTold;

export interface MonitorParts {
  /** Its run-time folder. */
  readonly folder: string;
  readonly record: MonitorRecord;
  readonly compartment: Compartment;
  /** QEMU's file. */
  readonly program: string;
  /** Guest events; its end is {@link Monitor.ended}. */
  readonly onEvent: (event: VmkernelEvent) => void;
  /** What people may want to read in the VM's log. */
  readonly tell: (vm: VmId, told: MonitorTold) => void;
  /** Whether anybody would hear of the guest: if not, its agent is left in peace. */
  readonly hasListeners: () => boolean;
}

/** SeaBIOS answers a guest's reset with one of its own, to find its memory as at power-on: that is one restart, not two. */
const RESET_ECHO_MS = 2000;
/** How often the guest is asked how it is, while anybody listens. */
const WATCH_INTERVAL_MS = 5000;

export class Monitor {
  readonly #parts: MonitorParts;
  /** Whether its guest's memory is overwritten before it ends. */
  readonly wipe: MemoryWipe;
  readonly #guest: GuestWatch;
  readonly #adapters: AdapterWatch;
  readonly #complaints: Complaints;
  readonly #halts: HaltWatch;
  readonly #ending: MonitorEnding;
  readonly #conversation: MonitorConversation;
  #record: MonitorRecord;
  #pid = 0;
  #timer: NodeJS.Timeout | undefined;
  #resetAtMs = Number.NEGATIVE_INFINITY;
  #typed: Promise<void> = Promise.resolve();
  #onDeviceLost: () => void = () => {};
  #onAdaptersChanged: () => void = () => {};

  constructor(parts: MonitorParts) {
    this.#parts = parts;
    this.wipe = new MemoryWipe(this, (told) => parts.tell(this.vm, told));
    this.#record = parts.record;
    const isAdopted = parts.record.phase.kind !== "starting";
    const onGuestChange = (guest: GuestState) => parts.onEvent({ kind: "guestChanged", vm: this.vm, guest });
    this.#guest = new GuestWatch(monitorFiles(parts.folder).agent, onGuestChange, { mayBeFrozen: isAdopted });
    this.#adapters = new AdapterWatch({ ask: () => this.#askNetwork(), onChange: () => this.#onAdaptersChanged() });
    this.#complaints = new Complaints(monitorFiles(parts.folder).log, isAdopted ? "end" : "start");
    this.#halts = new HaltWatch((halt) => parts.onEvent({ kind: "guestHalted", vm: this.vm, ...(halt && { halt }) }));
    this.#ending = new MonitorEnding({
      folder: parts.folder,
      compartment: parts.compartment,
      processes: () => this.processes(),
      wipe: this.wipe,
      askToQuit: () => this.#conversation.askToQuit(),
      letGo: () => this.#letGo(),
    });
    this.#conversation = new MonitorConversation({
      socket: monitorFiles(parts.folder).qmp,
      name: () => this.#record.machine.name,
      onEvent: (event, isExpected) => this.#take(event, isExpected),
      hasExited: () => this.#ending.hasExited(),
      onResumed: () => this.#lookAtChannel(),
      onLost: () => this.#ending.finish(),
    });
  }

  get vm(): VmId {
    return this.#record.machine.vm;
  }

  /** Of the monitor itself, which its sandbox is around. */
  get pid(): number {
    return this.#pid;
  }

  get record(): MonitorRecord {
    return this.#record;
  }

  /** Writes down what it is by now, in one step. */
  async keepRecord(record: MonitorRecord): Promise<void> {
    this.#record = record;
    await writeMonitorRecord(this.#parts.folder, record);
  }

  /** Where its processes are counted and limited. */
  get compartment(): Compartment {
    return this.#parts.compartment;
  }

  /** What QEMU writes to its standard error. */
  get logFile(): string {
    return monitorFiles(this.#parts.folder).log;
  }

  /** Resolves when its processes are gone. */
  get ended(): Promise<MonitorEnd> {
    return this.#ending.ended;
  }

  /** Its end has begun and cannot be called off. */
  get isEnding(): boolean {
    return this.#ending.hasBegun;
  }

  /** Takes up the conversation. @throws {MonitorSilent} */
  async connect(timeoutMs: number): Promise<void> {
    await this.#conversation.open(timeoutMs);
    this.#pid = (await this.processes()).at(-1) ?? 0;
  }

  /** @throws {QmpError | MonitorSilent} */
  execute(command: string, args?: object): Promise<unknown> {
    return this.#conversation.qmp.execute(command, args);
  }

  /** QEMU's RunState: running, paused, prelaunch, inmigrate, postmigrate, io-error … */
  async status(): Promise<string> {
    const answer = await this.execute("query-status");
    const status = typeof answer === "object" && answer !== null && "status" in answer ? answer.status : undefined;
    return typeof status === "string" ? status : "unknown";
  }

  /** Lets the guest run and begins to watch it. */
  async run(): Promise<void> {
    await this.execute("cont");
    await this.settle();
  }

  /** Lets a guest go on that stands because a disk had no room. @throws {Fault} InvalidState when it does not */
  async retryWrite(): Promise<void> {
    if (this.#halts.halt === undefined) throw fault("InvalidState", `The guest of ${this.#record.machine.name} waits for nothing.`, {});
    await this.execute("cont");
  }

  /** Takes up a guest that runs already, or stands because a disk has no room. */
  async settle(): Promise<void> {
    const status = await this.status();
    if (status === "shutdown") return this.#ending.quit("guestShutdown"); // it shut down while nobody looked
    if (status === "io-error") this.#halts.adopt(disksWithoutRoom(await this.execute("query-block")));
    const { phase } = this.#record;
    if (phase.kind === "changing") await takeStock(this, phase.to);
    else if (phase.kind !== "committing") await this.#enter({ kind: "running" });
    await this.#watch();
  }

  /** Is told when the guest has let go of a device that its machine has. */
  whenDeviceLost(listener: () => void): void {
    this.#onDeviceLost = listener;
  }

  /** Is told when a driver in the guest has set something else at an adapter than `adapters` was. */
  whenAdaptersChange(listener: () => void): void {
    this.#onAdaptersChanged = listener;
  }

  /** Asks what the guest's drivers have set by now. */
  lookAtAdapters(): Promise<void> {
    return this.#adapters.look();
  }

  /** As the guest's drivers have set them, by the key of the NIC. */
  get adapters(): ReadonlyMap<number, AdapterState> {
    return this.#adapters.adapters;
  }

  /** Passes a copy of an open file beside a command. */
  executeWith(fd: number, command: string, args: object): Promise<unknown> {
    return this.#conversation.executeWith(fd, command, args);
  }

  /** Listens for an event from now on. */
  expect(is: (event: QmpEvent) => boolean): Expectation {
    return this.#conversation.expect(is);
  }

  async #watch(): Promise<void> {
    await this.#lookAtChannel();
    this.#timer ??= setInterval(() => void this.#lookAfter(), WATCH_INTERVAL_MS);
    this.#timer.unref();
    await this.#adapters.start();
    void this.#guest.look(); // once, whoever listens: the first client is to find the answer
  }

  #lookAtChannel(): Promise<void> {
    return this.#guest.lookAtChannel(() => this.execute("query-chardev"));
  }

  /** Ends it at once: what the guest had not written to its disks is lost, as when a plug is pulled. */
  async powerOff(): Promise<void> {
    await this.#ending.quit("poweredOff");
  }

  async reset(): Promise<void> {
    await this.execute("system_reset");
  }

  async sendNmi(): Promise<void> {
    await this.execute("inject-nmi");
  }

  /** Asks the guest itself: its agent where one answers, else its power button. */
  async shutdownGuest(): Promise<void> {
    if (await this.#guest.shutdown("powerdown")) return;
    await this.execute("system_powerdown");
  }

  /** Asks the guest's agent: a guest without one has no button that starts it anew in order. @throws {Fault} ToolsUnavailable */
  async rebootGuest(): Promise<void> {
    if (!(await this.#guest.shutdown("reboot"))) throw this.#noAgent();
  }

  /** Has the guest's agent write out what the guest keeps for its disks. @throws {Fault} ToolsUnavailable */
  async flushGuest(): Promise<void> {
    if (!(await this.#guest.flush())) throw this.#noAgent();
  }

  #noAgent(): Fault {
    const message = `Cannot complete operation because the guest agent of ${this.#record.machine.name} does not answer.`;
    return fault("ToolsUnavailable", message, {});
  }

  /**
   * Writes the guest's memory and ends it. On failure the guest runs on; what was written is the caller's to remove.
   */
  async suspend(memory: MemoryFile, to: Extract<MonitorPhase, { kind: "suspending" }>["to"]): Promise<void> {
    try {
      await this.#enter({ kind: "suspending", to });
      await this.execute("stop");
      await saveMemory(this.#conversation.qmp, memory);
      await this.#enter({ kind: "suspended", to });
    } catch (cause) {
      await this.#goOn(cause);
      throw fault(
        "GenericVmConfigFault",
        `Suspending ${this.#record.machine.name}: ${messageOf(cause)}`,
        { reason: messageOf(cause) },
        { cause },
      );
    }
    await this.#ending.quit("suspended");
  }

  /** Of a guest that stands still, into an open file. */
  saveMemory(memory: MemoryFile): Promise<void> {
    return saveMemory(this.#conversation.qmp, memory);
  }

  /** Does something, if it is so wished while the guest's file systems are at rest: its agent brings them there, if it has one. */
  async whileFrozen(isWished: boolean, deed: () => Promise<void>): Promise<void> {
    if (isWished && this.#guest.isChannelOpen) await this.#guest.whileFrozen(deed);
    else await deed();
  }

  /** After a suspend that was interrupted: whatever of it is under way is called off, and the guest goes on. */
  async resumeGuest(): Promise<void> {
    await this.execute("migrate_cancel");
    await this.run();
  }

  openConsole(connection: () => number): Promise<void> {
    return addViewer(this.#conversation.qmp, connection);
  }

  captureScreen(): Promise<Buffer> {
    return takePicture(this.#conversation.qmp);
  }

  /** What another types at the same time comes before or after, never between. */
  pressKeys(strokes: readonly KeyStroke[]): Promise<void> {
    const typed = this.#typed.then(() => pressKeys(this.#conversation.qmp, strokes));
    this.#typed = typed.catch(() => {}); // its own caller is told
    return typed;
  }

  /** Where a serial port is reached whose bytes are carried. */
  serialSocket(key: number): string {
    return monitorFiles(this.#parts.folder).serial(key);
  }

  describe(): MonitorDescription {
    const { machine, uid, startedAtMs, accelerator, weaknesses, sharingGroup } = this.#record;
    const { vm, name, home, memoryHotAdd } = machine;
    const { halt } = this.#halts;
    const more = {
      ...(halt && { halt }),
      disconnected: disconnectedIn(machine),
      ...(memoryHotAdd && { memoryHotAdd }),
      ...(sharingGroup !== undefined && { sharingGroup }),
    };
    return { vm, name, home, pid: this.#pid, uid, startedAtMs, accelerator, weaknesses, guest: this.guest, ...more };
  }

  get guest(): GuestState {
    return this.#guest.state;
  }

  /** What runs in its guest for clients. */
  get programs(): GuestPrograms {
    return this.#guest.programs;
  }

  /** What its disks have done so far. */
  async diskLoads(): Promise<readonly VirtualDiskLoad[]> {
    return parseBlockStats(await this.execute("query-blockstats"), this.#record.machine);
  }

  /** Lets go of it; it runs on. */
  release(): void {
    this.#stopWatching();
    this.#conversation.release();
  }

  /** Kills whatever is left of it, without asking. */
  async kill(): Promise<void> {
    this.#ending.note("poweredOff");
    await this.#ending.finish();
  }

  /** The monitor itself is the last; the others are its sandbox. */
  processes(): Promise<number[]> {
    return processesOf(this.#parts.compartment, this.#parts.program);
  }

  async #enter(phase: MonitorPhase): Promise<void> {
    await this.keepRecord({ ...this.#record, phase });
  }

  /** Back from a suspend that failed. A guest that cannot go on has lost its monitor, and that is reported as its end. */
  async #goOn(why: unknown): Promise<void> {
    try {
      await this.resumeGuest();
    } catch (cause) {
      if (!this.isEnding) throw new AggregateError([why, cause], `suspending ${this.#record.machine.name}, and going on afterwards`);
    }
  }

  #take(event: QmpEvent, isExpected: boolean): void {
    this.#parts.tell(this.vm, { kind: "event", event });
    switch (event.name) {
      case "DEVICE_DELETED": {
        const key = keyOfDeviceId(String(event.data.device));
        if (!isExpected && this.#record.machine.devices.some((device) => device.key === key)) this.#onDeviceLost();
        return;
      }
      case "SHUTDOWN":
        if (event.data.guest !== true) return;
        if (this.wipe.isWanted) void this.#ending.quit("guestShutdown");
        else this.#ending.note("guestShutdown");
        return;
      case "RESET":
        if (event.data.guest === true) this.#noteReset();
        return;
      case "BLOCK_IO_ERROR":
        this.#halts.note(diskWithoutRoom(event.data));
        return;
      case "RESUME":
        this.#halts.clear();
        return;
      case "NIC_RX_FILTER_CHANGED":
        // QEMU tells of no further change until it was asked for this one, which the look does.
        void this.lookAtAdapters();
        return;
      case "VSERPORT_CHANGE":
        // The tools channel has the only port that a VM has.
        this.#guest.onChannelChange(event.data.open === true);
        if (this.#parts.hasListeners()) void this.#guest.look();
        return;
      default: // QEMU has dozens, and newer ones more; those that matter here are above
    }
  }

  /** Where no NIC leads anywhere, QEMU is left in peace. */
  async #askNetwork(): Promise<{ readonly clients: unknown; readonly filters: unknown }> {
    const models = this.#record.machine.devices.flatMap((device) =>
      device.kind === "nic" && device.network !== undefined ? [device.model] : [],
    );
    const clients = models.length === 0 ? "" : await this.execute("human-monitor-command", { "command-line": "info network" });
    return { clients, filters: models.includes("virtio") ? await this.execute("query-rx-filter") : [] };
  }

  #noteReset(): void {
    const now = performance.now();
    if (now - this.#resetAtMs > RESET_ECHO_MS) this.#parts.onEvent({ kind: "guestReset", vm: this.vm });
    this.#resetAtMs = now;
  }

  async #tellComplaints(): Promise<void> {
    const text = await this.#complaints.read().catch(() => ""); // its folder may be gone: then this was told when it ended
    if (text !== "") this.#parts.tell(this.vm, { kind: "complaints", text });
  }

  async #lookAfter(): Promise<void> {
    await this.#tellComplaints();
    await trimLog(this.#parts.folder);
    if (this.#parts.hasListeners() || this.#guest.owesThaw) await this.#guest.look();
  }

  #stopWatching(): void {
    clearInterval(this.#timer);
    this.#adapters.close();
    this.#guest.close();
  }

  async #letGo(): Promise<void> {
    this.#stopWatching();
    this.#conversation.close();
    await this.#tellComplaints();
  }
}
