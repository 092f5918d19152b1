import { describe, expect, test } from "vitest";
import { SKB, SKB_BYTES, TC_ACT } from "../../ebpf/index.ts";
import { FRAME, hasBpf, TestObjects } from "./bpf.fixture.ts";
import { loadProgram, testRun } from "./index.ts";

describe.skipIf(!hasBpf)("on this machine", () => {
  test("a run gives the verdict and the context as the program left it", () => {
    using objects = new TestObjects();
    const program = objects.program((b) =>
      b.load(4, "r2", "r1", SKB.cb0).add("r2", 1).store(4, "r1", SKB.cb0, "r2").mov("r0", TC_ACT.redirect).exit(),
    );
    const context = Buffer.alloc(SKB_BYTES);
    context.writeUInt32LE(41, SKB.cb0);
    const result = testRun(program, { frame: FRAME, context });
    expect(result.verdict).toBe(TC_ACT.redirect);
    expect(result.context).toHaveLength(SKB_BYTES);
    expect(result.context?.readUInt32LE(SKB.cb0)).toBe(42);
    expect(context.readUInt32LE(SKB.cb0)).toBe(41);
    expect(testRun(program, { frame: FRAME }).context).toBeUndefined();
  });

  test("a run gives the frame as the program left it, also a longer one", () => {
    using objects = new TestObjects();
    const TAIL = 100;
    const program = objects.program((b) =>
      b
        .mov("r2", FRAME.length + TAIL)
        .mov("r3", 0)
        .call("skbChangeTail")
        .mov("r0", TC_ACT.ok)
        .exit(),
    );
    expect(testRun(program, { frame: FRAME }).frame).toEqual(Buffer.concat([FRAME, Buffer.alloc(TAIL)]));
  });

  test("a run whose context says what no caller may is refused", () => {
    using objects = new TestObjects();
    const program = objects.program((b) => b.mov("r0", 0).exit());
    const context = Buffer.alloc(SKB_BYTES);
    context.writeUInt32LE(1, SKB.vlanPresent);
    expect(() => testRun(program, { frame: FRAME, context })).toThrow("running a program on a frame of 60 bytes");
  });

  test("what is no frame is refused", () => {
    using objects = new TestObjects();
    const program = objects.program((b) => b.mov("r0", 0).exit());
    expect(() => testRun(program, { frame: Buffer.alloc(4) })).toThrow("running a program on a frame of 4 bytes");
  });

  test("an XDP program runs too", () => {
    using objects = new TestObjects();
    const code = Buffer.from("b7000000020000009500000000000000", "hex");
    expect(testRun(objects.keep(loadProgram({ kind: "xdp", code, name: "test" })), { frame: FRAME }).verdict).toBe(2);
  });
});
