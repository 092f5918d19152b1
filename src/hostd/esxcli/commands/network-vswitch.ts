/** `esxcli network vswitch standard`: the virtual switches, as HostNetworkSystem has them. */
import type { HostVirtualSwitch, HostVirtualSwitchBondBridge, HostVirtualSwitchSpec } from "../../../wire/index.ts";
import { blocks, CommandFailed, command, long, nothing, one, oneOf, required, struct, text } from "../command.ts";
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
import { findSwitch, NETWORK_SYSTEM, nameOfKey, CONFIG_NETWORK as privilege, readNetwork } from "./network-system.ts";

const vswitchname = text("-v", "--vswitch-name", "The name of the virtual switch.");
const named = { vswitchname: required(vswitchname) };
const DEFAULT_PORTS = 128;
const BEACON_THRESHOLD = 3; // beacons that are missed before an uplink counts as failed

const vswitch = struct("VirtualSwitch", {
  Name: "string",
  Class: "string",
  "Num Ports": "long",
  "Used Ports": "long",
  "Configured Ports": "long",
  MTU: "long",
  "CDP Status": "string",
  "Beacon Enabled": "boolean",
  "Beacon Interval": "long",
  "Beacon Threshold": "long",
  "Beacon Required By": "string[]",
  Uplinks: "string[]",
  Portgroups: "string[]",
});

function show({ name, numPorts, numPortsAvailable, mtu, pnic = [], portgroup = [], spec }: HostVirtualSwitch) {
  const { linkDiscoveryProtocolConfig: discovery, beacon } = (spec.bridge ?? {}) as Partial<HostVirtualSwitchBondBridge>;
  return {
    Name: name,
    Class: "etherswitch",
    "Num Ports": numPorts,
    "Used Ports": numPorts - numPortsAvailable,
    "Configured Ports": spec.numPorts,
    MTU: mtu,
    "CDP Status":
      discovery === undefined ? "listen" : discovery.protocol === "cdp" && discovery.operation !== "none" ? discovery.operation : "down",
    "Beacon Enabled": spec.policy?.nicTeaming?.failureCriteria?.checkBeacon ?? false,
    "Beacon Interval": beacon?.interval ?? 1,
    "Beacon Threshold": BEACON_THRESHOLD,
    "Beacon Required By": [],
    Uplinks: pnic.map(nameOfKey),
    Portgroups: portgroup.map(nameOfKey),
  };
}

const uplinksOf = ({ pnic = [] }: HostVirtualSwitch): readonly string[] => pnic.map(nameOfKey);

function bridgeOf(nicDevice: readonly string[], rest: Partial<HostVirtualSwitchBondBridge> = {}): HostVirtualSwitchBondBridge {
  return { $type: "HostVirtualSwitchBondBridge", nicDevice, ...rest };
}

/** What the spec leaves out stays as it is. */
async function update(host: Host, { name, spec }: HostVirtualSwitch, change: Partial<HostVirtualSwitchSpec>): Promise<void> {
  await host.call(NETWORK_SYSTEM, "UpdateVirtualSwitch", { vswitchName: name, spec: { numPorts: spec.numPorts, ...change } });
}

const switches = [
  command("network vswitch standard list", {
    help: "List the virtual switches of this host.",
    params: { vswitchname },
    result: blocks(vswitch, "%Name%"),
    async run(host, args) {
      if (args.vswitchname !== undefined) return [show(await findSwitch(host, args.vswitchname))];
      return ((await readNetwork(host)).vswitch ?? []).map(show);
    },
  }),
  command("network vswitch standard add", {
    help: "Add a virtual switch.",
    privilege,
    params: { ...named, ports: long("-P", "--ports", "How many ports it is shown with, at most 4096.") },
    result: nothing,
    run: (host, args) =>
      host.call(NETWORK_SYSTEM, "AddVirtualSwitch", { vswitchName: args.vswitchname, spec: { numPorts: args.ports ?? DEFAULT_PORTS } }),
  }),
  command("network vswitch standard remove", {
    help: "Remove a virtual switch, with its port groups.",
    privilege,
    params: named,
    result: nothing,
    run: (host, args) => host.call(NETWORK_SYSTEM, "RemoveVirtualSwitch", { vswitchName: args.vswitchname }),
  }),
  command("network vswitch standard set", {
    help: "Change the MTU or the link discovery of a virtual switch.",
    privilege,
    params: {
      cdpstatus: oneOf(
        ["down", "listen", "advertise", "both"],
        "-c",
        "--cdp-status",
        "What it does with CDP: down, listen, advertise, both.",
      ),
      mtu: long("-m", "--mtu", "The largest frame that it carries, in bytes."),
      ...named,
    },
    result: nothing,
    async run(host, { vswitchname: name, cdpstatus, mtu }) {
      const found = await findSwitch(host, name);
      const operation = cdpstatus === "down" ? "none" : cdpstatus;
      const discovery = operation && { linkDiscoveryProtocolConfig: { protocol: "cdp", operation } };
      await update(host, found, { ...(mtu !== undefined && { mtu }), ...(discovery && { bridge: bridgeOf(uplinksOf(found), discovery) }) });
    },
  }),
];

