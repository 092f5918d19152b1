/**
 * What is written into a VM's log, and how much of it a guest can cause. Pure.
 * A guest chooses when its devices fail and how often it resets, and a monitor that it broke says what it likes: so the lines that
 * come from there are bounded in length and in number, and no line can look like two.
 */
import { formatDatastorePath } from "../base/index.ts";
import type { DeviceSpec, MachineSpec } from "./machine.ts";

export type LogLevel = "info" | "warning" | "error";

/** As ESXi writes them, with syslog's number. */
const LEVELS: Readonly<Record<LogLevel, string>> = { info: "In(05)", warning: "Wa(03)", error: "Er(02)" };

const LINE_CHARACTERS_MAX = 1000; // a path of a datastore, and what is said of it

/** @param text anything: what would end the line or steer a terminal is replaced */
export function formatLogLine(atMs: number, level: LogLevel, text: string): string {
  const safe = text.replace(/[\p{Cc}\p{Cs}\p{Zl}\p{Zp}]/gu, "?").slice(0, LINE_CHARACTERS_MAX);
  return `${new Date(atMs).toISOString()} ${LEVELS[level]} vmx - ${safe}\n`;
}

export function describeMachine(machine: MachineSpec): readonly string[] {
  const { vm, name, vcpus, coresPerSocket, memoryMiB, firmware, biosUuid, resumeFrom, devices } = machine;
  return [
    `Log of VM ${vm}, ${name}`,
    `Machine: ${vcpus} virtual CPUs, ${coresPerSocket} to a socket; ${memoryMiB} MB; ${firmware.kind === "efi" ? "UEFI" : "BIOS"}; ${biosUuid}`,
    ...(resumeFrom === undefined ? [] : [`Its memory is that of ${formatDatastorePath(resumeFrom)}`]),
    ...devices.map((device) => `Device ${describeDevice(device)}`),
  ];
}

/** What a change has made of the devices, the memory and the processors. */
export function describeChange(from: MachineSpec, to: MachineSpec): readonly string[] {
  const before = new Map(from.devices.map((device) => [device.key, describeDevice(device)]));
  const after = new Map(to.devices.map((device) => [device.key, describeDevice(device)]));
  return [
    ...[...before].filter(([key]) => !after.has(key)).map(([, text]) => `Device removed: ${text}`),
    ...[...after].filter(([key]) => !before.has(key)).map(([, text]) => `Device added: ${text}`),
    ...[...after]
      .filter(([key, text]) => before.has(key) && before.get(key) !== text)
      .map(([key, text]) => `Device changed: ${text}, was ${before.get(key)}`),
    ...(from.memoryMiB === to.memoryMiB ? [] : [`Memory: ${to.memoryMiB} MB, was ${from.memoryMiB} MB`]),
    ...(from.vcpus === to.vcpus ? [] : [`Virtual CPUs: ${to.vcpus}, were ${from.vcpus}`]),
  ];
}

function describeDevice(device: DeviceSpec): string {
  const start = `${device.key} ${device.kind}`;
  switch (device.kind) {
    case "disk":
      return `${start}: ${formatDatastorePath(device.descriptor)}, ${device.mode}`;
    case "cdrom":
    case "floppy":
      return `${start}: ${device.image === undefined ? "no medium" : formatDatastorePath(device.image)}`;
    case "nic":
      return `${start}: ${device.model} ${device.mac}, ${device.connected === true ? (device.network ?? "no port group") : "disconnected"}`;
    case "serial":
      return `${start}: ${device.file === undefined ? (device.wire?.kind ?? "disconnected") : formatDatastorePath(device.file)}`;
    case "scsi":
      return `${start}: ${device.model}`;
    default:
      return start;
  }
}

export interface Told {
  readonly level: LogLevel;
  readonly text: string;
}

/** @param event as QEMU tells of it: qapi/{run-state,block-core,qdev,ui,char}.json. @returns undefined for what tells people nothing */
export function describeEvent({
  name,
  data,
}: {
  readonly name: string;
  readonly data: Readonly<Record<string, unknown>>;
}): Told | undefined {
  const byGuest = data.guest === true;
  switch (name) {
    case "RESET":
      return { level: "info", text: byGuest ? "The guest resets the machine" : "The machine is reset" };
    case "SHUTDOWN":
      return { level: "info", text: byGuest ? "The guest powers the machine off" : `The monitor ends: ${data.reason}` };
    case "POWERDOWN":
      return { level: "info", text: "The power button is pressed" };
    case "STOP":
      return { level: "info", text: "The virtual CPUs stand still" };
    case "RESUME":
      return { level: "info", text: "The virtual CPUs run" };
    case "BLOCK_IO_ERROR":
      return { level: "error", text: `${data.operation} of ${data.device || data["node-name"]} failed, ${data.action}: ${data.reason}` };
    case "DEVICE_TRAY_MOVED":
      return { level: "info", text: `The tray of ${data.id} is ${data["tray-open"] === true ? "open" : "closed"}` };
    case "DEVICE_DELETED":
      return data.device === undefined ? undefined : { level: "info", text: `The guest has let go of ${data.device}` };
    case "DEVICE_UNPLUG_GUEST_ERROR":
      return { level: "warning", text: `The guest keeps ${data.device}` };
    case "GUEST_PANICKED":
    case "GUEST_CRASHLOADED":
      return { level: "error", text: "The guest's kernel has given up" };
    case "WATCHDOG":
      return { level: "warning", text: `The watchdog has run out: ${data.action}` };
    case "MEMORY_FAILURE":
      return { level: "error", text: `The host's memory has failed: ${data.action}` };
    case "VNC_CONNECTED":
      return { level: "info", text: "A viewer of the console comes" };
    case "VNC_DISCONNECTED":
      return { level: "info", text: "A viewer of the console goes" };
    case "VSERPORT_CHANGE":
      return { level: "info", text: `The guest has ${data.open === true ? "opened" : "closed"} the channel of its agent` };
    default:
      return undefined;
  }
}

/** How many lines at once, and how many a second after that: more than people read, and a day of them fits no bound that matters. */
const BURST = 200;
const PER_SECOND = 5;

/** Lets through what a guest causes, up to a rate. */
export class LineBudget {
  #left = BURST;
  #atMs: number;
  #leftOut = 0;

  constructor(nowMs: number) {
    this.#atMs = nowMs;
  }

  /** @returns how many lines were left out before this one, when it may be written */
  take(nowMs: number): { readonly leftOut: number } | undefined {
    this.#left = Math.min(BURST, this.#left + (Math.max(0, nowMs - this.#atMs) / 1000) * PER_SECOND);
    this.#atMs = nowMs;
    if (this.#left < 1) {
      this.#leftOut += 1;
      return undefined;
    }
    this.#left -= 1;
    const leftOut = this.#leftOut;
    this.#leftOut = 0;
    return { leftOut };
  }
}
