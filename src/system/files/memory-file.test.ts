import { readSync } from "node:fs";
import { expect, test } from "vitest";
import { openMemoryFile, readWhole, writeAll } from "./index.ts";

test("what the writer of a file in memory wrote can be read, and the writer itself can't read", async () => {
  using file = openMemoryFile("test");
  await writeAll(file.writable, Buffer.from("inside"));
  expect((await readWhole(file.written, 100)).toString()).toBe("inside");
  expect(() => readSync(file.writable.fd, Buffer.alloc(1))).toThrow("EBADF");
});
