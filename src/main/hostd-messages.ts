/** What the supervisor and hostd say to each other while the host runs: a line of JSON each. Pure. */
import type { Lockdown } from "../access/index.ts";
import type { HostPowerOperation } from "../hostd/index.ts";

export type { Lockdown } from "../access/index.ts";

/** What hostd is told when the host shuts down. It answers twice: how long that may take, and that it is done. */
export const STOP_GUESTS = JSON.stringify({ stopGuests: true });
/** What hostd is told when root at the machine ends lockdown mode. */
export const LIFT_LOCKDOWN = JSON.stringify({ liftLockdown: true });
const STOPS_WITHIN_MS_MAX = 2 ** 40; // every VM that a host can have, with the longest delay

/** Reads hostd's word on how long its guests take to stop in order. Pure. */
export function readStopsWithin(line: string): number | undefined {
  const { stopsWithinMs } = parseMessage(line);
  const isSane = typeof stopsWithinMs === "number" && stopsWithinMs >= 0 && stopsWithinMs <= STOPS_WITHIN_MS_MAX;
  return isSane ? stopsWithinMs : undefined;
}

/** Reads hostd's word that they have stopped. Pure. */
export function readGuestsStopped(line: string): true | undefined {
  return parseMessage(line).guestsStopped === true || undefined;
}

/** Reads hostd's word that a client asks for the end of the host. Pure. */
export function readPowerOperation(line: string): HostPowerOperation | undefined {
  const { powerHost } = parseMessage(line);
  return powerHost === "reboot" || powerHost === "shutdown" ? powerHost : undefined;
}

const LOCKDOWN_MODES: readonly unknown[] = ["lockdownDisabled", "lockdownNormal", "lockdownStrict"] satisfies readonly Lockdown["mode"][];
const USER_NAME = /^[\w.-]{1,64}$/; // it goes to a terminal

/** Reads hostd's word on its lockdown mode, said at its start and at every change. Pure. */
export function readLockdown(line: string): Lockdown | undefined {
  const { mode, exceptions } = (parseMessage(line).lockdown ?? {}) as { readonly mode?: unknown; readonly exceptions?: unknown };
  if (!LOCKDOWN_MODES.includes(mode) || !Array.isArray(exceptions)) return undefined;
  const isSane = exceptions.every((name) => typeof name === "string" && USER_NAME.test(name));
  return isSane ? { mode: mode as Lockdown["mode"], exceptions } : undefined;
}

/** hostd parses hostile input: what it says is checked before it is believed. Pure. */
export function parseMessage(line: string): Readonly<Record<string, unknown>> {
  try {
    const message: unknown = JSON.parse(line);
    return typeof message === "object" && message !== null ? (message as Readonly<Record<string, unknown>>) : {};
  } catch {
    return {};
  }
}
