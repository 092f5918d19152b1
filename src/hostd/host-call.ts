/** Deeds that the host does by itself, without a client: the same deeds, tasks and admission as for one, in the host's own name. */

import { managedObjectType, NEWEST_VERSION } from "../wire/index.ts";
import { refuseInState } from "./admission.ts";
import type { Call, HostAgent } from "./agent.ts";
import { refuseInHostState } from "./host-state.ts";
import type { Task } from "./tasks.ts";
import type { Vm } from "./vm.ts";

type VmTask = "PowerOnVM_Task" | "PowerOffVM_Task" | "SuspendVM_Task" | "ShutdownGuest";

/** @throws {Fault} when the VM's or the host's state does not admit it */
export function callOfHost(agent: HostAgent, vm: Vm, method: VmTask): Call {
  const refusal = refuseInHostState(method, agent.hostState) ?? refuseInState(method, vm.situation);
  if (refusal !== undefined) throw refusal;
  const vmodlMethod = managedObjectType("VirtualMachine").methods.get(method)?.vmodl ?? method;
  return {
    agent,
    ref: vm.ref,
    method,
    session: undefined,
    client: { address: "", userAgent: "" },
    version: NEWEST_VERSION,
    signal: new AbortController().signal,
    setSession: () => {},
    failed: () => {},
    startTask(entityName, journal, deed): Task {
      const subject = { entity: vm.ref, entityName, method, vmodlMethod, userName: "" };
      const task = agent.tasks.start(subject, journal, (progress) => deed(progress, task));
      vm.occupy(task);
      return task;
    },
  };
}
