/** `esxcli network vswitch standard portgroup`: port groups and the policies that they have of their own. */
import type { HostNetworkPolicy, HostPortGroup, HostPortGroupSpec } from "../../../wire/index.ts";
import { CommandFailed, command, flag, long, nothing, one, required, struct, table, text } from "../command.ts";
import type { Host } from "../host.ts";
import {
  FAILOVER,
  failoverChange,
  failoverParams,
  SECURITY,
  SHAPING,
  SHAPING_UNITS,
  securityChange,
  securityParams,
  shapingChange,
  shapingParams,
  showFailover,
  showSecurity,
  showShaping,
} from "./network-policy.ts";
import { findPortGroup, findSwitch, NETWORK_SYSTEM, nameOfKey, CONFIG_NETWORK as privilege, readNetwork } from "./network-system.ts";

const portgroupname = required(text("-p", "--portgroup-name", "The name of the port group."));
const vswitchname = required(text("-v", "--vswitch-name", "The name of the virtual switch."));
const named = { portgroupname };

/** The whole of it again, with what changes. */
async function update(host: Host, { spec }: HostPortGroup, change: Partial<HostPortGroupSpec>): Promise<void> {
  await host.call(NETWORK_SYSTEM, "UpdatePortGroup", { pgName: spec.name, portgrp: { ...spec, ...change } });
}

const portGroups = [
  command("network vswitch standard portgroup list", {
    help: "List the port groups of this host.",
    result: table(struct("PortGroup", { Name: "string", "Virtual Switch": "string", "Active Clients": "long", "VLAN ID": "long" })),
    run: async (host) =>
      ((await readNetwork(host)).portgroup ?? []).map(({ spec, port }) => ({
        Name: spec.name,
        "Virtual Switch": spec.vswitchName,
        "Active Clients": port?.length ?? 0,
        "VLAN ID": spec.vlanId,
      })),
  }),
  command("network vswitch standard portgroup add", {
    help: "Add a port group to a virtual switch.",
    privilege,
    params: { portgroupname, vswitchname },
    result: nothing,
    run: (host, { portgroupname: name, vswitchname: vswitchName }) =>
      host.call(NETWORK_SYSTEM, "AddPortGroup", { portgrp: { name, vswitchName, vlanId: 0, policy: {} } }),
  }),
  command("network vswitch standard portgroup remove", {
    help: "Remove a port group from a virtual switch.",
    privilege,
    params: { portgroupname, vswitchname },
    result: nothing,
    async run(host, args) {
      const { spec } = await findPortGroup(host, args.portgroupname);
      if (spec.vswitchName !== args.vswitchname)
        throw new CommandFailed(`${spec.name} is no port group of ${args.vswitchname.slice(0, 64)}`);
      await host.call(NETWORK_SYSTEM, "RemovePortGroup", { pgName: spec.name });
    },
  }),
  command("network vswitch standard portgroup set", {
    help: "Set the VLAN of a port group.",
    privilege,
    params: { ...named, vlanid: long("-v", "--vlan-id", "0 for none, 1 to 4094, or 4095 for all, which the guest then tags itself.") },
    result: nothing,
    run: async (host, args) =>
      update(host, await findPortGroup(host, args.portgroupname), args.vlanid === undefined ? {} : { vlanId: args.vlanid }),
  }),
];

/** What holds, and what of it is the port group's own. */
function policiesOf({ spec, computedPolicy }: HostPortGroup): { readonly own: HostNetworkPolicy; readonly inForce: HostNetworkPolicy } {
  return { own: spec.policy, inForce: computedPolicy };
}

const isSet = (value: unknown): boolean => value !== undefined;
const usevswitch = flag("-u", "--use-vswitch", "First give up what the port group has of its own: its switch's is in force then.");

