import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, expect, test } from "vitest";
import { cutTo, readAt, versionOf, writeAllAt } from "./index.ts";

let folder: string;
let fd: number;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "bulkhead-descriptor-"));
  fd = openSync(join(folder, "file"), "w+");
});
afterEach(() => {
  closeSync(fd);
  rmSync(folder, { recursive: true });
});

test("pieces of any size and number are written one after another, and read again", async () => {
  const pieces = fc.array(fc.uint8Array({ maxLength: 50 }), { maxLength: 40 });
  await fc.assert(
    fc.asyncProperty(pieces, fc.nat(1000), async (arrays, position) => {
      const buffers = arrays.map((array) => Buffer.from(array));
      cutTo(fd, 0);
      await writeAllAt(fd, buffers, position);
      const whole = Buffer.concat(buffers);
      const back = Buffer.alloc(whole.length + 10);
      expect(await readAt(fd, back, position)).toBe(whole.length);
      expect(back.subarray(0, whole.length).equals(whole)).toBe(true);
    }),
    { numRuns: 30 },
  );
});

test("more pieces than one call takes are all written", async () => {
  await writeAllAt(
    fd,
    Array.from({ length: 3000 }, (_, n) => Buffer.from([n % 256])),
    0,
  );
  expect(readFileSync(join(folder, "file")).length).toBe(3000);
});

test("a file that is written, cut or another one is another version", async () => {
  const seen = [versionOf(fd).version];
  await writeAllAt(fd, [Buffer.from("abc")], 0);
  seen.push(versionOf(fd).version);
  cutTo(fd, 1);
  seen.push(versionOf(fd).version);
  const other = openSync(join(folder, "other"), "w");
  seen.push(versionOf(other).version);
  closeSync(other);
  expect(new Set(seen).size).toBe(4);
  expect(versionOf(fd)).toMatchObject({ sizeBytes: 1, modifiedAtMs: expect.any(Number) });
});
