/**
 * The advanced settings that mean something on this host: their names as ESXi has them, their bounds, and what they start with. Pure.
 * A setting that nothing honours is not listed. Source: the vSphere Web Services API (OptionManager).
 */
import { type AnyValue, fault, type OptionDef } from "../../wire/index.ts";

export interface OptionRow {
  readonly label: string;
  readonly summary: string;
  readonly min: number;
  readonly max: number;
  readonly default: number;
  /** Shown and set as a truth value: 1 is true. */
  readonly isBoolean?: true;
}

export const optionRows = {
  "Config.HostAgent.vmacore.soap.sessionTimeout": {
    label: "Session timeout",
    summary: "Minutes without a request after which a session ends",
    min: 1, // a session that never ends is one that somebody else finds open
    max: 1440,
    default: 30,
  },
  "Config.HostAgent.vmacore.soap.maxSessionCount": {
    label: "Sessions at one time",
    summary: "How many sessions there can be; who logs in beyond them is refused",
    min: 10, // enough for an administrator to get in and set it higher
    max: 500, // each may hold filters and views: more could exhaust the host agent's memory
    default: 500,
  },
  "Mem.CtlMaxPercent": {
    label: "Balloon size",
    summary: "Percent of a guest's memory, the most that its balloon takes",
    min: 0,
    max: 75,
    default: 65,
  },
  "Mem.IdleTax": {
    label: "Idle memory tax",
    summary: "Percent: an idle page costs a VM as much as 1 / (1 - tax) pages that it uses, when memory is short",
    min: 0,
    max: 99,
    default: 75,
  },
  "Mem.MemEagerZero": {
    label: "Eager zeroing",
    summary: "1: a guest's memory is overwritten before its monitor ends; 0: each page when somebody gets it",
    min: 0,
    max: 1,
    default: 0,
  },
  "Mem.MemMinFreePct": {
    label: "Free memory",
    summary: "Percent of the host's memory that is to be free: while less is, guests give some back. 0: by the host's size",
    min: 0,
    max: 50,
    default: 0,
  },
  "Mem.MemZipEnable": {
    label: "Memory compression",
    summary: "1: what is to be swapped is kept compressed in memory first, where the kernel can (zswap); 0: it is written at once",
    min: 0,
    max: 1,
    default: 1,
  },
  "Mem.MemZipMaxPct": {
    label: "Compressed memory",
    summary: "Percent of the machine's memory that holds what is compressed, at most",
    min: 1,
    max: 100,
    default: 10,
  },
  "Mem.ShareForceSalting": {
    label: "Page sharing between VMs",
    summary: "0: all share; 1: VMs of one salt, and all that have none; 2: VMs of one salt alone. Of the next power-on of each",
    min: 0,
    max: 2,
    default: 2,
  },
  "Mem.ShareRateMax": {
    label: "Page sharing rate",
    summary: "Pages a second that are scanned of each VM that shares; 0 gives each VM pages of its own again",
    min: 0,
    max: 32_768,
    default: 1024,
  },
  "Net.BlockGuestBPDU": {
    label: "Frames of switches from guests",
    summary: "1: frames by which switches talk among themselves (STP, DTP, CDP, LLDP) are dropped when a guest sends them; 0: they pass",
    min: 0,
    max: 1,
    default: 1,
  },
  "Config.HostAgent.network.rollbackTimeout": {
    label: "Network rollback",
    summary:
      "Seconds within which somebody must reach the host after a change that can cut it off, or the network is as before; 0: no such change is made",
    min: 0,
    max: 3600,
    default: 30, // several attempts of a client to connect again
  },
  "VMkernel.Boot.hyperthreadingMitigation": {
    label: "Side-channel-aware scheduling",
    summary: "True: two VMs never run on the threads of one core at the same time; from its setting on",
    ...{ min: 0, max: 1, default: 0, isBoolean: true },
  },
  "VMkernel.Boot.hyperthreadingMitigationIntraVM": {
    label: "Side-channel-aware scheduling within a VM",
    summary: "With the mitigation, true: one thread of each core is used alone; false: all threads, at one time by one VM",
    ...{ min: 0, max: 1, default: 1, isBoolean: true },
  },
} as const satisfies Readonly<Record<string, OptionRow>>;

export type OptionKey = keyof typeof optionRows;
export const optionKeys = Object.keys(optionRows) as OptionKey[];

export const optionDefs: readonly OptionDef[] = Object.entries<OptionRow>(optionRows).map(([key, row]) => ({
  key,
  label: row.label,
  summary: row.summary,
  optionType:
    row.isBoolean === true
      ? { $type: "BoolOption", supported: true, defaultValue: row.default === 1 }
      : { $type: "IntOption", min: row.min, max: row.max, defaultValue: row.default },
}));

/**
 * Reads an option's name as a client sent it (untrusted).
 * @throws {InvalidName}
 */
export function parseOptionKey(name: string): OptionKey {
  const key = optionKeys.find((one) => one === name);
  if (key === undefined) throw fault("InvalidName", `There is no option ${name}.`, { name });
  return key;
}

const INTEGERS = ["byte", "short", "int", "long"];

/**
 * Reads an option's new value (untrusted).
 * @throws {InvalidArgument} when it is of another type or out of bounds
 */
export function parseOptionValue(key: OptionKey, value: AnyValue | undefined): number {
  const { min, max, isBoolean }: OptionRow = optionRows[key];
  if (isBoolean === true) {
    if (value?.anyType === "boolean") return value.value === true ? 1 : 0;
    throw fault("InvalidArgument", `${key} is true or false.`, { invalidProperty: key });
  }
  const number = value !== undefined && INTEGERS.includes(value.anyType) ? Number(value.value) : Number.NaN;
  if (Number.isInteger(number) && number >= min && number <= max) return number;
  throw fault("InvalidArgument", `${key} is a whole number from ${min} to ${max}.`, { invalidProperty: key });
}

/**
 * The options that a client asks for: one by its name, or with "Config.HostAgent." all that begin so.
 * @throws {InvalidName} when there is none
 */
export function matchOptions(name: string | undefined): readonly OptionKey[] {
  if (name === undefined || name === "") return optionKeys;
  const found = optionKeys.filter((key) => key === name || (name.endsWith(".") && key.startsWith(name)));
  if (found.length === 0) throw fault("InvalidName", `There is no option ${name}.`, { name });
  return found;
}
