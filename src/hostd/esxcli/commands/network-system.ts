/** What the commands of `esxcli network` have in common: the objects that they ask, and how they find what is named. */
import type { HostNetStackInstance, HostNetworkInfo, HostPortGroup, HostVirtualSwitch, MoRef } from "../../../wire/index.ts";
import { HOST_MANAGERS } from "../../inventory-tree.ts";
import { CommandFailed } from "../command.ts";
import type { Host } from "../host.ts";

export const NETWORK_SYSTEM: MoRef<"HostNetworkSystem"> = HOST_MANAGERS.networkSystem;
export const NIC_MANAGER: MoRef<"HostVirtualNicManager"> = HOST_MANAGERS.virtualNicManager;
export const CONFIG_NETWORK = "Host.Config.Network";

export async function readNetwork(host: Host): Promise<HostNetworkInfo> {
  const info = await host.read(NETWORK_SYSTEM, "networkInfo");
  if (info === undefined) throw new Error("the host's network system has no networkInfo");
  return info;
}

/** @throws {CommandFailed} */
export async function findSwitch(host: Host, name: string): Promise<HostVirtualSwitch> {
  const found = (await readNetwork(host)).vswitch?.find((vswitch) => vswitch.name === name);
  if (found === undefined) throw new CommandFailed(`Unable to find vswitch ${name.slice(0, 64)}`);
  return found;
}

/** @throws {CommandFailed} */
export async function findPortGroup(host: Host, name: string): Promise<HostPortGroup> {
  const found = (await readNetwork(host)).portgroup?.find(({ spec }) => spec.name === name);
  if (found === undefined) throw new CommandFailed(`Unable to find portgroup ${name.slice(0, 256)}`);
  return found;
}

/** @throws {CommandFailed} */
export function findNetstack({ netStackInstance = [] }: HostNetworkInfo, key: string): HostNetStackInstance {
  const found = netStackInstance.find((stack) => stack.key === key);
  if (found === undefined) throw new CommandFailed(`Unable to find netstack ${key.slice(0, 64)}`);
  return found;
}

/** The end of a key such as "key-vim.host.PhysicalNic-vmnic0". */
export function nameOfKey(key: string): string {
  return /^key-vim\.host\.[A-Za-z.]+-(.*)$/s.exec(key)?.[1] ?? key;
}

/** "a, b" and "a,b" name two. */
export function namesIn(list: string): readonly string[] {
  return list
    .split(",")
    .map((name) => name.trim())
    .filter((name) => name !== "");
}
