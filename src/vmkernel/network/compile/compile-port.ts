/**
 * Builds the programs of a port from the units that it needs. Pure.
 *
 * A program has no device's number in it: whatever it sends a frame to comes out of the table of its own switch.
 */
import { type Program, TC_ACT } from "../../../ebpf/index.ts";
import { GUESTS, senderOfUplink } from "../plan-table.ts";
import { WIRE } from "../vlan.ts";
import { countFrame } from "./count.ts";
import { completeChecksum, findBareReceiver, handOver } from "./express.ts";
import { firewall } from "./firewall/firewall.ts";
import { accessVlanOf, flood, forwardFromGuest, forwardFromUplink, openTable } from "./forward.ts";
import { refuseOtherGroups } from "./groups.ts";
import { mirror } from "./mirror.ts";
import { refuseOthersAddresses } from "./own-addresses.ts";
import { parseHeader, readTag, refuseTags } from "./parse.ts";
import { police } from "./police.ts";
import { PortBuilder, type Stage, type Unit } from "./port-builder.ts";
import type { GuestShape, Neighbours, PortShape, UplinkShape } from "./port-shape.ts";
import { refuseAll, refuseForged, refuseSwitchProtocols, refuseUnconnected } from "./security.ts";
import { refuseLong } from "./size.ts";
import { refuseReflections } from "./uplink.ts";

export interface CompiledProgram {
  readonly program: Program;
  /** In their order. */
  readonly units: readonly string[];
}

export interface CompiledPort {
  /** Of frames that come in by the port: a guest's sent ones, the wire's. */
  readonly ingress: CompiledProgram;
  /** Of frames that are delivered to it; only where something is to be done with them. */
  readonly egress?: CompiledProgram;
  /** Of what a guest sends, before the one of ingress: it hands over what it can, and leaves the others to that one. */
  readonly xdp?: CompiledProgram;
}

//= paper «Virtual Switches»
//# When the virtual switch is built at runtime, ESXi installs and runs only those components that are required
export function compilePort(shape: PortShape): CompiledPort {
  if (shape.kind === "blocked") return { ingress: compile([parseHeader, refuseUnconnected]) };
  if (shape.kind === "uplink") return { ingress: compile(unitsOfUplink(shape)) };
  const [egress, express] = [unitsOfReceiver(shape), unitsOfExpress(shape)];
  return {
    ingress: compile(unitsOfSender(shape)),
    ...(egress.length > 0 && { egress: compile([parseHeader, ...egress, accept]) }),
    ...(express.length > 0 && { xdp: compile(express, "xdp") }),
  };
}

/** Whether no program of its own has to look at what is for its address. */
export function isBare(shape: GuestShape): boolean {
  return shape.hasExpress && !shape.isDeaf && unitsOfAddressed(shape).length === 0;
}

function unitsOfSender(shape: GuestShape): readonly Unit[] {
  const { mode, sourceMac, outbound, neighbours } = shape;
  const vlan = accessVlanOf(shape);
  return [
    parseHeader,
    mode.kind === "vgt" ? readTag(mode, true) : refuseTags(vlan ?? 0),
    refuseLong(shape.mtu),
    ...(sourceMac === undefined ? [] : [refuseForged(sourceMac)]),
    ...(shape.blocksSwitchProtocols ? [refuseSwitchProtocols] : []),
    ...(outbound === undefined ? [] : [police("outbound", outbound)]),
    ...(shape.firewall === undefined ? [] : [firewall({ firewall: shape.firewall, direction: "out", isTrunk: mode.kind === "vgt" })]),
    countFrame,
    openTable,
    ...(hasMirrors(neighbours) ? [mirror({ sender: GUESTS, neighbours, vlan: vlan ?? "tagged" })] : []),
    forwardFromGuest(shape),
    flood(shape),
  ];
}

/** Where frames of one VLAN without tags go to one receiver. A port that is shaped is in no hurry. */
function unitsOfExpress(shape: GuestShape): readonly Unit[] {
  const { sourceMac, outbound, neighbours } = shape;
  const vlan = accessVlanOf(shape);
  if (!shape.hasExpress || !shape.handsOver || vlan === undefined || outbound !== undefined || hasMirrors(neighbours)) return [];
  return [
    findBareReceiver(vlan),
    completeChecksum,
    ...(sourceMac === undefined ? [] : [refuseForged(sourceMac)]),
    ...(shape.firewall === undefined ? [] : [firewall({ firewall: shape.firewall, direction: "out", isTrunk: false })]),
    countFrame,
    handOver,
  ];
}

function unitsOfUplink(shape: UplinkShape): readonly Unit[] {
  const { neighbours, number } = shape;
  return [
    parseHeader,
    readTag(WIRE, neighbours.tagged),
    refuseLong(shape.mtu),
    openTable,
    ...(shape.hasSiblings ? [refuseReflections] : []),
    countFrame,
    ...(hasMirrors(neighbours) ? [mirror({ sender: senderOfUplink(number), neighbours, vlan: "tagged" })] : []),
    forwardFromUplink(shape),
    flood(shape),
  ];
}

function unitsOfReceiver(shape: GuestShape): readonly Unit[] {
  if (shape.isDeaf) return [refuseAll];
  return [...(shape.groups === undefined ? [] : [refuseOtherGroups(shape.groups)]), ...unitsOfAddressed(shape)];
}

/** Of a receiver, for what is sent to its address alone as for all else. */
function unitsOfAddressed(shape: GuestShape): readonly Unit[] {
  return [
    ...(shape.ownAddresses === undefined ? [] : [refuseOthersAddresses(shape.ownAddresses)]),
    ...(shape.firewall === undefined ? [] : [firewall({ firewall: shape.firewall, direction: "in", isTrunk: shape.mode.kind === "vgt" })]),
    // Last: what the firewall refuses takes nothing of the bandwidth.
    ...(shape.inbound === undefined ? [] : [police("inbound", shape.inbound)]),
  ];
}

function hasMirrors({ untaggedMirrors, taggedMirrors }: Neighbours): boolean {
  return untaggedMirrors || taggedMirrors;
}

const accept: Unit = {
  name: "accept",
  emit: (builder) => {
    builder.mov("r0", TC_ACT.ok).exit();
  },
};

function compile(units: readonly Unit[], stage: Stage = "tc"): CompiledProgram {
  const builder = new PortBuilder(stage);
  for (const unit of units) unit.emit(builder);
  builder.writeDrops();
  return { program: builder.build(), units: units.map(({ name }) => name) };
}
