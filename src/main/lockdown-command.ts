/**
 * `bulkhead lockdown status|off`: the way back for root at the machine, when nobody is let in any more. Whoever is root here could
 * change the host's files anyhow; this does it in order, and leaves an audit record and an event.
 */
import { type HostPaths, SystemError } from "../base/index.ts";
import { signalProcess } from "../system/index.ts";
import type { Lockdown } from "./hostd-messages.ts";
import { readRunFile } from "./run-file.ts";

/** What tells the supervisor to have hostd end lockdown mode: only root can send it. */
export const LIFT_SIGNAL = "SIGUSR2";

const POLL_MS = 50;
const LIFTED_MS = 30_000; // hostd may just be starting

/** @returns undefined when no host runs */
export function readLockdownMode(paths: HostPaths): Lockdown | undefined {
  return readRunFile(paths)?.lockdown;
}

/** @returns whether it was on; undefined when no host runs. @throws {SystemError} when hostd does not answer */
export async function liftLockdown(paths: HostPaths): Promise<boolean | undefined> {
  const isOn = (): boolean => readLockdownMode(paths)?.mode !== "lockdownDisabled";
  const run = readRunFile(paths);
  if (run?.lockdown === undefined) return undefined;
  if (!isOn()) return false;
  if (!signalProcess(run.supervisor, LIFT_SIGNAL)) return undefined;
  for (const deadline = Date.now() + LIFTED_MS; isOn(); await new Promise((resolve) => setTimeout(resolve, POLL_MS))) {
    if (Date.now() > deadline) throw new SystemError(`the host on ${paths.root} does not say that lockdown mode has ended; try again`);
  }
  return true;
}

/** For people. Pure. */
export function formatLockdown({ mode, exceptions }: Lockdown): string {
  const names = { lockdownDisabled: "off", lockdownNormal: "normal", lockdownStrict: "strict" } as const;
  return `${names[mode]}; exception users: ${exceptions.join(", ") || "none"}`;
}
