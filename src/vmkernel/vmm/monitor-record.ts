/**
 * What vmkernel writes down about a monitor before it starts it, in the monitor's run-time folder, so that a vmkernel that was
 * killed at any moment can tell what it finds: adopt, end or forget. Gone at a reboot, as the monitors are.
 */
import { readFile, rename, stat, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { assertNever, type DatastorePath } from "../../base/index.ts";
import type { MachineSpec } from "../machine.ts";
import { asShape, readInteger, readOneOf, readOptional, readPath, readShape, readText, type Shape } from "../shape.ts";
import { parseMachine } from "./parse-machine.ts";

/** How far a monitor has come. It is written before the step that it names, never after. */
export type MonitorPhase =
  /** The process may be there or not; the guest has not run. */
  | { readonly kind: "starting" }
  | { readonly kind: "running" }
  /** The guest runs while its machine is made into `to`: device by device it is the one or the other. */
  | { readonly kind: "changing"; readonly to: MachineSpec }
  /**
   * What the disk `child` has is put into its parent; the machine is `to` when the guest goes on with that. It stands still for a
   * moment before, until the child's descriptor is another name of the parent's.
   */
  | { readonly kind: "committing"; readonly to: MachineSpec; readonly child: DatastorePath }
  /** The guest stands still while its memory is written to `to`; what is there of it is worthless yet. */
  | { readonly kind: "suspending"; readonly to: DatastorePath }
  /** The memory in `to` is whole, and the monitor is being ended. */
  | { readonly kind: "suspended"; readonly to: DatastorePath };

export interface MonitorRecord {
  readonly machine: MachineSpec;
  readonly uid: number;
  readonly startedAtMs: number;
  readonly accelerator: "kvm" | "tcg";
  readonly weaknesses: readonly string[];
  /** With whom it may share equal pages of memory; undefined where with nobody. */
  readonly sharingGroup?: string | undefined;
  readonly phase: MonitorPhase;
}

/** The files of a monitor's run-time folder. */
export function monitorFiles(folder: string): {
  readonly record: string;
  readonly qmp: string;
  readonly agent: string;
  readonly log: string;
  /** The socket of a serial port whose bytes are carried, by the key of its device. */
  serial(key: number): string;
} {
  const serial = (key: number): string => join(folder, `serial-${key}`);
  return {
    serial,
    record: join(folder, "monitor.json"),
    qmp: join(folder, "qmp"),
    agent: join(folder, "agent"),
    log: join(folder, "qemu.log"),
  };
}

/** In one step: a reader finds the old record or the new one. */
export async function writeMonitorRecord(folder: string, record: MonitorRecord): Promise<void> {
  const path = monitorFiles(folder).record;
  await writeFile(`${path}.new`, JSON.stringify(record), { mode: 0o600 });
  await rename(`${path}.new`, path);
}

/** @returns undefined when there is none, or none that can be read: the monitor beside it was half-started, or is not ours */
export async function readMonitorRecord(folder: string): Promise<MonitorRecord | undefined> {
  try {
    return parseMonitorRecord(JSON.parse(await readFile(monitorFiles(folder).record, "utf8")));
  } catch {
    return undefined; // the caller decides what to do with a monitor without a record
  }
}

const UID = { min: 1, max: 0xffff_fffe };
const WEAKNESSES_MAX = 100;
const SHARING_GROUP_LENGTH_MAX = 1024;

/** @throws {Fault} InvalidArgument */
export function parseMonitorRecord(value: unknown): MonitorRecord {
  const shape = asShape(value, "monitor");
  const weaknesses = shape.fields.weaknesses;
  return {
    machine: parseMachine(shape.fields.machine, "monitor.machine"),
    uid: readInteger(shape, "uid", UID),
    startedAtMs: readInteger(shape, "startedAtMs", { min: 0, max: Number.MAX_SAFE_INTEGER }),
    accelerator: readOneOf(shape, "accelerator", ["kvm", "tcg"]),
    sharingGroup: readOptional(shape, "sharingGroup", (from, name) => readText(from, name, { max: SHARING_GROUP_LENGTH_MAX })),
    weaknesses: Array.isArray(weaknesses) ? weaknesses.slice(0, WEAKNESSES_MAX).map(String) : [],
    phase: parsePhase(readShape(shape, "phase")),
  };
}

function parsePhase(shape: Shape): MonitorPhase {
  const kind = readOneOf(shape, "kind", ["starting", "running", "changing", "committing", "suspending", "suspended"]);
  switch (kind) {
    case "starting":
    case "running":
      return { kind };
    case "changing":
      return { kind, to: parseMachine(shape.fields.to, `${shape.at}.to`) };
    case "committing":
      return { kind, to: parseMachine(shape.fields.to, `${shape.at}.to`), child: readPath(shape, "child") };
    case "suspending":
    case "suspended":
      return { kind, to: readPath(shape, "to") };
    default:
      return assertNever(kind);
  }
}

/** Lines of the monitor's own complaints, for people: the last few, bounded. */
export async function lastLinesOfLog(folder: string): Promise<string> {
  const text = await readFile(monitorFiles(folder).log, "utf8").catch(() => "");
  return text.slice(-LOG_TAIL_CHARACTERS).trim().split("\n").slice(-LOG_TAIL_LINES).join("; ");
}

const LOG_TAIL_CHARACTERS = 2000;
const LOG_TAIL_LINES = 4;

/** What a monitor writes to its log is in its own hands, so the log may not grow without end. */
export async function trimLog(folder: string): Promise<void> {
  const path = monitorFiles(folder).log;
  try {
    if ((await stat(path)).size > LOG_BYTES_MAX) await truncate(path);
  } catch {
    // no log, nothing to trim: the monitor is being ended
  }
}

const LOG_BYTES_MAX = 1024 * 1024;