const failover = [
  command("network vswitch standard portgroup policy failover get", {
    help: "Show how the uplinks are used by a port group.",
    params: named,
    result: one(
      struct("PortgroupFailoverPolicy", {
        ...FAILOVER,
        "Override Vswitch Load Balancing": "boolean",
        "Override Vswitch Network Failure Detection": "boolean",
        "Override Vswitch Notify Switches": "boolean",
        "Override Vswitch Failback": "boolean",
        "Override Vswitch Uplinks": "boolean",
      }),
    ),
    async run(host, args) {
      const found = await findPortGroup(host, args.portgroupname);
      const { pnic = [] } = await findSwitch(host, found.spec.vswitchName);
      const { own, inForce } = policiesOf(found);
      const { policy, failureCriteria, notifySwitches, rollingOrder, nicOrder } = own.nicTeaming ?? {};
      return {
        ...showFailover(inForce, pnic.map(nameOfKey)),
        "Override Vswitch Load Balancing": isSet(policy),
        "Override Vswitch Network Failure Detection": isSet(failureCriteria?.checkBeacon),
        "Override Vswitch Notify Switches": isSet(notifySwitches),
        "Override Vswitch Failback": isSet(rollingOrder),
        "Override Vswitch Uplinks": isSet(nicOrder),
      };
    },
  }),
  command("network vswitch standard portgroup policy failover set", {
    help: "Change how the uplinks are used by a port group.",
    privilege,
    params: { ...failoverParams, ...named, usevswitch },
    result: nothing,
    async run(host, args) {
      const found = await findPortGroup(host, args.portgroupname);
      const { own, inForce } = policiesOf(found);
      const kept = args.usevswitch === true ? {} : (own.nicTeaming ?? {});
      const nicTeaming = { ...kept, ...failoverChange(args, inForce.nicTeaming ?? {}) };
      await update(host, found, { policy: { ...own, nicTeaming } });
    },
  }),
];

const security = [
  command("network vswitch standard portgroup policy security get", {
    help: "Show what the ports of a port group allow.",
    params: named,
    result: one(
      struct("PortgroupSecurityPolicy", {
        ...SECURITY,
        "Override Vswitch Allow Promiscuous": "boolean",
        "Override Vswitch Allow MAC Address Change": "boolean",
        "Override Vswitch Allow Forged Transmits": "boolean",
      }),
    ),
    async run(host, args) {
      const { own, inForce } = policiesOf(await findPortGroup(host, args.portgroupname));
      const { allowPromiscuous, macChanges, forgedTransmits } = own.security ?? {};
      return {
        ...showSecurity(inForce),
        "Override Vswitch Allow Promiscuous": isSet(allowPromiscuous),
        "Override Vswitch Allow MAC Address Change": isSet(macChanges),
        "Override Vswitch Allow Forged Transmits": isSet(forgedTransmits),
      };
    },
  }),
  command("network vswitch standard portgroup policy security set", {
    help: "Change what the ports of a port group allow.",
    privilege,
    params: { ...securityParams, allowpromiscuous: { ...securityParams.allowpromiscuous, short: "-o" }, ...named, usevswitch },
    result: nothing,
    async run(host, args) {
      const found = await findPortGroup(host, args.portgroupname);
      const { own } = policiesOf(found);
      const kept = args.usevswitch === true ? {} : own.security;
      await update(host, found, { policy: { ...own, security: { ...kept, ...securityChange(args) } } });
    },
  }),
];

const shaping = [
  command("network vswitch standard portgroup policy shaping get", {
    help: "Show how the traffic from the ports of a port group is shaped.",
    params: named,
    result: one(struct("PortgroupShapingPolicy", { ...SHAPING, "Override Vswitch Policy": "boolean" }, SHAPING_UNITS)),
    async run(host, args) {
      const { own, inForce } = policiesOf(await findPortGroup(host, args.portgroupname));
      return { ...showShaping(inForce), "Override Vswitch Policy": Object.values(own.shapingPolicy ?? {}).some(isSet) };
    },
  }),
  command("network vswitch standard portgroup policy shaping set", {
    help: "Change how the traffic from the ports of a port group is shaped.",
    privilege,
    params: { ...shapingParams, ...named, usevswitch },
    result: nothing,
    async run(host, args) {
      const found = await findPortGroup(host, args.portgroupname);
      const { own } = policiesOf(found);
      const kept = args.usevswitch === true ? {} : own.shapingPolicy;
      await update(host, found, { policy: { ...own, shapingPolicy: { ...kept, ...shapingChange(args) } } });
    },
  }),
];

export const portGroupCommands = [...portGroups, ...failover, ...security, ...shaping];
