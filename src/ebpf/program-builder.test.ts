import { expect, test } from "vitest";
import { ProgramBuilder } from "./program-builder.ts";

test("the maps of a program are those that it can reach, in the order of their first use", () => {
  const { maps } = new ProgramBuilder()
    .loadMap("r1", "fdb")
    .loadMapValue("r1", "counters")
    .loadMap("r1", "fdb")
    .exit()
    .loadMap("r1", "members")
    .exit()
    .build();
  expect(maps).toEqual(["fdb", "counters"]);
});

test("fresh labels differ, also with one prefix", () => {
  const builder = new ProgramBuilder();
  expect(builder.freshLabel("next")).not.toBe(builder.freshLabel("next"));
});

test("a program may be built before more is written", () => {
  const builder = new ProgramBuilder().jumpIf("eq", "r1", 0, "end").exit().label("end").exit();
  expect(builder.build()).toEqual(builder.build());
});

const FILLER = 0x7fff;
/** A jump over `count` instructions. */
function jumpOver(count: number): ProgramBuilder {
  const builder = new ProgramBuilder().jumpIf("eq", "r1", 0, "far");
  for (let written = 0; written < count; written++) builder.mov("r0", 0);
  return builder.label("far").exit();
}

test("the farthest jump is one of 32767 slots forwards and 32768 back", () => {
  expect(jumpOver(FILLER).build().instructions[0]).toMatchObject({ target: 0x7fff });
  expect(() => jumpOver(FILLER + 1).build()).toThrow("the jump to far is within 16 bits: 32768 slots");
  const back = (count: number) => {
    const builder = new ProgramBuilder().label("start");
    for (let written = 0; written < count; written++) builder.mov("r0", 0);
    return builder.jumpIf("eq", "r1", 0, "start").exit();
  };
  expect(back(FILLER).build().instructions[FILLER]).toMatchObject({ target: -0x8000 });
  expect(() => back(FILLER + 1).build()).toThrow("within 16 bits: -32769 slots");
});

test.each<[string, (builder: ProgramBuilder) => unknown, string]>([
  ["a label that is nowhere", (b) => b.jump("nowhere").exit().build(), "the label nowhere is somewhere"],
  ["one that only unreachable code names", (b) => b.exit().jump("nowhere").build(), "the label nowhere is somewhere"],
  ["a label in two places", (b) => b.label("here").exit().label("here"), "the label here is in one place"],
  ["a label behind the end", (b) => b.jumpIf("eq", "r1", 0, "end").exit().label("end").build(), "run past its last instruction"],
  ["a program without an end", (b) => b.mov("r0", 0).build(), "run past its last instruction"],
  ["an empty program", (b) => b.build(), "run past its last instruction"],
  ["an offset of 17 bits", (b) => b.load(4, "r1", "r2", 0x8000), "the offset 32768 is of 16 bits"],
  ["a negative one", (b) => b.store(4, "r1", -0x8001, "r2"), "the offset -32769 is of 16 bits"],
  ["half a byte", (b) => b.atomicAdd(8, "r1", 0.5, "r2"), "the offset 0.5 is of 16 bits"],
  ["an immediate of 33 bits", (b) => b.mov("r1", 2 ** 32, 32), "4294967296 is an immediate for 32 bits"],
  ["an immediate that 64 bits would make negative", (b) => b.and("r1", 0xffffffff), "4294967295 is an immediate for 64 bits"],
  ["such a comparison", (b) => b.jumpIf("eq", "r1", 0x80000000, "x"), "2147483648 is an immediate for 64 bits"],
  ["such a store", (b) => b.storeImmediate(8, "r1", 0, 0x80000000), "2147483648 is an immediate for 64 bits"],
  ["an immediate too negative", (b) => b.mov("r1", -0x80000001), "-2147483649 is an immediate"],
  ["no number", (b) => b.mov("r1", Number.NaN), "NaN is an immediate"],
  ["a constant of 65 bits", (b) => b.load64("r1", 2n ** 64n), "is of 64 bits"],
  ["a constant too negative", (b) => b.load64("r1", -(2n ** 63n) - 1n), "is of 64 bits"],
  ["a negative offset into a map", (b) => b.loadMapValue("r1", "m", -1), "the offset -1 into a map"],
  ["a shift by all bits", (b) => b.lsh("r1", 64), "lsh by 64 is within 64 bits"],
  ["a shift by all 32 bits", (b) => b.rsh("r1", 32, 32), "rsh by 32 is within 32 bits"],
  ["a shift back", (b) => b.arsh("r1", -1), "arsh by -1 is within 64 bits"],
  ["a division by 0", (b) => b.div("r1", 0), "div is not by 0"],
  ["a remainder by 0", (b) => b.mod("r1", 0), "mod is not by 0"],
])("%s is a bug of the caller's", (_, write, message) => {
  expect(() => write(new ProgramBuilder())).toThrow(message);
});
