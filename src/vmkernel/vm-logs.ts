/**
 * The logs of the VMs that run, each in its VM's folder: begun when it is powered on, closed when it is off, and bounded however much
 * its guest has to tell. A log that can't be written keeps no VM from running.
 */
import { assertNever, type DatastorePath, inFolder, messageOf, type VmId } from "../base/index.ts";
import { writeAllAt } from "../system/index.ts";
import type { FileAttachment } from "./attachments.ts";
import type { LogRules, MachineSpec } from "./machine.ts";
import { type Storage, VM_LOG } from "./storage/index.ts";
import { describeEvent, formatLogLine, LineBudget, type LogLevel } from "./vm-log-lines.ts";
import type { MonitorTold } from "./vmm/index.ts";

export interface VmLogsParts {
  readonly storage: Pick<Storage, "beginVmLog" | "openAppend">;
  /** The host's own log. */
  readonly log: (line: string) => void;
}

export class VmLogs {
  readonly #parts: VmLogsParts;
  readonly #open = new Map<VmId, VmLog>();

  constructor(parts: VmLogsParts) {
    this.#parts = parts;
  }

  /** Puts the log of the last run aside and begins one. */
  begin(machine: MachineSpec): Promise<void> {
    return this.#enter(machine, ({ home }, { keepOld }) => this.#parts.storage.beginVmLog(home, keepOld));
  }

  /** Goes on with the log of a VM that an earlier vmkernel started. */
  goOn(machine: MachineSpec): Promise<void> {
    return this.#enter(machine, ({ home }) => this.#parts.storage.openAppend(inFolder(home, VM_LOG)));
  }

  async #enter(machine: MachineSpec, open: (machine: MachineSpec, rules: LogRules) => Promise<FileAttachment>): Promise<void> {
    const { vm, home, log: rules } = machine;
    await this.end(vm);
    if (rules === undefined) return;
    try {
      const file = await open(machine, rules);
      const complain = (problem: string) => this.#parts.log(`VM ${vm}: its log: ${problem}`);
      this.#open.set(vm, new VmLog(file, { rules, complain, next: () => this.#parts.storage.beginVmLog(home, rules.keepOld) }));
    } catch (error) {
      this.#parts.log(`VM ${vm}: it runs without a log: ${messageOf(error)}`);
    }
  }

  /** Writes what was done to a VM; nothing where it has no log. */
  note(vm: VmId, text: string, level: LogLevel = "info"): void {
    this.#open.get(vm)?.write(level, text);
  }

  /** Writes what its monitor tells, within the bounds of what a guest can cause. */
  tell(vm: VmId, told: MonitorTold): void {
    const log = this.#open.get(vm);
    if (log === undefined) return;
    for (const { level, text } of linesOf(told)) log.writeWithin(level, text);
  }

  /** Until this has ended, the file is not to be removed. */
  async end(vm: VmId): Promise<void> {
    const log = this.#open.get(vm);
    await log?.close();
    if (this.#open.get(vm) === log) this.#open.delete(vm);
  }

  /** The log of a VM that runs. */
  fileOf(vm: VmId): DatastorePath | undefined {
    return this.#open.get(vm)?.file;
  }

  isLog({ datastore, path }: DatastorePath): boolean {
    return [...this.#open.values()].some(({ file }) => file.datastore === datastore && file.path === path);
  }
}

function linesOf(told: MonitorTold): readonly { readonly level: LogLevel; readonly text: string }[] {
  switch (told.kind) {
    case "event":
      return [describeEvent(told.event) ?? []].flat();
    case "complaints":
      return complaints(told.text);
    case "wiped":
      return [{ level: "info", text: `Its guest's memory has been overwritten: ${Math.round(told.bytes / 2 ** 20)} MiB` }];
    case "notWiped":
      return [{ level: "warning", text: `Its guest's memory has not been overwritten: ${told.because}` }];
    default:
      return assertNever(told);
  }
}

function complaints(text: string): { readonly level: LogLevel; readonly text: string }[] {
  return text.split("\n").flatMap((line) => (line.trim() === "" ? [] : [{ level: "warning" as const, text: `Monitor: ${line}` }]));
}

interface VmLogParts {
  readonly rules: LogRules;
  /** Puts this one aside and begins another. */
  readonly next: () => Promise<FileAttachment>;
  readonly complain: (problem: string) => void;
}

class VmLog {
  readonly #parts: VmLogParts;
  readonly #budget = new LineBudget(performance.now());
  #open: FileAttachment;
  #bytes: number;
  #turn: Promise<void> = Promise.resolve();
  #isFailing = false;
  #isClosed = false;

  constructor(open: FileAttachment, parts: VmLogParts) {
    this.#open = open;
    this.#bytes = open.sizeBytes;
    this.#parts = parts;
  }

  get file(): DatastorePath {
    return this.#open.file;
  }

  write(level: LogLevel, text: string): void {
    if (this.#isClosed) return;
    const line = Buffer.from(formatLogLine(Date.now(), level, text));
    this.#turn = this.#turn.then(() => this.#append(line));
  }

  /** Writes it unless there was too much already. */
  writeWithin(level: LogLevel, text: string): void {
    const leave = this.#budget.take(performance.now());
    if (leave === undefined) return;
    if (leave.leftOut > 0) this.write("warning", `${leave.leftOut} lines are left out: they came too fast`);
    this.write(level, text);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#turn;
    this.#open[Symbol.dispose]();
  }

  async #append(line: Buffer): Promise<void> {
    try {
      if (this.#bytes > 0 && this.#bytes + line.length > this.#parts.rules.rotateBytes) await this.#rotate();
      await writeAllAt(this.#open.fd, [line], this.#bytes);
      this.#bytes += line.length;
      this.#isFailing = false;
    } catch (error) {
      // Most likely the datastore is full: said once, and tried again with the next line.
      if (!this.#isFailing) this.#parts.complain(messageOf(error));
      this.#isFailing = true;
    }
  }

  async #rotate(): Promise<void> {
    const next = await this.#parts.next();
    this.#open[Symbol.dispose]();
    this.#open = next;
    this.#bytes = 0;
  }
}
