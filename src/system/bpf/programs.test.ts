import { closeSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { disassemble, SKB, TC_ACT } from "../../ebpf/index.ts";
import { FRAME, hasBpf, TestObjects, type Write } from "./bpf.fixture.ts";
import { hasOpenLoops, loadProgram, mapInfo, programFdById, programInfo, testRun, VerifierRefused } from "./index.ts";

const RETURNS_2 = Buffer.from("b7000000020000009500000000000000", "hex");

describe.skipIf(!hasBpf)("on this machine", () => {
  function refusalOf(write: Write): VerifierRefused {
    using objects = new TestObjects();
    try {
      objects.program(write);
    } catch (error) {
      if (error instanceof VerifierRefused) return error;
      throw error;
    }
    throw new Error("it was not refused");
  }

  test("a program that the verifier refuses is a fault with the verifier's reason", () => {
    const unset = refusalOf((b) => b.exit());
    expect(unset.message).toBe("loading the program test of 1 instructions: R0 !read_ok");
    expect(unset.log).toContain("R0 !read_ok");
    expect(unset.cause).toMatchObject({ code: "EACCES" });
    const unchecked = refusalOf((b) => b.load(4, "r2", "r1", SKB.data).load(1, "r0", "r2", 0).exit());
    expect(unchecked.message).toContain("invalid access to packet");
  });

  test("a loop that has no end is ended by the kernel, where it takes one", () => {
    const endless: Write = (b) => b.label("loop").mayJump("end").jump("loop").label("end").mov("r0", TC_ACT.shot).exit();
    if (!hasOpenLoops()) {
      expect(refusalOf(endless).message).toContain("loading the program");
      return;
    }
    using objects = new TestObjects();
    expect(testRun(objects.program(endless), { frame: FRAME }).verdict).toBe(TC_ACT.shot);
  });

  test("no instructions at all are refused, though no verifier saw them", () => {
    const loadNothing = () => loadProgram({ kind: "schedCls", code: Buffer.alloc(0), name: "test" });
    expect(loadNothing).toThrow("loading the program test of 0 instructions");
    expect(loadNothing).not.toThrow(VerifierRefused);
  });

  test("half an instruction is a bug of the caller's", () => {
    const loadHalf = () => loadProgram({ kind: "schedCls", code: RETURNS_2.subarray(0, 12), name: "test" });
    expect(loadHalf).toThrow("12 bytes are whole instructions");
  });

  test("a program tells its maps by their ids, its name, and its instructions", () => {
    using objects = new TestObjects();
    const [one, two] = [objects.map("array", { entriesMax: 1 }), objects.map("hash")];
    const program = objects.program(
      (b) => b.loadMapValue("r1", "one", 4).load(4, "r6", "r1", 0).loadMap("r1", "two").mov("r0", "r6").exit(),
      new Map([
        ["one", one],
        ["two", two],
      ]),
    );
    const { id, name, tag, mapIds, instructions } = programInfo(program);
    expect(name).toBe("test");
    expect(tag).toMatch(/^[0-9a-f]{16}$/);
    expect(mapIds).toEqual([mapInfo(one).id, mapInfo(two).id]);
    const names = new Map([
      [mapInfo(one).id, "one"],
      [mapInfo(two).id, "two"],
    ]);
    expect(disassemble(instructions, names)).toEqual([
      "    0: r1 = map one[0] + 4",
      "    2: r6 = *(u32 *)(r1 + 0)",
      "    3: r1 = map two",
      "    5: r0 = r6",
      "    6: exit",
    ]);
    expect(programInfo(objects.keep(programFdById(id))).tag).toBe(tag);
  });

  test("two programs have one tag when they are the same, and only then", () => {
    using objects = new TestObjects();
    const tagOf = (verdict: number) => programInfo(objects.program((b) => b.mov("r0", verdict).exit())).tag;
    expect(tagOf(0)).toBe(tagOf(0));
    expect(tagOf(0)).not.toBe(tagOf(2));
  });

  test("a program without maps tells none", () => {
    using objects = new TestObjects();
    expect(programInfo(objects.program((b) => b.mov("r0", 0).exit())).mapIds).toEqual([]);
  });

  test("a program is gone with its last descriptor: its id finds nothing", async () => {
    const program = loadProgram({ kind: "schedCls", code: RETURNS_2, name: "test" });
    const { id } = programInfo(program);
    closeSync(program);
    await expect.poll(() => programFdById(id)).toBeUndefined();
  });
});
