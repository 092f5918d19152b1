import { expect, test } from "vitest";
import { assembleProgram, type Program, ProgramBuilder, ProgramTemplate } from "./index.ts";

const maps = new Map([
  ["table", 7],
  ["counters", 9],
]);

function program(address: bigint, number: number): Program {
  const builder = new ProgramBuilder().loadMap("r1", "table").load64("r2", address, "address").load64("r3", 1n);
  builder.loadMapValue("r4", "counters", 8).storeImmediate(4, "r10", -4, number, "number").storeImmediate(4, "r10", -8, 5);
  return builder.mov("r0", 0).exit().build();
}

test.each([
  ["the smallest", 0n, 0],
  ["the largest", 0xffff_ffff_ffff_ffffn, 0x7fff_ffff],
  ["those of two halves that differ", 0x1234_5678_9abc_def0n, 42],
  ["a negative one", -2n, -1],
])("a template with constants in it is the program that was written with them: %s", (_, address, number) => {
  const template = new ProgramTemplate(program(1n, 1));
  const code = template.assemble({ address, number: BigInt(number) }, maps);
  expect(code).toEqual(assembleProgram(program(address, number), maps));
  expect(template.assemble({ address: 1n, number: 1n }, maps)).toEqual(assembleProgram(program(1n, 1), maps));
  expect(template.maps).toEqual(["table", "counters"]);
});

test("a constant that has no value, and a map that has no descriptor, are bugs of the caller's", () => {
  const template = new ProgramTemplate(program(1n, 1));
  expect(() => template.assemble({ address: 1n }, maps)).toThrow("the constant number");
  expect(() => template.assemble({ address: 1n, number: 1n }, new Map([["table", 7]]))).toThrow("the map counters");
});
