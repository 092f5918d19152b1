/** How the commands of `esxcli network ip interface` find the host's own interfaces, and change them. */
import type { HostVirtualNic, HostVirtualNicSpec } from "../../../wire/index.ts";
import { CommandFailed, required, text } from "../command.ts";
import type { Host } from "../host.ts";
import { NETWORK_SYSTEM, readNetwork } from "./network-system.ts";

export const interfacename = text("-i", "--interface-name", "The name of the interface: vmk0.");
export const named = { interfacename: required(interfacename) };
export const netstack = text("-N", "--netstack", "The netstack of the interface.");

interface Which {
  readonly interfacename: string | undefined;
  readonly netstack: string | undefined;
}

/** All of them, or those that are named. @throws {CommandFailed} */
export async function findInterfaces(host: Host, { interfacename: name, netstack: stack }: Which): Promise<readonly HostVirtualNic[]> {
  const all = (await readNetwork(host)).vnic ?? [];
  const found = all.filter(
    ({ device, spec }) => (name ?? device) === device && (stack ?? spec.netStackInstanceKey) === spec.netStackInstanceKey,
  );
  if (name !== undefined && found.length === 0) throw new CommandFailed(`Unable to find interface ${name.slice(0, 64)}`);
  return found;
}

/** @throws {CommandFailed} */
export async function findInterface(host: Host, name: string): Promise<HostVirtualNic> {
  const [found] = await findInterfaces(host, { interfacename: name, netstack: undefined });
  if (found === undefined) throw new CommandFailed(`Unable to find interface ${name.slice(0, 64)}`);
  return found;
}

export async function updateInterface(host: Host, device: string, nic: HostVirtualNicSpec): Promise<void> {
  await host.call(NETWORK_SYSTEM, "UpdateVirtualNic", { device, nic });
}
