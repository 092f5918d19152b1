/**
 * The host's own interface of the demonstration: vmk0, on a management network of its own. The API is served on it, too. It is made as
 * anybody makes it, by a command of esxcli.
 */
import { esxcliCommands } from "../../hostd/esxcli/index.ts";
import { parseCommandLine } from "../../interfaces/esxcli/index.ts";
import { moRef, type VimClient } from "../../interfaces/index.ts";
import type { HostNetworkInfo } from "../../wire/index.ts";
import { execute } from "../esxcli-command.ts";
import { readProperty } from "./vim.ts";

const SYSTEM = moRef("HostNetworkSystem", "networkSystem");
const COMMAND = ["bulkhead", "network", "management", "add"];

/** Where the host has no interface of its own yet. @returns a line that says where it is, and where it leads; none where there was one */
export async function makeManagementNic(client: VimClient): Promise<string | undefined> {
  const { vnic: before = [] } = await networkOf(client);
  if (before.length > 0) return undefined;
  const typed = parseCommandLine(COMMAND, esxcliCommands);
  if (typed.kind !== "command") throw new Error(`${COMMAND.join(" ")} is a command`);
  const { lines, exitCode } = await execute(client, typed, undefined);
  if (exitCode !== 0) throw new Error(`making the host's interface for management: ${lines.join(" ")}`);
  const { vnic: [made] = [] } = await networkOf(client);
  if (made === undefined) throw new Error("the host has no interface for management, although one was made");
  const { device, portgroup, spec } = made;
  return `${device} is ${spec.ip?.ipAddress} on ${portgroup}, a switch of its own without an adapter: no VM reaches the API by it`;
}

async function networkOf(client: VimClient): Promise<HostNetworkInfo> {
  return (await readProperty(client, SYSTEM, "networkInfo")) as HostNetworkInfo;
}
