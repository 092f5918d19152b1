import { spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync, readSync } from "node:fs";
import { expect, test } from "vitest";
import { residentRuns, zeroMemory } from "./zero-memory.ts";

test("pages that are in memory are found as runs", () => {
  const frames = Float64Array.from([7, 9, -1, -2, 3, -1]);
  expect(residentRuns(frames, 0x10000)).toEqual([
    { start: 0x10000, bytes: 2 * 4096 },
    { start: 0x14000, bytes: 4096 },
  ]);
  expect(residentRuns(new Float64Array(0), 0)).toEqual([]);
});

const isRoot = process.getuid?.() === 0;

/** 64 pages of a secret, which two processes have together, then an untouched rest. The first says on request how much it still has. */
const PROGRAM = `
import ctypes, mmap, os, sys, time
memory = mmap.mmap(-1, 128 * 4096, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
memory[0:64 * 4096] = b"secret" * 43690 + b"four"
child = os.fork()
if child:
    sys.stdout.write(f"{child} {ctypes.addressof(ctypes.c_char.from_buffer(memory))}\\n"); sys.stdout.flush()
    sys.stdin.readline()
    sys.stdout.write(str(memory[:].count(b"secret"))); sys.stdout.flush()
else:
    time.sleep(60)
`;

test.skipIf(!isRoot)("what a process has in memory is zero afterwards, and what another shares with it is not", async () => {
  const program = spawn("python3", ["-c", PROGRAM], { stdio: ["pipe", "pipe", "inherit"] });
  let second = 0;
  try {
    const [first] = (await once(program.stdout, "data")) as [Buffer];
    const [child = 0, start = 0] = String(first).trim().split(" ").map(Number);
    second = child;
    // The child's pages are the parent's until one of them writes.
    expect(await zeroMemory(child, { start, bytes: 128 * 4096 })).toBe(64 * 4096);
    const memory = openSync(`/proc/${child}/mem`, "r");
    const there = Buffer.alloc(64 * 4096, 1);
    readSync(memory, there, 0, there.length, start);
    closeSync(memory);
    expect(there.equals(Buffer.alloc(64 * 4096))).toBe(true);
    program.stdin.write("\n");
    const [said] = (await once(program.stdout, "data")) as [Buffer];
    expect(String(said).trim()).toBe("43690");
  } finally {
    program.kill("SIGKILL");
    if (second !== 0) process.kill(second, "SIGKILL");
  }
});

test("of a process that is not there it is said that it has ended", async () => {
  await expect(zeroMemory(2 ** 22 - 1, { start: 0, bytes: 4096 })).rejects.toThrow("has ended");
});
