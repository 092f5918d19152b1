/**
 * Auto-start: which VMs start with the host and stop with it, in what order, and how long each is waited for. Pure.
 * Source: vim25 HostAutoStartManager, AutoStartPowerInfo and AutoStartDefaults.
 */
import { type AutoStartDefaults, type AutoStartPowerInfo, fault, type HostAutoStartManagerConfig } from "../../wire/index.ts";

export type StopAction = "powerOff" | "suspend" | "guestShutdown";

/** The defaults with none of them left open. */
export interface Defaults {
  readonly enabled: boolean;
  readonly startDelay: number;
  readonly stopDelay: number;
  readonly waitForHeartbeat: boolean;
  readonly stopAction: StopAction | "none";
}

export interface AutoStartConfig {
  readonly defaults: Defaults;
  readonly powerInfo: readonly AutoStartPowerInfo[];
}

/** As a new ESXi host has them. */
export const FIRST_DEFAULTS: Defaults = {
  enabled: false,
  startDelay: 120,
  stopDelay: 120,
  waitForHeartbeat: false,
  stopAction: "powerOff",
};

export interface StartStep {
  readonly vm: string;
  /** How long the next VM waits. */
  readonly delayMs: number;
  /** The next VM need not wait longer once this one's guest tools run. */
  readonly untilHeartbeat: boolean;
}

export interface StopStep {
  readonly vm: string;
  readonly action: StopAction;
  /** How long the VM is waited for at most. */
  readonly delayMs: number;
}

const ANY_ORDER = -1;
const SYSTEM_DEFAULT = -1;
const DELAY_S_MAX = 3600; // an hour for one VM: a host whose shutdown takes longer is one that its administrator kills
const STOP_ACTIONS = ["none", "powerOff", "suspend", "guestShutdown"] as const;

/** VMs with an order come first, by it; those without one after them. Equal ones in the order of their ids, so that it is always the same. */
export function planStart({ defaults, powerInfo }: AutoStartConfig): readonly StartStep[] {
  if (!defaults.enabled) return [];
  return inOrder(powerInfo)
    .filter(({ startAction }) => startAction === "powerOn")
    .map((info) => ({
      vm: info.key.value,
      delayMs: orDefault(info.startDelay, defaults.startDelay) * 1000,
      untilHeartbeat: info.waitForHeartbeat === "systemDefault" ? defaults.waitForHeartbeat : info.waitForHeartbeat === "yes",
    }));
}

/** The reverse of the order in which VMs start. A VM without a stop action is left to the host's own end. */
export function planStop({ defaults, powerInfo }: AutoStartConfig): readonly StopStep[] {
  if (!defaults.enabled) return [];
  return inOrder(powerInfo)
    .toReversed()
    .flatMap((info) => {
      const action = info.stopAction === "systemDefault" ? defaults.stopAction : STOP_ACTIONS.find((one) => one === info.stopAction);
      if (action === undefined || action === "none") return [];
      return [{ vm: info.key.value, action, delayMs: orDefault(info.stopDelay, defaults.stopDelay) * 1000 }];
    });
}

function inOrder(powerInfo: readonly AutoStartPowerInfo[]): readonly AutoStartPowerInfo[] {
  const rank = ({ startOrder }: AutoStartPowerInfo): number => (startOrder === ANY_ORDER ? Number.MAX_SAFE_INTEGER : startOrder);
  return powerInfo.toSorted((a, b) => rank(a) - rank(b) || Number(a.key.value) - Number(b.key.value));
}

const orDefault = (delay: number, otherwise: number): number => (delay === SYSTEM_DEFAULT ? otherwise : delay);

/**
 * The configuration after ReconfigureAutostart: what the spec names is replaced, everything else stays.
 * @param spec as a client sent it (untrusted)
 * @throws {Fault} InvalidArgument, which names the property
 */
export function changeConfig(
  current: AutoStartConfig,
  spec: HostAutoStartManagerConfig,
  isRegistered: (moid: string) => boolean,
): AutoStartConfig {
  const changed = new Map<string, AutoStartPowerInfo>();
  for (const [index, info] of (spec.powerInfo ?? []).entries()) {
    const at = `spec.powerInfo[${index}]`;
    const { type, value } = info.key;
    if (type !== "VirtualMachine" || !isRegistered(value)) throw refuse(`${at}.key`, `there is no virtual machine ${value} on this host`);
    if (changed.has(value)) throw refuse(`${at}.key`, `virtual machine ${value} is named twice`);
    changed.set(value, checkInfo(info, at));
  }
  const kept = current.powerInfo.filter(({ key }) => !changed.has(key.value));
  return {
    defaults: checkDefaults(current.defaults, spec.defaults ?? {}),
    powerInfo: inOrder([...kept, ...[...changed.values()].filter(takesPart)]),
  };
}

/** A VM that neither starts nor stops with the host is as good as not listed. */
function takesPart({ startAction, stopAction }: AutoStartPowerInfo): boolean {
  return startAction !== "none" || stopAction !== "none";
}

function checkInfo(info: AutoStartPowerInfo, at: string): AutoStartPowerInfo {
  const { startOrder } = info;
  if (startOrder !== ANY_ORDER && startOrder < 1) throw refuse(`${at}.startOrder`, "it is -1 for any order, or 1 and up");
  return {
    $type: "AutoStartPowerInfo",
    key: { type: "VirtualMachine", value: info.key.value },
    startOrder,
    startDelay: checkDelay(info.startDelay, `${at}.startDelay`),
    waitForHeartbeat: info.waitForHeartbeat,
    startAction: oneOf(["none", "powerOn"], info.startAction, `${at}.startAction`),
    stopDelay: checkDelay(info.stopDelay, `${at}.stopDelay`),
    stopAction: oneOf([...STOP_ACTIONS, "systemDefault"], info.stopAction, `${at}.stopAction`),
  };
}

function checkDefaults(current: Defaults, spec: AutoStartDefaults): Defaults {
  const { enabled, startDelay, stopDelay, waitForHeartbeat, stopAction } = spec;
  return {
    enabled: enabled ?? current.enabled,
    startDelay: startDelay === undefined ? current.startDelay : checkOwnDelay(startDelay, "spec.defaults.startDelay"),
    stopDelay: stopDelay === undefined ? current.stopDelay : checkOwnDelay(stopDelay, "spec.defaults.stopDelay"),
    waitForHeartbeat: waitForHeartbeat ?? current.waitForHeartbeat,
    // An empty text is how clients that always send the field say that they leave it.
    stopAction:
      stopAction === undefined || stopAction === "" ? current.stopAction : oneOf(STOP_ACTIONS, stopAction, "spec.defaults.stopAction"),
  };
}

function checkDelay(seconds: number, at: string): number {
  return seconds === SYSTEM_DEFAULT ? seconds : checkOwnDelay(seconds, at);
}

function checkOwnDelay(seconds: number, at: string): number {
  if (seconds >= 0 && seconds <= DELAY_S_MAX) return seconds;
  throw refuse(at, `it is a number of seconds from 0 to ${DELAY_S_MAX}`);
}

/** Clients write "PowerOff" as well as "powerOff". */
function oneOf<T extends string>(values: readonly T[], text: string, at: string): T {
  const found = values.find((value) => value.toLowerCase() === text.toLowerCase());
  if (found !== undefined) return found;
  throw refuse(at, `it is one of ${values.join(", ")}`);
}

function refuse(property: string, because: string) {
  return fault("InvalidArgument", `A specified parameter was not correct: ${property}: ${because}.`, { invalidProperty: property });
}
