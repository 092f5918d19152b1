import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { appendToFile, encodeAppendix, readAppendix } from "./memory-appendix.ts";

const folder = mkdtempSync(join(tmpdir(), "bulkhead-appendix-"));
afterAll(() => rmSync(folder, { recursive: true }));

/** What is read out of a file of those bytes, each written behind the others. */
function readOf(...parts: readonly Buffer[]) {
  const path = join(folder, "memory");
  rmSync(path, { force: true });
  const fd = openSync(path, "wx+");
  try {
    for (const part of parts) appendToFile(fd, part);
    return readAppendix(fd);
  } finally {
    closeSync(fd);
  }
}
const memory = Buffer.from("QEVM, and all that QEMU writes");
const carried = new Map([
  [4000, Buffer.from("one")],
  [4001, Buffer.from("other")],
]);
const appendix = encodeAppendix(carried, 1234);

test("what lies behind the memory is read again, wherever the file is written next", () => {
  expect(readOf(memory, appendix)).toEqual({ carried, savedAtMs: 1234 });
  const fd = openSync(join(folder, "memory"), "r+");
  writeSync(fd, "Q"); // the descriptor's own place is QEMU's, and stays
  expect(readAppendix(fd)?.savedAtMs).toBe(1234);
  closeSync(fd);
  expect(readFileSync(join(folder, "memory")).subarray(0, memory.length)).toEqual(memory);
});

test("where there is nothing to carry, nothing is written", () => {
  expect(encodeAppendix(new Map([[4000, Buffer.alloc(0)]]), 1234)).toHaveLength(0);
});

const changed = (at: number, byte: number): Buffer => {
  const bytes = Buffer.from(appendix);
  bytes[at < 0 ? bytes.length + at : at] = byte;
  return bytes;
};
test.each<[string, readonly Buffer[]]>([
  ["an empty file", []],
  ["memory alone", [memory]],
  ["another mark", [memory, changed(-1, 0)]],
  ["a length beyond the file", [memory, changed(-31, 0xff)]],
  ["a length beyond all bounds", [memory, changed(-29, 0xff)]],
  ["a block beyond its end", [memory, changed(4, 0xff)]],
  ["a length that ends in a header", [memory, changed(-32, 4)]],
])("%s has none", (_, parts) => {
  expect(readOf(...parts)).toBeUndefined();
});
