/** What the state of the host as a whole admits: one table, asked for every request beside the VM's own. Pure. */
import type { Fault } from "../base/index.ts";
import { fault } from "../wire/index.ts";

/** Changed by the one who stops the host; read by admission. */
export interface HostState {
  isShuttingDown: boolean;
}

/** What would start a guest that nobody would stop again. */
const REFUSED_WHILE_SHUTTING_DOWN: readonly string[] = ["PowerOnVM_Task", "AutoStartPowerOn"];

export function refuseInHostState(method: string, { isShuttingDown }: Readonly<HostState>): Fault | undefined {
  if (!isShuttingDown || !REFUSED_WHILE_SHUTTING_DOWN.includes(method)) return undefined;
  return fault("InvalidState", "The operation is not allowed in the current state: the host is shutting down.", {});
}
