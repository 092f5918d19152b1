/**
 * A picture of a VM's screen for a client of plain HTTP, by the steps that every request takes.
 * Source: ESXi's /screen, which asks for the privilege of the console itself.
 */
import { buffer } from "node:stream/consumers";
import { type Fault, messageOf } from "../../base/index.ts";
import { fault } from "../../wire/index.ts";
import type { HostAgent } from "../agent.ts";
import { refuseAccess, subjectOf } from "../authorize.ts";
import { faultOf } from "../faults.ts";
import { authenticateHttp, type HttpRequest } from "../http-credentials.ts";
import { CONSOLE_INTERACT } from "./acquire-ticket.ts";

export interface ScreenRequest extends HttpRequest {
  /** The VM's managed object id (untrusted). */
  readonly vm: string;
}

/**
 * @returns a PNG
 * @throws {Fault} NotAuthenticated, InvalidLogin, NoPermission, ManagedObjectNotFound, InvalidPowerState
 */
export async function captureScreen(agent: HostAgent, request: ScreenRequest): Promise<Buffer> {
  let userName: string | undefined;
  try {
    userName = await authenticateHttp(agent, request); // 1
    const entity = { type: "VirtualMachine", value: request.vm };
    const subject = subjectOf(agent, userName);
    const refusal = refuseAccess(entity, agent.inventory.pathOf(request.vm), [CONSOLE_INTERACT], subject); // 2, before the VM is looked for
    if (refusal !== undefined) throw refusal;
    const vm = agent.vms.find(request.vm);
    if (vm === undefined) throw fault("ManagedObjectNotFound", `There is no virtual machine ${request.vm}.`, { obj: entity });
    const picture = await buffer(await agent.vms.vmkernel.openStream({ kind: "captureScreen", vm: vm.id })); // 3: it knows; 4
    if (!isWhole(picture)) throw fault("SystemError", "The picture broke off.", { reason: "vmkernel went away" });
    record(agent, request, userName); // 5
    return picture;
  } catch (error) {
    const thrown = faultOf(error);
    record(agent, request, userName, thrown);
    throw thrown;
  }
}

/** A PNG ends with a chunk of its own: length 0, "IEND", checksum. */
function isWhole(picture: Buffer): boolean {
  return picture.subarray(-8, -4).toString("latin1") === "IEND";
}

function record(agent: HostAgent, { vm, client }: ScreenRequest, userName: string | undefined, thrown?: Fault): void {
  const denied = thrown?.fault === "NoPermission" || thrown?.fault === "NotAuthenticated";
  agent.audit({
    id: denied ? "vim.access.denied" : "console.capture",
    subject: userName ?? "",
    object: `VirtualMachine:${vm}.screen`,
    result: thrown === undefined ? "success" : "failure",
    ip: client.address,
    ...(thrown === undefined ? {} : { reason: thrown.fault, comment: messageOf(thrown) }),
  });
}
