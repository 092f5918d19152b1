import { expect, test } from "vitest";
import { disassemble } from "./disassemble.ts";
import { MalformedProgram } from "./index.ts";
import { ProgramBuilder } from "./program-builder.ts";

test("a program is listed with its maps by name, its helpers by name, and its jumps by the slots that they lead to", () => {
  const program = new ProgramBuilder()
    .mov("r6", "r1")
    .load(4, "r7", "r6", 76)
    .load(2, "r2", "r7", 12)
    .be16("r2")
    .jumpIf("ne", "r2", 0x806, "drop", 32)
    .store(8, "r10", -8, "r9")
    .loadMap("r1", "fdb")
    .call("lookup")
    .jumpIf("set", "r0", "r3", "drop")
    .loadMapValue("r1", "counters", 64)
    .atomicAdd(8, "r1", 8, "r2")
    .storeImmediate(4, "r6", 48, 3)
    .load64("r3", 0x665544332211n)
    .neg("r3")
    .arsh("r3", 4, 32)
    .label("drop")
    .mov("r0", 2)
    .exit()
    .build();
  expect(disassemble(program)).toEqual([
    "    0: r6 = r1",
    "    1: r7 = *(u32 *)(r6 + 76)",
    "    2: r2 = *(u16 *)(r7 + 12)",
    "    3: r2 = be16 r2",
    "    4: if w2 != 2054 goto 18",
    "    5: *(u64 *)(r10 - 8) = r9",
    "    6: r1 = map fdb",
    "    8: call lookup",
    "    9: if r0 & r3 goto 18",
    "   10: r1 = map counters[0] + 64",
    "   12: lock *(u64 *)(r1 + 8) += r2",
    "   13: *(u32 *)(r6 + 48) = 3",
    "   14: r3 = 0x665544332211 ll",
    "   16: r3 = -r3",
    "   17: w3 s>>= 4",
    "   18: r0 = 2",
    "   19: exit",
  ]);
});

test("an instruction of the kernel's own is listed as its bytes, and what follows as usual", () => {
  // w1 = percpu(w1), which the kernel puts in place of calls; a call of a function by its address; exit
  const bytes = Buffer.from("bf11ffff00000000850000005045fcff9500000000000000", "hex");
  expect(disassemble(bytes)).toEqual(["    0: ?? bf 11 ff ff 00 00 00 00", "    1: call #-244400", "    2: exit"]);
});

test("bytes that are not whole instructions are not listed", () => {
  expect(() => disassemble(Buffer.alloc(12))).toThrow(MalformedProgram);
});
