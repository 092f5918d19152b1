/**
 * What a guest may send to groups: each such frame is delivered to all members of its VLAN, and takes room in the queue of each. So many
 * in a row, so many a second; what is more is dropped, before it is copied. It is a bound against floods, far above what ARP, routing and
 * discovery send; a port group that shall have less of anything is shaped. Frames from the wire are of many senders, and not limited. Pure.
 * One clock, as in `police.ts`: until when what has passed would take at this rate.
 */
import { GROUP_CLOCK_AT } from "./counters.ts";
import { MAPS, type PortBuilder } from "./port-builder.ts";

export const GROUP_FRAMES_PER_SECOND = 10_000;
/** A tap has room for 1,000: what is left is others'. */
export const GROUP_FRAMES_BURST = 256;
const FRAME_NS = 1_000_000_000 / GROUP_FRAMES_PER_SECOND;

export function limitGroupFrames(builder: PortBuilder): void {
  const ahead = builder.freshLabel("ahead");
  builder.call("ktimeGetNs").loadMapValue("r1", MAPS.counters, GROUP_CLOCK_AT).load(8, "r2", "r1", 0);
  builder.jumpIf("ge", "r2", "r0", ahead).mov("r2", "r0").label(ahead);
  builder
    .mov("r3", "r2")
    .sub("r3", "r0")
    .jumpIf("gt", "r3", (GROUP_FRAMES_BURST - 1) * FRAME_NS, builder.drop("groupFlood"));
  builder.add("r2", FRAME_NS).store(8, "r1", 0, "r2");
}
