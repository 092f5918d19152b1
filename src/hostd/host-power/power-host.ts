/**
 * RebootHost_Task and ShutdownHost_Task: the supervisor ends the host in order, guests first, and starts it again or not. The machine
 * beneath it, which may be anybody's, goes on. Source: vim25 HostSystem.
 */
import { type Call, sessionOf } from "../agent.ts";
import { refusePowerOperation } from "../host-state.ts";
import type { Task } from "../tasks.ts";

export type HostPowerOperation = "reboot" | "shutdown";

const names = { reboot: "restarted", shutdown: "shut down" } as const;

/** The task has succeeded when the host begins to end: nobody can be told later. @throws {Fault} InvalidState */
export function powerHost(call: Call, operation: HostPowerOperation, force: boolean): Task {
  const { agent } = call;
  const refusal = refusePowerOperation(force, agent.hostState);
  if (refusal !== undefined) throw refusal;
  const { userName } = sessionOf(call);
  return call.startTask(agent.identity.hostName, { kind: "none" }, async () => {
    const reason = `${userName} asked for it${force ? ", by force" : ""}`;
    agent.events.post("HostShutdownEvent", `The host is being ${names[operation]}: ${reason}`, { userName }, { reason });
    agent.audit({
      id: `host.${operation}`,
      subject: userName,
      object: force ? "by force" : "",
      result: "success",
      ip: call.client.address,
    });
    agent.powerHost(operation);
    return undefined;
  });
}
