import { expect, test } from "vitest";
import { readVerifierLog } from "./verifier-log.ts";

const read = (text: string) => readVerifierLog(Buffer.from(text, "latin1"));

const REFUSAL = `0: R1=ctx() R10=fp0
0: (95) exit
R0 !read_ok
processed 1 insns (limit 1000000) max_states_per_insn 0 total_states 0 peak_states 0 mark_read 0
`;

test("the reason is what stands between the last instruction and the statistics", () => {
  expect(read(`${REFUSAL}\0left from before`).reason).toBe("R0 !read_ok");
  expect(read("from 3 to 9: R0=0\n9: (71) r0 = *(u8 *)(r2 +0)\ninvalid access to packet\nR2 offset is outside\n").reason).toBe(
    "invalid access to packet; R2 offset is outside",
  );
  expect(read("verification time 12 usec\nunreachable insn 3\nverification time 12 usec\nstack depth 0").reason).toBe("unreachable insn 3");
});

test("of a long log only its end is kept, with the reason", () => {
  const { lines } = read(`${"1: (bf) r6 = r1\n".repeat(5000)}${REFUSAL}`);
  expect(lines).toHaveLength(20);
  expect(lines.at(-2)).toBe("R0 !read_ok");
});

test.each([
  ["an empty log", "\0"],
  ["no bytes at all", ""],
  ["a log with only statistics", "processed 2 insns (limit 1000000)\n\0"],
])("%s has no reason", (_, text) => {
  expect(read(text).reason).toBeUndefined();
});

test("a log that fills its buffer to the last byte is read to its end", () => {
  expect(read("invalid mem access 'scalar'").reason).toBe("invalid mem access 'scalar'");
});
