/**
 * `esxcli bulkhead network`: what this host's port groups can be and ESXi's standard ones cannot, in a namespace of its own: trunks of
 * some VLANs, and shaping of what ports receive. ExecuteSoap carries it, as every command, with the privilege that the command needs.
 */

import { VGT_ID } from "../../../vmkernel/index.ts";
import { findPortGroup } from "../../network/network-config.ts";
import { formatRanges, type InboundPlace, inboundOf } from "../../network/plan-trunks.ts";
import { CommandFailed, command, flag, nothing, one, required, struct, text } from "../command.ts";
import type { Host } from "../host.ts";
import { SHAPING, SHAPING_UNITS, shapingChange, shapingParams, showShaping } from "./network-policy.ts";
import { CONFIG_NETWORK as privilege } from "./network-system.ts";

const portgroupname = required(text("-p", "--portgroup-name", "The name of the port group."));
const vswitchname = required(text("-v", "--vswitch-name", "The name of the virtual switch."));
const ranges = text("-r", "--ranges", "The VLANs, 0 for frames without a tag: 1-10,30.");
const all = flag("-a", "--all", "All VLANs, and frames without a tag.");
const usevswitch = flag("-u", "--use-vswitch", "First give up what the port group has of its own: its switch's is in force then.");

const trunks = [
  command("bulkhead network portgroup trunk get", {
    help: "Show which VLANs a port group carries to guests that tag frames themselves.",
    params: { portgroupname },
    result: one(struct("Trunk", { "VLAN ID": "long", VLANs: "string[]" })),
    run(host, { portgroupname: name }) {
      const found = findPortGroup(host.network(), name)?.portGroup;
      if (found === undefined) throw new CommandFailed(`Unable to find portgroup ${name.slice(0, 256)}`);
      const carried = found.vlanId === VGT_ID ? formatRanges(found.trunk) : [String(found.vlanId)];
      return { "VLAN ID": found.vlanId, VLANs: carried };
    },
  }),
  command("bulkhead network portgroup trunk set", {
    help: "Set which VLANs a port group of VLAN ID 4095 carries.",
    privilege,
    params: { portgroupname, ranges, all },
    result: nothing,
    run(host, args) {
      if ((args.ranges === undefined) === (args.all === undefined)) throw new CommandFailed("One of --ranges and --all is needed.");
      return host.setTrunk(args.portgroupname, args.ranges);
    },
  }),
];

function show(host: Host, place: InboundPlace) {
  const { inForce, isOwn } = inboundOf(host.network(), place);
  return { ...showShaping({ shapingPolicy: inForce }), "Override Vswitch Policy": isOwn };
}

const inbound = [
  command("bulkhead network portgroup inbound get", {
    help: "Show how the traffic to the ports of a port group is shaped.",
    params: { portgroupname },
    result: one(struct("PortgroupInboundPolicy", { ...SHAPING, "Override Vswitch Policy": "boolean" }, SHAPING_UNITS)),
    run: (host, { portgroupname: name }) => show(host, { kind: "portGroup", name }),
  }),
  command("bulkhead network portgroup inbound set", {
    help: "Change how the traffic to the ports of a port group is shaped.",
    privilege,
    params: { ...shapingParams, portgroupname, usevswitch },
    result: nothing,
    run: (host, { portgroupname: name, usevswitch: inherits, ...args }) =>
      host.setInbound({ kind: "portGroup", name }, { values: shapingChange(args), ...(inherits === true && { inherits }) }),
  }),
  command("bulkhead network vswitch inbound get", {
    help: "Show how the traffic to the ports of a virtual switch is shaped.",
    params: { vswitchname },
    result: one(struct("VswitchInboundPolicy", SHAPING, SHAPING_UNITS)),
    run: (host, { vswitchname: name }) => showShaping({ shapingPolicy: inboundOf(host.network(), { kind: "vswitch", name }).inForce }),
  }),
  command("bulkhead network vswitch inbound set", {
    help: "Change how the traffic to the ports of a virtual switch is shaped.",
    privilege,
    params: { ...shapingParams, vswitchname },
    result: nothing,
    run: (host, { vswitchname: name, ...args }) => host.setInbound({ kind: "vswitch", name }, { values: shapingChange(args) }),
  }),
];

export const ownNetworkCommands = [...trunks, ...inbound];
