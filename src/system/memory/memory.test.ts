import { spawn } from "node:child_process";
import { once } from "node:events";
import { describe, expect, test } from "vitest";
import { mappingsOf, parseMappings } from "./mappings.ts";
import { describeFrames, ownPagesOf, PAGE_BYTES } from "./page-frames.ts";

test("mappings are read with their rights, files and names; what has another form is left out", () => {
  const text = [
    "55d0c0a00000-55d0c0a21000 r-xp 00002000 fe:00 131 /usr/bin/a program",
    "7f1c00000000-7f1c08000000 rwxp 00000000 00:00 0 ",
    "7f1c10000000-7f1c10001000 rw-s 00000000 00:01 77 /memfd:ram (deleted)",
    "not a mapping",
    "",
  ].join("\n");
  expect(parseMappings(text)).toMatchObject([
    {
      start: 0x55d0c0a00000,
      end: 0x55d0c0a21000,
      isWritable: false,
      isExecutable: true,
      isShared: false,
      inode: 131,
      name: "/usr/bin/a program",
    },
    { end: 0x7f1c08000000, isWritable: true, isExecutable: true, inode: 0, name: "" },
    { isShared: true, inode: 77, name: "/memfd:ram (deleted)" },
  ]);
});

describe.skipIf(process.getuid?.() !== 0)("as root", () => {
  const PAGES = 1000;
  /** Fills memory, divides itself in two, and waits: both processes have the same pages until one of them writes. */
  const PROGRAM = `
import os, sys
memory = bytearray(os.urandom(${PAGES} * ${PAGE_BYTES}))
child = os.fork()
if child:
    print(child, flush=True)
sys.stdin.read()
`;

  async function forked<T>(use: (parent: number, child: number) => T): Promise<T> {
    const program = spawn("python3", ["-c", PROGRAM], { stdio: ["pipe", "pipe", "inherit"] });
    try {
      const [text] = (await once(program.stdout, "data")) as [Buffer];
      return use(program.pid ?? 0, Number(text));
    } finally {
      program.stdin.end(); // both wait for it
      await once(program, "exit");
    }
  }

  const framesOf = (pid: number): Set<number> => new Set(ownPagesOf(pid, mappingsOf(pid)).frames);

  test("two processes that share memory have the same frames behind it, and the kernel does not call them merged", async () => {
    const shared = await forked((parent, child) => {
      const ofChild = framesOf(child);
      const both = [...framesOf(parent)].filter((frame) => ofChild.has(frame));
      return describeFrames(both).filter((kind) => kind === "other");
    });
    expect(shared.length).toBeGreaterThanOrEqual(PAGES);
  });

  test("processes that share nothing have no frame in common but the kernel's page of zeros", () => {
    const one = spawn("sleep", ["30"]);
    const other = spawn("sleep", ["30"]);
    try {
      const [a, b] = [framesOf(one.pid ?? 0), framesOf(other.pid ?? 0)];
      const both = [...a].filter((frame) => b.has(frame));
      expect(a.size).toBeGreaterThan(0);
      expect(describeFrames(both).filter((kind) => kind === "other")).toEqual([]);
    } finally {
      one.kill("SIGKILL");
      other.kill("SIGKILL");
    }
  });

  test("a process that is not there is a fault that names it", () => {
    expect(() => mappingsOf(2 ** 22 + 1)).toThrow(/process 4194305/);
  });
});
