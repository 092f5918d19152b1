/** What has to do with teams of uplinks: which one a frame leaves by, and what comes back by another. Pure. vim25 HostNicTeamingPolicy. */
import { assertNever } from "../../../base/index.ts";
import { GROUP_BIT, LIST_SENDER_SHIFT, listBase } from "../plan-table.ts";
import { ADDRESS_ENDS, TEAM_SLOTS } from "../teaming.ts";
import { ETHERNET, type PortBuilder, STACK, type Unit } from "./port-builder.ts";
import type { GuestShape } from "./port-shape.ts";

const SLOTS = listBase({ kind: "team", vlan: 0, sender: 0 });

/** r1 becomes the device; r7 is lost. @param none where to go when none of the team has its link */
export function chooseUplink(builder: PortBuilder, { uplinks, number }: GuestShape, none: string): void {
  loadHash(builder, uplinks);
  builder
    .and("r1", TEAM_SLOTS - 1)
    .lsh("r1", LIST_SENDER_SHIFT)
    .or("r1", SLOTS)
    .store(4, "r10", STACK.key, "r1");
  builder
    .storeImmediate(4, "r10", STACK.key + 4, number, "number")
    .lookUp()
    .jumpIf("eq", "r0", 0, none)
    .loadDevice();
}

function loadHash(builder: PortBuilder, by: GuestShape["uplinks"]): void {
  switch (by) {
    case "none":
    case "fixed":
      builder.mov("r1", 0);
      return;
    case "sourceMac":
      builder.loadFrame(ETHERNET.bytes).load(1, "r1", "r7", ETHERNET.source + 5);
      return;
    case "addresses":
      loadAddressHash(builder);
      return;
    default:
      assertNever(by);
  }
}

function loadAddressHash(builder: PortBuilder): void {
  const [short, done] = [builder.freshLabel("short"), builder.freshLabel("hash")];
  const { source, destination } = ADDRESS_ENDS;
  builder
    .mov("r1", "r6")
    .mov("r2", source)
    .mov("r3", "r10")
    .add("r3", STACK.key)
    .mov("r4", destination - source + 1);
  builder.call("skbLoadBytes").jumpIf("ne", "r0", 0, short);
  builder
    .load(1, "r1", "r10", STACK.key)
    .load(1, "r2", "r10", STACK.key + destination - source)
    .xor("r1", "r2")
    .jump(done);
  builder.label(short).mov("r1", 0).label(done);
}

/**
 * What a port of this host sent by one uplink, the switches outside flood to the others: everybody here has had it.
 * Net.ReversePathFwdCheck.
 */
export const refuseReflections: Unit = {
  name: "reverse path",
  emit: (builder) => {
    const nobodys = builder.freshLabel("nobody's");
    // With the group bit it would read as the key of a list.
    builder.load(8, "r1", "r7", ETHERNET.source).lsh("r1", 16).jumpIf("set", "r1", GROUP_BIT, nobodys);
    builder.mov("r2", "r9").and("r2", 0xffff).or("r1", "r2").store(8, "r10", STACK.key, "r1");
    builder.lookUp().jumpIf("ne", "r0", 0, builder.drop("reflected")).label(nobodys);
  },
};
