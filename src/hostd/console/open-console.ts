/**
 * Opening a console with a ticket, by the steps that every request takes: the ticket stands for a user and a VM, and whether that
 * user may look at that VM, and whether it runs, is asked again when it is used.
 */
import type { Duplex } from "node:stream";
import { type Fault, messageOf } from "../../base/index.ts";
import { fault, type VirtualMachineMksConnection } from "../../wire/index.ts";
import type { HostAgent } from "../agent.ts";
import { refuseAccess, subjectOf } from "../authorize.ts";
import type { EventContext } from "../events.ts";
import { faultOf } from "../faults.ts";
import type { Client } from "../sessions.ts";
import type { Vm } from "../vm.ts";
import { CONSOLE_INTERACT } from "./acquire-ticket.ts";
import type { ConsoleRight, Viewer } from "./consoles.ts";

export interface ConsoleRequest {
  /** Untrusted. */
  readonly ticket: string;
  readonly client: Client;
}

/**
 * @returns RFB with the monitor's own server: it ends when the VM is off, the viewer is dropped, or whoever has it ends it
 * @throws {Fault} NotAuthenticated, NoPermission, ManagedObjectNotFound, InvalidPowerState, MksConnectionLimitReached
 */
export async function openConsole(agent: HostAgent, { ticket, client }: ConsoleRequest): Promise<Duplex> {
  const right = agent.consoles.tickets.redeem(ticket); // 1 authenticate
  try {
    const vm = admit(agent, right); // 2 authorize, 3 admit
    agent.consoles.requireRoom(vm);
    const stream = await agent.vms.vmkernel.openStream({ kind: "openConsole", vm: vm.id }); // 4 perform
    attend(agent, { vm, userName: right?.userName ?? "", client, stream });
    record(agent, "console.open", { right, client }); // 5 record
    return stream;
  } catch (error) {
    const thrown = faultOf(error);
    record(agent, "console.open", { right, client, thrown });
    throw thrown;
  }
}

function admit(agent: HostAgent, right: ConsoleRight | undefined): Vm {
  const vm = right === undefined ? undefined : agent.vms.find(right.vm);
  if (right === undefined) {
    const object = { type: "SessionManager", value: "ha-sessionmgr" };
    throw fault("NotAuthenticated", "The ticket is spent, too old, or none of this host's.", { object, privilegeId: CONSOLE_INTERACT });
  }
  if (vm === undefined) {
    const obj = { type: "VirtualMachine", value: right.vm };
    throw fault("ManagedObjectNotFound", "The virtual machine of the ticket is not registered any more.", { obj });
  }
  // An account that was removed, or lost its permission, since: the ticket is worth what its holder is worth now.
  const userName = agent.accounts.find(right.userName)?.name;
  const subject = subjectOf(agent, userName);
  const refusal = refuseAccess(vm.ref, agent.inventory.pathOf(vm.id), [CONSOLE_INTERACT], subject);
  if (refusal !== undefined) throw refusal;
  return vm; // whether it runs, vmkernel knows
}

interface Attendance {
  readonly vm: Vm;
  readonly userName: string;
  readonly client: Client;
  readonly stream: Duplex;
}

/** Counts the viewer until its stream ends. The last place may have been taken while the stream was opened. */
function attend(agent: HostAgent, { vm, userName, client, stream }: Attendance): void {
  try {
    agent.consoles.requireRoom(vm);
  } catch (error) {
    stream.destroy();
    throw error;
  }
  const label = agent.consoles.newLabel();
  const connection: VirtualMachineMksConnection = { $type: "VirtualMachineMksConnection", label, client: client.address, userName };
  const viewer: Viewer = { connection, end: () => stream.destroy() };
  const about: EventContext = { userName, vm: { ref: vm.ref, name: vm.name } };
  agent.consoles.add(vm.id, viewer);
  agent.events.post("VmRemoteConsoleConnectedEvent", `A remote console of ${vm.name} was opened`, about, { template: false });
  vm.changed();
  stream.once("close", () => {
    agent.consoles.remove(vm.id, viewer);
    agent.events.post("VmRemoteConsoleDisconnectedEvent", `A remote console of ${vm.name} was closed`, about, { template: false });
    record(agent, "console.close", { right: { vm: vm.id, userName }, client });
    vm.changed();
  });
}

interface Recorded {
  readonly right: ConsoleRight | undefined;
  readonly client: Client;
  readonly thrown?: Fault;
}

function record(agent: HostAgent, id: "console.open" | "console.close", { right, client, thrown }: Recorded): void {
  const denied = thrown?.fault === "NoPermission" || thrown?.fault === "NotAuthenticated";
  agent.audit({
    id: denied ? "vim.access.denied" : id,
    subject: right?.userName ?? "",
    object: right === undefined ? "console" : `VirtualMachine:${right.vm}.console`,
    result: thrown === undefined ? "success" : "failure",
    ip: client.address,
    ...(thrown === undefined ? {} : { reason: thrown.fault, comment: messageOf(thrown) }),
  });
}