const uplinkname = required(text("-u", "--uplink-name", "The physical adapter: vmnic0."));

const uplinks = [
  command("network vswitch standard uplink add", {
    help: "Give a virtual switch an uplink.",
    privilege,
    params: { uplinkname, ...named },
    result: nothing,
    async run(host, args) {
      const found = await findSwitch(host, args.vswitchname);
      if (uplinksOf(found).includes(args.uplinkname)) throw new CommandFailed(`Uplink already exists: ${args.uplinkname}`);
      await update(host, found, { bridge: bridgeOf([...uplinksOf(found), args.uplinkname]) });
    },
  }),
  command("network vswitch standard uplink remove", {
    help: "Take an uplink from a virtual switch.",
    privilege,
    params: { uplinkname, ...named },
    result: nothing,
    async run(host, args) {
      const found = await findSwitch(host, args.vswitchname);
      if (!uplinksOf(found).includes(args.uplinkname)) throw new CommandFailed(`No such uplink: ${args.uplinkname.slice(0, 64)}`);
      await update(host, found, { bridge: bridgeOf(uplinksOf(found).filter((name) => name !== args.uplinkname)) });
    },
  }),
];

const policyOf = ({ spec }: HostVirtualSwitch) => spec.policy ?? {};

const policies = [
  command("network vswitch standard policy failover get", {
    help: "Show how the uplinks of a virtual switch are used.",
    params: named,
    result: one(struct("SwitchFailoverPolicy", FAILOVER)),
    async run(host, args) {
      const found = await findSwitch(host, args.vswitchname);
      return showFailover(policyOf(found), uplinksOf(found));
    },
  }),
  command("network vswitch standard policy failover set", {
    help: "Change how the uplinks of a virtual switch are used.",
    privilege,
    params: { ...failoverParams, ...named },
    result: nothing,
    async run(host, args) {
      const found = await findSwitch(host, args.vswitchname);
      await update(host, found, { policy: { nicTeaming: failoverChange(args, policyOf(found).nicTeaming ?? {}) } });
    },
  }),
  command("network vswitch standard policy security get", {
    help: "Show what the ports of a virtual switch allow.",
    params: named,
    result: one(struct("SwitchSecurityPolicy", SECURITY)),
    run: async (host, args) => showSecurity(policyOf(await findSwitch(host, args.vswitchname))),
  }),
  command("network vswitch standard policy security set", {
    help: "Change what the ports of a virtual switch allow.",
    privilege,
    params: { ...securityParams, ...named },
    result: nothing,
    run: async (host, args) => update(host, await findSwitch(host, args.vswitchname), { policy: { security: securityChange(args) } }),
  }),
  command("network vswitch standard policy shaping get", {
    help: "Show how the traffic from the ports of a virtual switch is shaped.",
    params: named,
    result: one(struct("SwitchShapingPolicy", SHAPING, SHAPING_UNITS)),
    run: async (host, args) => showShaping(policyOf(await findSwitch(host, args.vswitchname))),
  }),
  command("network vswitch standard policy shaping set", {
    help: "Change how the traffic from the ports of a virtual switch is shaped.",
    privilege,
    params: { ...shapingParams, ...named },
    result: nothing,
    run: async (host, args) => update(host, await findSwitch(host, args.vswitchname), { policy: { shapingPolicy: shapingChange(args) } }),
  }),
];

export const vswitchCommands = [...switches, ...uplinks, ...policies];
