/** What the state of the host as a whole admits: one table, asked for every request beside the VM's own. Pure. */
import type { Fault } from "../base/index.ts";
import { fault } from "../wire/index.ts";

/** Changed by those who stop the host or put it into maintenance mode; read by admission. */
export interface HostState {
  isShuttingDown: boolean;
  /** "entering": nothing new is begun, and what runs is waited for. */
  maintenance: "none" | "entering" | "in";
}

type Situation = "shuttingDown" | "enteringMaintenance" | "inMaintenance" | "normal";

/** Methods that are not legal in every situation, and the situations in which they are refused. */
const refusedIn: Readonly<Record<string, readonly Situation[]>> = {
  // What would start a guest that nobody would stop again.
  PowerOnVM_Task: ["shuttingDown", "enteringMaintenance", "inMaintenance"],
  AutoStartPowerOn: ["shuttingDown", "enteringMaintenance", "inMaintenance"],
  // vim25: no provisioning while a host is in maintenance mode, or on its way there.
  CreateVM_Task: ["enteringMaintenance", "inMaintenance"],
  RegisterVM_Task: ["enteringMaintenance", "inMaintenance"],
  EnterMaintenanceMode_Task: ["shuttingDown", "enteringMaintenance", "inMaintenance"],
  ExitMaintenanceMode_Task: ["shuttingDown", "enteringMaintenance", "normal"],
  RebootHost_Task: ["shuttingDown"],
  ShutdownHost_Task: ["shuttingDown"],
};

const because: Readonly<Record<Situation, string>> = {
  shuttingDown: "the host is shutting down",
  enteringMaintenance: "the host is entering maintenance mode",
  inMaintenance: "the host is in maintenance mode",
  normal: "the host is not in maintenance mode",
};

export function refuseInHostState(method: string, state: Readonly<HostState>): Fault | undefined {
  const situations = Object.hasOwn(refusedIn, method) ? refusedIn[method] : undefined;
  const found = situations?.find((situation) => isSo(situation, state));
  if (found === undefined) return undefined;
  return fault("InvalidState", `The operation is not allowed in the current state: ${because[found]}.`, {});
}

function isSo(situation: Situation, { isShuttingDown, maintenance }: Readonly<HostState>): boolean {
  switch (situation) {
    case "shuttingDown":
      return isShuttingDown;
    case "enteringMaintenance":
      return maintenance === "entering";
    case "inMaintenance":
      return maintenance === "in";
    case "normal":
      return maintenance === "none";
  }
}

/** vim25 RebootHost_Task and ShutdownHost_Task: a host whose VMs may run is ended only by who says so. */
export function refusePowerOperation(force: boolean, { maintenance }: Readonly<HostState>): Fault | undefined {
  if (force || maintenance === "in") return undefined;
  return fault("InvalidState", "The host is not in maintenance mode: enter it first, or ask for it by force.", {});
}
