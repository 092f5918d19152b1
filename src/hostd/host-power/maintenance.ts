/**
 * Maintenance mode: a host on which no VM runs and none is made, until it is taken back into service. It is kept over restarts.
 * Source: vim25 EnterMaintenanceMode_Task and ExitMaintenanceMode_Task.
 */
import { defer } from "../../base/index.ts";
import { fault } from "../../wire/index.ts";
import { type Call, type HostAgent, sessionOf } from "../agent.ts";
import { type Connection, readSetting, writeSetting } from "../database.ts";
import type { HostState } from "../host-state.ts";
import { HOST } from "../inventory-tree.ts";
import type { Task } from "../tasks.ts";
import { occupationOf } from "./occupation.ts";

const KEY = "maintenanceMode";

/** How the last hostd left it; one that was on its way there did not arrive. */
export function readMaintenance(database: Connection): HostState["maintenance"] {
  return readSetting(database, KEY) === true ? "in" : "none";
}

/** Keeps it over restarts. */
export function writeMaintenance(database: Connection, isIn: boolean): void {
  writeSetting(database, KEY, isIn);
}

/**
 * Begins nothing new from now on, and waits until nothing runs any more: to power VMs off is the caller's business.
 * @param timeoutSeconds 0 or less waits for ever
 */
export function enterMaintenance(call: Call, timeoutSeconds: number): Task {
  const { agent } = call;
  const about = { userName: sessionOf(call).userName };
  // At once and not with the task's first step: what comes after this request is refused.
  setMaintenance(agent, "entering");
  try {
    return call.startTask(agent.identity.hostName, { kind: "none" }, async ({ allowCancel }) => {
      try {
        agent.events.post("EnteringMaintenanceModeEvent", "The host has begun to enter maintenance mode", about, {});
        await untilIdle(agent, timeoutSeconds * 1000, allowCancel());
        agent.keepMaintenance(true);
      } catch (error) {
        setMaintenance(agent, "none");
        agent.events.post("CanceledHostOperationEvent", "The host does not enter maintenance mode", about, {});
        throw error;
      }
      setMaintenance(agent, "in");
      agent.events.post("EnteredMaintenanceModeEvent", "The host is in maintenance mode", about, {});
      return undefined;
    });
  } catch (error) {
    setMaintenance(agent, "none"); // there is no room for one more task
    throw error;
  }
}

export function exitMaintenance(call: Call): Task {
  const { agent } = call;
  return call.startTask(agent.identity.hostName, { kind: "none" }, async () => {
    agent.keepMaintenance(false);
    setMaintenance(agent, "none");
    agent.events.post("ExitMaintenanceModeEvent", "The host has left maintenance mode", { userName: sessionOf(call).userName }, {});
    return undefined;
  });
}

function setMaintenance({ hostState, changes, vms }: HostAgent, maintenance: HostState["maintenance"]): void {
  hostState.maintenance = maintenance;
  changes.changed(HOST, ...vms.refs()); // what each VM may be asked is another now
}

/** @throws {Fault} Timedout, RequestCanceled */
async function untilIdle(agent: HostAgent, timeoutMs: number, signal: AbortSignal): Promise<void> {
  const left = () => occupationOf(agent.vms.list(), agent.tasks.unfinished());
  const { promise, resolve } = defer<"idle" | "late" | "cancelled">();
  const stopListening = agent.changes.onChange(({ type }) => {
    if ((type === "VirtualMachine" || type === "Task") && left().length === 0) resolve("idle");
  });
  const timer = timeoutMs > 0 ? setTimeout(resolve, Math.min(timeoutMs, TIMER_MS_MAX), "late") : undefined;
  signal.addEventListener("abort", () => resolve("cancelled"), { once: true });
  try {
    if (left().length === 0) return;
    const outcome = await promise;
    if (outcome === "cancelled") throw fault("RequestCanceled", "The task was cancelled.", {});
    if (outcome === "late") throw fault("Timedout", `These are still there: ${left().slice(0, NAMED_MAX).join(", ")}.`, {});
  } finally {
    clearTimeout(timer);
    stopListening();
  }
}

const TIMER_MS_MAX = 2 ** 31 - 1; // what Node's timers take: 24 days
const NAMED_MAX = 10;
