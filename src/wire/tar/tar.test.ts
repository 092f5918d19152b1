import { execFileSync } from "node:child_process";
import { expect, test } from "vitest";
import { encodeTarFile, TAR_END } from "./tar.ts";

const archive = (files: Readonly<Record<string, string>>): Buffer =>
  Buffer.concat([
    ...Object.entries(files).flatMap(([name, text]) => encodeTarFile({ name, bytes: Buffer.from(text), modifiedAtMs: 86_400_000 })),
    TAR_END,
  ]);

test("the system's own tar lists and reads what was written", () => {
  const input = archive({ "a/empty": "", "a/b.txt": "hello\n", "block.bin": "x".repeat(512), "long.bin": "y".repeat(1500) });
  expect(input.length % 512).toBe(0);
  const listing = execFileSync("tar", ["-tvf", "-", "--utc"], { input, encoding: "utf8" });
  expect(listing.split("\n").map((line) => line.replace(/\s+/g, " "))).toEqual([
    "-rw-r--r-- 0/0 0 1970-01-02 00:00 a/empty",
    "-rw-r--r-- 0/0 6 1970-01-02 00:00 a/b.txt",
    "-rw-r--r-- 0/0 512 1970-01-02 00:00 block.bin",
    "-rw-r--r-- 0/0 1500 1970-01-02 00:00 long.bin",
    "",
  ]);
  expect(execFileSync("tar", ["-xOf", "-", "a/b.txt"], { input, encoding: "utf8" })).toBe("hello\n");
});

test("a name without room in the header is a bug, not a cut name", () => {
  expect(() => archive({ ["n".repeat(101)]: "" })).toThrow("has no place");
});
