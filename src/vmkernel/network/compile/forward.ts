/**
 * The units that send a frame on: to the port that has its address, to the uplink, or to all members of its VLAN. Pure.
 * Paper «Virtual Switches»: the core layer 2 forwarding engine.
 */
import { FLAG_TAGGED, GROUP_BIT, GUESTS, senderOfUplink, TABLE_VALUE } from "../plan-table.ts";
import { UNTAGGED } from "../vlan.ts";
import { sendCopies } from "./copies.ts";
import { limitGroupFrames } from "./group-limit.ts";
import type { PortBuilder, Unit } from "./port-builder.ts";
import type { GuestShape, Neighbours, UplinkShape } from "./port-shape.ts";
import { chooseUplink } from "./uplink.ts";

/** Where the table is opened for all that is looked up of this frame. */
export const openTable: Unit = {
  name: "table",
  emit: (builder) => {
    builder.openTable();
  },
};

//= paper «Virtual Switch Isolation»
//# every destination the switch looks up must match ports on the same virtual switch as the port where the frame originated
export function forwardFromGuest(shape: GuestShape): Unit {
  return {
    name: "forward",
    emit: (builder) => {
      findReceiver(builder);
      deliver(builder, shape);
      builder.label("miss");
      //= paper «Virtual Ports»
      //# no learning is required to populate forwarding tables.
      if (shape.uplinks === "none") builder.jump(builder.drop("unknownDestination"));
      else leaveByUplink(builder, shape);
    },
  };
}

export function forwardFromUplink(shape: UplinkShape): Unit {
  return {
    name: "forward",
    emit: (builder) => {
      findReceiver(builder);
      builder.load(4, "r2", "r0", TABLE_VALUE.uplinks).and("r2", 1 << shape.number, 32);
      builder.jumpIf("eq", "r2", 0, builder.drop("unusedUplink"));
      deliver(builder, shape);
      // A frame from outside for nobody here is nobody's: it never goes out again.
      builder.label("miss").jump(builder.drop("unknownDestination"));
    },
  };
}

/** r0 becomes the address of the receiver's entry, r1 its device. */
function findReceiver(builder: PortBuilder): void {
  builder.jumpIf("set", "r9", GROUP_BIT, "flood").lookUpDestination().jumpIf("eq", "r0", 0, "miss");
  builder.loadDevice().loadSender().jumpIf("eq", "r1", "r2", builder.drop("ownAddress"));
}

function deliver(builder: PortBuilder, shape: GuestShape | UplinkShape): void {
  const vlan = accessVlanOf(shape);
  if (vlan === undefined) deliverFromTrunk(builder, shape.neighbours);
  else deliverFromAccess(builder, shape.neighbours, vlan);
}

function deliverFromAccess(builder: PortBuilder, { tagged }: Neighbours, vlan: number): void {
  if (tagged && vlan !== UNTAGGED) {
    const plain = builder.freshLabel("plain");
    builder.load(4, "r2", "r0", TABLE_VALUE.flags).and("r2", FLAG_TAGGED).jumpIf("eq", "r2", 0, plain);
    builder.mov("r7", "r1").pushTag(vlan).mov("r1", "r7").redirect(vlan).label(plain);
  }
  builder.redirect(UNTAGGED);
}

function deliverFromTrunk(builder: PortBuilder, { untagged }: Neighbours): void {
  if (untagged) {
    const asItIs = builder.freshLabel("as it is");
    builder.jumpIf("eq", "r8", UNTAGGED, asItIs).load(4, "r2", "r0", TABLE_VALUE.flags).jumpIf("set", "r2", FLAG_TAGGED, asItIs);
    builder.mov("r7", "r1").popTag().mov("r1", "r7").redirect(UNTAGGED).label(asItIs);
  }
  builder.redirect("r8");
}

function leaveByUplink(builder: PortBuilder, shape: GuestShape): void {
  chooseUplink(builder, shape, builder.drop("noUplink"));
  const vlan = accessVlanOf(shape);
  if (vlan !== undefined && vlan !== UNTAGGED) builder.mov("r7", "r1").pushTag(vlan).mov("r1", "r7");
  builder.redirect(vlan ?? "r8");
}

/** Group frames: a copy for each member of the VLAN, and one for the uplink. */
export function flood(shape: GuestShape | UplinkShape): Unit {
  return {
    name: "flood",
    emit: (builder) => {
      builder.label("flood");
      if (shape.kind === "guest") limitGroupFrames(builder);
      const vlan = accessVlanOf(shape);
      if (shape.kind === "uplink") floodFromTrunk(builder, shape, senderOfUplink(shape.number));
      else if (vlan === undefined) {
        if (shape.uplinks !== "none") copyToUplink(builder, shape);
        floodFromTrunk(builder, shape, GUESTS);
      } else floodFromAccess(builder, shape, vlan);
    },
  };
}

/** First to those who get it as it is: a tag is put on at most once. */
function floodFromAccess(builder: PortBuilder, shape: GuestShape, vlan: number): void {
  const { neighbours, uplinks } = shape;
  const copies = { sender: GUESTS, membersMax: neighbours.membersMax };
  const hasTaggedReceivers = vlan !== UNTAGGED && (neighbours.tagged || uplinks !== "none");
  if (neighbours.untagged) sendCopies(builder, { ...copies, kind: "untaggedMembers" });
  if (hasTaggedReceivers) builder.pushTag(vlan);
  if (hasTaggedReceivers && neighbours.tagged) sendCopies(builder, { ...copies, kind: "taggedMembers" });
  if (uplinks !== "none") {
    const none = builder.freshLabel("no uplink");
    chooseUplink(builder, shape, none);
    builder.redirect(vlan).label(none);
  }
  // Without an uplink it is not dropped: the members have it.
  builder.finish();
}

function floodFromTrunk(builder: PortBuilder, { neighbours }: GuestShape | UplinkShape, sender: number): void {
  const copies = { sender, membersMax: neighbours.membersMax };
  // The list of the tagged ones is empty for a frame without a tag.
  if (neighbours.tagged) sendCopies(builder, { ...copies, kind: "taggedMembers" });
  if (neighbours.untagged) {
    const plain = builder.freshLabel("plain");
    builder.jumpIf("eq", "r8", UNTAGGED, plain).popTag().label(plain);
    sendCopies(builder, { ...copies, kind: "untaggedMembers" });
  }
  builder.finish();
}

function copyToUplink(builder: PortBuilder, shape: GuestShape): void {
  const none = builder.freshLabel("no uplink");
  chooseUplink(builder, shape, none);
  builder.mov("r2", "r1").sendCopy().label(none);
}

/** The VLAN of all frames of an access port; undefined where each frame has its own. */
export function accessVlanOf(shape: GuestShape | UplinkShape): number | undefined {
  if (shape.kind === "uplink" || shape.mode.kind === "vgt") return undefined;
  return shape.mode.kind === "vst" ? shape.mode.vlan : UNTAGGED;
}
