/** Every command that this host has. What is not here is unknown: a command whose subsystem the host has not, it does not show. Pure. */
import { type PrivilegeId, READ } from "../../access/index.ts";
import type { Command } from "./command.ts";
import { managementCommands } from "./commands/bulkhead-management.ts";
import { bulkheadMemoryCommands } from "./commands/bulkhead-memory.ts";
import { ownNetworkCommands } from "./commands/bulkhead-network.ts";
import { esxcliCommands } from "./commands/esxcli.ts";
import { hardwareCommands } from "./commands/hardware.ts";
import { addressCommands } from "./commands/network-addresses.ts";
import { connectionCommands } from "./commands/network-connections.ts";
import { dnsCommands } from "./commands/network-dns.ts";
import { firewallCommands } from "./commands/network-firewall.ts";
import { interfaceCommands } from "./commands/network-interfaces.ts";
import { neighbourCommands } from "./commands/network-neighbours.ts";
import { nicCommands } from "./commands/network-nics.ts";
import { portGroupCommands } from "./commands/network-port-groups.ts";
import { routeCommands } from "./commands/network-routes.ts";
import { networkVmCommands } from "./commands/network-vms.ts";
import { vswitchCommands } from "./commands/network-vswitch.ts";
import { schedCommands } from "./commands/sched.ts";
import { storageCommands } from "./commands/storage.ts";
import { systemCommands } from "./commands/system.ts";
import { accountCommands } from "./commands/system-accounts.ts";
import { certificateCommands } from "./commands/system-certificates.ts";
import { powerCommands } from "./commands/system-power.ts";
import { settingsCommands } from "./commands/system-settings.ts";
import { vmCommands } from "./commands/vm.ts";
import { vmodlNameOf } from "./encode-result.ts";

export const commands: readonly Command[] = [
  ...esxcliCommands(() => commands),
  ...bulkheadMemoryCommands,
  ...hardwareCommands,
  ...schedCommands,
  ...vswitchCommands,
  ...portGroupCommands,
  ...ownNetworkCommands,
  ...managementCommands,
  ...nicCommands,
  ...networkVmCommands,
  ...interfaceCommands,
  ...addressCommands,
  ...routeCommands,
  ...dnsCommands,
  ...connectionCommands,
  ...neighbourCommands,
  ...firewallCommands,
  ...storageCommands,
  ...systemCommands,
  ...accountCommands,
  ...certificateCommands,
  ...settingsCommands,
  ...powerCommands,
  ...vmCommands,
].sort((one, other) => (pathOf(one) < pathOf(other) ? -1 : 1));

/** "network vm list" */
export function pathOf({ namespace, name }: Pick<Command, "namespace" | "name">): string {
  return `${namespace} ${name}`;
}

/** Those that hold commands, with them. */
export const namespaces: ReadonlyMap<string, readonly Command[]> = new Map(
  commands.map(({ namespace }) => [namespace, commands.filter((command) => command.namespace === namespace)]),
);

/** The object that tells of commands. */
export const CLI_INFO = {
  moid: "ha-dynamic-type-manager-local-cli-cliinfo",
  type: "vim.CLIInfo",
  method: "vim.CLIInfo.FetchCLIInfo",
} as const;

/** The object whose methods the commands of a namespace are: "ha-cli-handler-network-vm". */
export function handlerOf(namespace: string): string {
  return `ha-cli-handler-${namespace.replaceAll(" ", "-")}`;
}

const byMethod: ReadonlyMap<string, Command> = new Map(
  commands.map((command) => [`${vmodlNameOf(command.namespace)}.${command.name}`, command]),
);

/** @param moid @param method both untrusted */
export function findCommand(moid: string, method: string): Command | undefined {
  const command = byMethod.get(method);
  return command !== undefined && handlerOf(command.namespace) === moid ? command : undefined;
}

/** What ExecuteSoap needs on the host as a whole. @param args decoded, or none */
export function privilegesOfExecution(args: unknown): readonly PrivilegeId[] {
  const { moid = "", method = "" } = args as { readonly moid?: string; readonly method?: string };
  return [findCommand(moid, method)?.privilege ?? READ];
}
