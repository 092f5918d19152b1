import { closeSync, ftruncateSync, mkdtempSync, openSync, readFileSync, rmSync, statSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeEach, expect, test } from "vitest";
import { findOverlays, keepOverlays, type Overlay } from "./kept-overlays.ts";
import { appendToFile, encodeAppendix, readAppendix } from "./memory-appendix.ts";

const MIB = 1024 * 1024;
const folder = mkdtempSync(join(tmpdir(), "bulkhead-overlays-"));
const opened: number[] = [];
afterAll(() => {
  for (const fd of opened) closeSync(fd);
  rmSync(folder, { recursive: true });
});

const path = join(folder, "memory");
let memory: { readonly fd: number };
beforeEach(() => {
  rmSync(path, { force: true });
  memory = { fd: openSync(path, "wx+") };
  opened.push(memory.fd);
  writeSync(memory.fd, "QEVM, and all that QEMU writes");
});
/** Data at the beginning and at the end, and nothing between. */
function overlay(key: number, text: string, lengthBytes = 8 * MIB): Overlay {
  const fd = openSync(join(folder, `overlay-${key}`), "w+");
  opened.push(fd);
  ftruncateSync(fd, lengthBytes);
  writeSync(fd, text, 0);
  writeSync(fd, text, lengthBytes - text.length);
  return { key, file: { fd } };
}
const ports = encodeAppendix(new Map([[4000, Buffer.from("known")]]), 1234);

test("what was written to disks that forget lies behind the memory, with its holes, and before what ports knew", async () => {
  await keepOverlays(memory, [overlay(2000, "one"), overlay(2001, "other", MIB)]);
  appendToFile(memory.fd, ports);
  const found = findOverlays(memory);
  const bytes = readFileSync(path);
  const shown = [...found].map(([key, { offset, length }]) => {
    const part = bytes.subarray(offset, offset + length);
    return [key, part.length, part.toString("latin1").replace(/\0+/, "…")];
  });
  expect(shown).toEqual([
    [2000, 8 * MIB, "one…one"],
    [2001, MIB, "other…other"],
  ]);
  expect(bytes.subarray(0, 4).toString()).toBe("QEVM");
  expect(statSync(path).blocks * 512).toBeLessThan(2 * MIB);
  expect(readAppendix(memory.fd)?.savedAtMs).toBe(1234);
});

test("without such disks nothing is written, and nothing is found, with ports or without", async () => {
  const { size } = statSync(path);
  await keepOverlays(memory, []);
  expect([statSync(path).size, findOverlays(memory).size]).toEqual([size, 0]);
  appendToFile(memory.fd, ports);
  expect(findOverlays(memory).size).toBe(0);
});

const TAIL = 32;
test.each<[string, (bytes: Buffer) => Buffer]>([
  ["that is empty", () => Buffer.alloc(0)],
  ["of a mark alone", (bytes) => bytes.subarray(bytes.length - 16)],
  ["with another mark", (bytes) => write(bytes, -1, 0)],
  ["with more entries than fit", (bytes) => write(bytes, -TAIL, 200)],
  ["with more entries than there can be", (bytes) => write(bytes, -TAIL + 3, 0xff)],
  ["with a part that begins behind its end", (bytes) => write(bytes, -TAIL - 10, 0xff)],
  ["with a part that ends behind its end", (bytes) => write(bytes, -TAIL - 5, 0xff)],
  ["of which the end is cut off", (bytes) => bytes.subarray(0, bytes.length - 1)],
])("a file %s holds no such disk", async (_, change) => {
  await keepOverlays(memory, [overlay(2000, "one", MIB)]);
  expect(findOverlays(memory).size).toBe(1);
  const changed = change(readFileSync(path));
  ftruncateSync(memory.fd, 0);
  writeSync(memory.fd, changed, 0, changed.length, 0);
  expect(findOverlays(memory).size).toBe(0);
});

function write(bytes: Buffer, at: number, byte: number): Buffer {
  const changed = Buffer.from(bytes);
  changed[changed.length + at] = byte;
  return changed;
}
