import { expect, test } from "vitest";
import { type Program, ProgramBuilder, SKB, XDP_MD } from "../ebpf/index.ts";
import { describe, findDeeds } from "./program-deeds.ts";

/** r1 has the context; the key is on the stack; whoever finds nothing is out. */
function lookUp(map: string): ProgramBuilder {
  return new ProgramBuilder()
    .mov("r6", "r1")
    .load(4, "r1", "r6", SKB.vlanTci)
    .store(8, "r10", -8, "r1")
    .mov("r2", "r10")
    .add("r2", -8)
    .loadMap("r1", map)
    .call("lookup")
    .jumpIf("eq", "r0", 0, "out");
}
const end = (builder: ProgramBuilder): Program => builder.mov("r0", 2).exit().label("out").mov("r0", 2).exit().build();
const destinationsOf = (builder: ProgramBuilder) => findDeeds(end(builder)).destinations.map(describe);
const redirect = (builder: ProgramBuilder) => builder.mov("r2", 0).call("redirect");

test("a destination that was looked up comes from its map, also by way of the stack, the context and another register", () => {
  expect(destinationsOf(redirect(lookUp("table").load(4, "r1", "r0", 0)))).toEqual(["content of table"]);
  const bySpill = lookUp("table").load(4, "r7", "r0", 0).store(8, "r10", -16, "r7").call("ktimeGetNs").load(8, "r1", "r10", -16);
  expect(destinationsOf(redirect(bySpill))).toEqual(["content of table"]);
  const byContext = lookUp("table").load(4, "r7", "r0", 0).store(4, "r6", SKB.cb0, "r7").load(4, "r1", "r6", SKB.cb0);
  expect(destinationsOf(redirect(byContext))).toEqual(["content of table"]);
  const masked = lookUp("table").load(4, "r1", "r0", 0).load(4, "r3", "r6", SKB.ifindex).neg("r3").arsh("r3", 63).and("r1", "r3");
  expect(destinationsOf(redirect(masked))).toEqual(["content of table"]);
  const clone = lookUp("table").load(4, "r2", "r0", 0).mov("r1", "r6").mov("r3", 0).call("cloneRedirect");
  expect(destinationsOf(clone)).toEqual(["content of table"]);
});

test.each<[string, (builder: ProgramBuilder) => ProgramBuilder, string]>([
  ["a constant", (b) => b.mov("r1", 7), "constant"],
  ["a constant by way of arithmetic", (b) => b.mov("r1", 3).add("r1", 4), "constant"],
  ["a constant by way of the stack", (b) => b.storeImmediate(8, "r10", -16, 7).load(8, "r1", "r10", -16), "constant"],
  ["a number out of the frame's metadata", (b) => b.load(4, "r1", "r6", SKB.mark), "other"],
  ["what was looked up, and changed", (b) => b.load(4, "r1", "r0", 0).add("r1", 1), "other"],
  ["a part of what was looked up", (b) => b.load(4, "r1", "r0", 0).mov("r3", "r6").and("r1", "r3"), "other"],
  ["one thing or another", (b) => b.load(4, "r1", "r0", 0).jumpIf("gt", "r1", 9, "go").mov("r1", 7).label("go"), "other"],
  [
    "what was overwritten half",
    (b) => b.load(4, "r7", "r0", 0).store(8, "r10", -16, "r7").storeImmediate(4, "r10", -12, 1).load(8, "r1", "r10", -16),
    "other",
  ],
])("a redirect to %s does not come from a map", (_, write, origin) => {
  expect(destinationsOf(redirect(write(lookUp("table"))))).toEqual([origin]);
});

test("a table that lies in another is that one's, and bytes that are read of a frame leave the rest of the stack as it was", () => {
  const inner = lookUp("table").store(8, "r10", -24, "r0").mov("r1", "r6").mov("r2", 0).mov("r3", "r10").add("r3", -8).mov("r4", 8);
  const found = inner.call("skbLoadBytes").load(8, "r1", "r10", -24).mov("r2", "r10").add("r2", -8).call("lookup");
  expect(destinationsOf(redirect(found.jumpIf("eq", "r0", 0, "out").load(4, "r1", "r0", 0)))).toEqual(["content of table"]);
});

test("a loop is followed until nothing new is found", () => {
  const loop = lookUp("table").mov("r7", "r0").mov("r8", 0).label("again").load(4, "r2", "r7", 0).mov("r1", "r6").mov("r3", 0);
  const rest = loop.call("cloneRedirect").add("r7", 8).add("r8", 1).jumpIf("lt", "r8", 9, "again");
  expect(destinationsOf(rest)).toEqual(["content of table"]);
});

test("what a program writes is told by the map, whether by a helper, by a place that it looked up or by its address", () => {
  const written = (builder: ProgramBuilder) => {
    const deeds = findDeeds(end(builder));
    return [[...deeds.written], deeds.writesElsewhere];
  };
  const elsewhere = lookUp("table").load(4, "r1", "r6", SKB.mark).storeImmediate(1, "r1", 0, 0);
  expect(written(lookUp("table"))).toEqual([[], false]);
  expect(written(lookUp("table").storeImmediate(4, "r0", 4, 1))).toEqual([["table"], false]);
  expect(written(lookUp("table").loadMapValue("r1", "counters", 0).mov("r2", 1).atomicAdd(8, "r1", 0, "r2"))).toEqual([
    ["counters"],
    false,
  ]);
  const learning = lookUp("table").loadMap("r1", "fdb").mov("r2", "r10").add("r2", -8).mov("r3", "r2").mov("r4", 0).call("update");
  expect(written(learning)).toEqual([["fdb"], false]);
  expect(written(elsewhere)).toEqual([[], true]);
});

test("the frame is told from all else that is written, by what a program is given where it is attached", () => {
  const write = (offset: number) => end(lookUp("table").load(4, "r1", "r6", offset).storeImmediate(1, "r1", 0, 0));
  expect(findDeeds(write(SKB.data))).toMatchObject({ writesFrame: true, writesElsewhere: false });
  expect(findDeeds(write(XDP_MD.dataMeta), "xdp")).toMatchObject({ writesFrame: true, writesElsewhere: false });
  expect(findDeeds(write(XDP_MD.dataMeta))).toMatchObject({ writesFrame: false, writesElsewhere: true });
});

test("what a helper adds up on the stack stays as it is, and so does what it reads of a frame to somewhere else there", () => {
  const kept = lookUp("table").load(4, "r8", "r0", 0).store(8, "r10", -24, "r8").mov("r3", "r10").add("r3", -48).mov("r4", 16);
  const copied = kept.mov("r1", "r6").mov("r2", 0).call("xdpLoadBytes").mov("r1", 0).mov("r2", 0).mov("r3", "r10").add("r3", -48);
  expect(destinationsOf(redirect(copied.mov("r4", 16).mov("r5", 0).call("csumDiff").load(8, "r1", "r10", -24)))).toEqual([
    "content of table",
  ]);
});
