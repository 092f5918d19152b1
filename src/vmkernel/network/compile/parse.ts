/** Units that read what everything else goes by: the Ethernet header, and the VLAN. Pure. Paper «Virtual Switch VLANs». */
import { SKB } from "../../../ebpf/index.ts";
import { type TrunkMode, VLAN_MAX } from "../vlan.ts";
import { ETHERNET, ETHERTYPE, MAPS, type PortBuilder, type Unit } from "./port-builder.ts";

//= paper «Virtual Switch Isolation»
//# the VMkernel parses so little frame data—primarily only the Ethernet header
export const parseHeader: Unit = {
  name: "parse",
  emit: (builder) => {
    builder.mov("r6", "r1").loadFrame(ETHERNET.bytes).load(8, "r9", "r7", ETHERNET.destination).lsh("r9", 16);
  },
};

/** EST and VST: the guest's frames are untagged, whatever tag it would like. */
export function refuseTags(vlan: number): Unit {
  return {
    name: vlan === 0 ? "vlan: untagged" : `vlan: ${vlan}`,
    emit: (builder) => {
      const refuse = builder.drop("vlan");
      // The kernel has put an outermost tag beside the frame. A second one would be left in the frame, and so is any in a test run.
      builder.load(4, "r2", "r6", SKB.vlanPresent).jumpIf("ne", "r2", 0, refuse);
      refuseTagInFrame(builder);
      if (vlan !== 0) builder.or("r9", vlan);
    },
  };
}

/** VGT, and the wire: a frame has one tag of 802.1Q or none. r8 becomes the VLAN. */
export function readTag(mode: TrunkMode, hasStandIns: boolean): Unit {
  return {
    name: isEverything(mode) ? "vlan: any" : "vlan: trunk",
    emit: (builder) => {
      const [known, beside] = [builder.freshLabel("vlan"), builder.freshLabel("tag")];
      builder.mov("r8", 0).load(4, "r2", "r6", SKB.vlanPresent).jumpIf("ne", "r2", 0, beside);
      builder.load(2, "r2", "r7", ETHERNET.type).jumpIf("eq", "r2", ETHERTYPE.serviceTag, builder.drop("vlan"));
      builder.jumpIf("ne", "r2", ETHERTYPE.customerTag, known);
      moveTagBeside(builder);
      builder.label(beside);
      readTagBeside(builder);
      builder.label(known);
      if (!isEverything(mode)) refuseOtherVlans(builder, mode);
      addVlan(builder, hasStandIns);
    },
  };
}

function isEverything({ ranges }: TrunkMode): boolean {
  const [only, ...others] = ranges;
  return others.length === 0 && only?.first === 0 && only.last === VLAN_MAX;
}

const TAG = { control: 14, bytes: 18 } as const;
const VLAN_MASK = 0xfff;
const RESERVED_VLAN = 0xfff;

/** As the kernel does with a frame that is received. In a test run it has not. */
function moveTagBeside(builder: PortBuilder): void {
  builder.loadFrame(TAG.bytes).load(2, "r8", "r7", TAG.control).be16("r8");
  builder.popTag().pushTag("r8").loadFrame(ETHERNET.bytes);
}

function readTagBeside(builder: PortBuilder): void {
  const refuse = builder.drop("vlan");
  builder.load(4, "r2", "r6", SKB.vlanProto).and("r2", 0xffff).jumpIf("ne", "r2", ETHERTYPE.customerTag, refuse);
  builder.load(4, "r8", "r6", SKB.vlanTci).and("r8", VLAN_MASK);
  // A priority tag names no VLAN: it is neither untagged nor of a VLAN, so it does not pass.
  builder.jumpIf("eq", "r8", 0, refuse).jumpIf("eq", "r8", RESERVED_VLAN, refuse);
  refuseTagInFrame(builder);
}

function refuseTagInFrame(builder: PortBuilder): void {
  builder.load(2, "r2", "r7", ETHERNET.type);
  for (const tag of [ETHERTYPE.customerTag, ETHERTYPE.serviceTag]) builder.jumpIf("eq", "r2", tag, builder.drop("vlan"));
}

function refuseOtherVlans(builder: PortBuilder, { ranges }: TrunkMode): void {
  const carried = builder.freshLabel("carried");
  for (const { first, last } of ranges) {
    const next = builder.freshLabel("range");
    builder.jumpIf("lt", "r8", first, next).jumpIf("le", "r8", last, carried).label(next);
  }
  builder.jump(builder.drop("vlan")).label(carried);
}

/** The table has one VLAN for many that are alike, where there are trunks. */
function addVlan(builder: PortBuilder, hasStandIns: boolean): void {
  if (!hasStandIns) builder.or("r9", "r8");
  else {
    builder.loadMapValue("r2", MAPS.standIns).mov("r1", "r8").and("r1", VLAN_MASK).lsh("r1", 1).add("r2", "r1");
    builder.load(2, "r2", "r2", 0).or("r9", "r2");
  }
}
