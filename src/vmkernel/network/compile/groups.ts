/**
 * The unit that keeps from a port what is sent to groups that its adapter did not ask for. Pure.
 * A standard switch knows them from the adapter itself, as it knows its address; it listens to no IGMP (that is a distributed switch's).
 */
import type { GroupFilter } from "../config.ts";
import { macWord } from "../mac.ts";
import { GROUP_BIT } from "../plan-table.ts";
import type { PortBuilder, Unit } from "./port-builder.ts";

const BROADCAST = macWord("ff:ff:ff:ff:ff:ff");
/** Up to so many addresses are compared one after the other. */
const LEAF_MAX = 4;

//= paper «Virtual Ports»
//# A virtual port can ignore any requests from the virtual Ethernet adapter that would violate the layer 2 security policy in effect
//# for the port.
export function refuseOtherGroups({ broadcast, multicast }: GroupFilter): Unit {
  return {
    name: multicast === "all" ? "groups: all" : `groups: ${multicast.length}`,
    emit: (builder) => {
      const [wanted, refuse] = [builder.freshLabel("wanted"), builder.drop("otherGroup")];
      builder.mov("r2", "r9").and("r2", GROUP_BIT).jumpIf("eq", "r2", 0, wanted);
      builder.mov("r2", "r9").rsh("r2", 16).load64("r3", BROADCAST);
      builder.jumpIf("eq", "r2", "r3", broadcast ? wanted : refuse);
      if (multicast !== "all") {
        const words = multicast.map(macWord).sort((one, other) => (one < other ? -1 : 1));
        passAny(builder, words, { wanted, refuse });
      }
      builder.label(wanted);
    },
  };
}

/** r2 is the destination. Halves them as long as there are many: a group's frame costs much the same whoever asked for how many. */
function passAny(builder: PortBuilder, words: readonly bigint[], to: { readonly wanted: string; readonly refuse: string }): void {
  if (words.length <= LEAF_MAX) {
    for (const word of words) builder.load64("r3", word).jumpIf("eq", "r2", "r3", to.wanted);
    builder.jump(to.refuse);
    return;
  }
  const middle = words.length >> 1;
  const upper = builder.freshLabel("upper groups");
  builder.load64("r3", words[middle] as bigint).jumpIf("ge", "r2", "r3", upper);
  passAny(builder, words.slice(0, middle), to);
  builder.label(upper);
  passAny(builder, words.slice(middle), to);
}
