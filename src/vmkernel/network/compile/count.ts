/** The unit that counts what a port has sent and the switch has taken. Pure. */
import { CPU_LINES, LINE, LINE_SHIFT, LINES_AT } from "./counters.ts";
import { MAPS, type Unit } from "./port-builder.ts";

export const countFrame: Unit = {
  name: "count",
  emit: (builder) => {
    builder
      .call("getSmpProcessorId")
      .and("r0", CPU_LINES - 1)
      .lsh("r0", LINE_SHIFT);
    builder.loadMapValue("r1", MAPS.counters, LINES_AT).add("r1", "r0");
    builder.load(8, "r2", "r1", LINE.frames).add("r2", 1).store(8, "r1", LINE.frames, "r2");
    builder.loadLength().load(8, "r2", "r1", LINE.bytes).add("r2", "r3").store(8, "r1", LINE.bytes, "r2");
  },
};
