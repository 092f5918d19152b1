/** What keeps a host from being taken out of service. Pure. Source: vim25 EnterMaintenanceMode_Task. */
import type { TaskInfo } from "../../wire/index.ts";
import type { Vm } from "../vm.ts";

/** Tasks that make a VM, or start one. */
const PROVISIONING: ReadonlySet<string> = new Set(["CreateVM_Task", "RegisterVM_Task", "PowerOnVM_Task"]);

/** The VMs that run, and what is being done that would leave one more. Empty when the host can be put aside. */
export function occupationOf(
  vms: readonly Pick<Vm, "name" | "powerState">[],
  tasks: readonly Pick<TaskInfo, "name" | "state">[],
): readonly string[] {
  const running = vms.filter(({ powerState }) => powerState === "poweredOn").map(({ name }) => name);
  const underWay = tasks.filter(({ name, state }) => (state === "queued" || state === "running") && PROVISIONING.has(name ?? ""));
  return [...running, ...underWay.map(({ name }) => name ?? "")];
}
