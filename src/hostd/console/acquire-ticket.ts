/** Tickets for a VM's console, and who has one open: what a client asks by the API. Source: vim25 VirtualMachine, VirtualMachineTicketType. */
import { isIPv6 } from "node:net";
import type { PrivilegeId } from "../../access/index.ts";
import { fault, type VirtualMachineConnection, type VirtualMachineTicket } from "../../wire/index.ts";
import { type Call, type HostIdentity, sessionOf } from "../agent.ts";
import type { Vm } from "../vm.ts";
import { aboutVm } from "../vm-deeds/context.ts";

export const CONSOLE_INTERACT: PrivilegeId = "VirtualMachine.Interact.ConsoleInteract";

/** Tickets for protocols of VMware's own, which nothing here speaks. */
const NOT_SPOKEN: ReadonlySet<string> = new Set(["mks", "device", "webRemoteDevice", "guestControl", "dnd", "guestIntegrity"]);

export function acquireTicket(call: Call, vm: Vm, kind: string): VirtualMachineTicket {
  requireWebConsole(kind);
  const { agent } = call;
  agent.consoles.requireRoom(vm);
  const ticket = agent.consoles.tickets.issue({ vm: vm.id, userName: sessionOf(call).userName });
  const message = `A ticket of type ${kind} for ${vm.name} was acquired`;
  agent.events.post("VmAcquiredTicketEvent", message, aboutVm(call, vm), { template: false, ticketType: kind });
  const { identity, inventory } = agent;
  const datastore = inventory.datastoreNamed(vm.vmxPath.datastore)?.value ?? vm.vmxPath.datastore;
  return {
    ticket,
    cfgFile: `/vmfs/volumes/${datastore}/${vm.vmxPath.path}`,
    host: reachableAt(identity),
    port: identity.port,
    sslThumbprint: identity.thumbprint,
    url: consoleUrl(identity, ticket),
  };
}

/** @param kind as the client sent it (untrusted) */
function requireWebConsole(kind: string): void {
  if (kind === "webmks") return;
  if (NOT_SPOKEN.has(kind)) throw fault("NotSupported", `This host gives no tickets of type ${kind}; its consoles are webmks.`, {});
  throw fault("InvalidArgument", `There is no ticket of type ${JSON.stringify(kind.slice(0, 80))}.`, { invalidProperty: "ticketType" });
}

/** "wss://10.0.0.1:443/ticket/…". Pure. */
export function consoleUrl(identity: HostIdentity, ticket: string): string {
  const host = reachableAt(identity);
  return `wss://${isIPv6(host) ? `[${host}]` : host}:${identity.port}/ticket/${ticket}`;
}

/** A host that listens on every address is reached by its name. */
function reachableAt({ address, hostName }: HostIdentity): string {
  return address === "0.0.0.0" || address === "::" ? hostName : address;
}

export function queryConnections(call: Call, vm: Vm): readonly VirtualMachineConnection[] {
  return call.agent.consoles.viewersOf(vm.id).map(({ connection }) => connection);
}

/**
 * Ends the consoles that are named, by their labels; all of them when none are.
 * @returns whether each that was named was there to be ended
 */
export function dropConnections(call: Call, vm: Vm, named: readonly VirtualMachineConnection[] | undefined): boolean {
  const viewers = call.agent.consoles.viewersOf(vm.id);
  const labels = named === undefined || named.length === 0 ? undefined : new Set(named.map(({ label }) => label));
  const dropped = viewers.filter(({ connection }) => labels?.has(connection.label) !== false);
  for (const viewer of dropped) viewer.end();
  return labels === undefined || dropped.length === labels.size;
}
