import { spawn } from "node:child_process";
import { once } from "node:events";
import { describe, expect, test } from "vitest";
import { memoryClaims } from "./claims/memory.ts";
import type { Observation } from "./observe.ts";
import { type MemoryOwner, type ObservedMemory, type ObservedOwner, observeMemory } from "./observe-memory.ts";

const [pages, code, addresses] = memoryClaims;
const owner = (name: string, settings: Partial<ObservedOwner> = {}): ObservedOwner => ({
  ...{ name, pid: 1, isMonitor: true, bytes: 4096, swappedBytes: 0, writableCodeBytes: 128 * 2 ** 20, writableCodeFiles: [] },
  ...{ programAt: name, isPositionIndependent: true, librariesAt: name },
  ...settings,
});
const memory = (settings: Partial<ObservedMemory> = {}): ObservedMemory => ({
  ...{ owners: [owner("a"), owner("b")], doubled: [], randomization: "2" },
  ...settings,
});

function verdict(claim: (typeof memoryClaims)[number] | undefined, observed: ObservedMemory, accelerator: "kvm" | "tcg" = "tcg") {
  const observation = { memory: observed, unseen: [], accelerator: { kind: accelerator, because: "" } };
  return claim?.judge(observation as unknown as Observation).verdict;
}

test("what is as claimed passes, and without a monitor nothing is shown", () => {
  for (const claim of memoryClaims) {
    expect(verdict(claim, memory())).toBe("pass");
    const hostd = owner("hostd", { isMonitor: false, compiles: true, writableCodeBytes: 2 ** 20, isPositionIndependent: false });
    expect(verdict(claim, memory({ owners: [owner("a"), hostd] }))).toBe("pass");
    expect(verdict(claim, memory({ owners: [owner("hostd", { isMonitor: false })] }))).toBe("not shown");
  }
});

test.each<[string, (typeof memoryClaims)[number] | undefined, ObservedMemory]>([
  ["a page that two monitors have", pages, memory({ doubled: [{ frame: 7, names: ["a", "b"], groups: ["g", "g"], kind: "other" }] })],
  ["a page merged for VMs of two groups", pages, memory({ doubled: [{ frame: 7, names: ["a", "b"], groups: ["g", "h"], kind: "ksm" }] })],
  ["a page merged for VMs of none", pages, memory({ doubled: [{ frame: 7, names: ["a", "b"], groups: ["", ""], kind: "ksm" }] })],
  ["a library that can be written and run", code, memory({ owners: [owner("a", { writableCodeFiles: ["/lib/x.so"] })] })],
  ["more writable code than a translator needs", code, memory({ owners: [owner("a", { writableCodeBytes: 2 ** 30 })] })],
  ["a program at a fixed address", addresses, memory({ owners: [owner("a", { isPositionIndependent: false })] })],
  ["two programs at one address", addresses, memory({ owners: [owner("a", { programAt: "1" }), owner("b", { programAt: "1" })] })],
  [
    "two processes with their libraries at one address",
    addresses,
    memory({ owners: [owner("a", { librariesAt: "1" }), owner("hostd", { isMonitor: false, librariesAt: "1" })] }),
  ],
  [
    "a hostd that could write any code",
    code,
    memory({ owners: [owner("a"), owner("hostd", { isMonitor: false, compiles: true, writableCodeBytes: 2 ** 30 })] }),
  ],
  [
    "a vmkernel that could write a page of code",
    code,
    memory({ owners: [owner("a"), owner("vmkernel", { isMonitor: false, writableCodeBytes: 4096 })] }),
  ],
  [
    "a hostd with a library that can be written and run",
    code,
    memory({ owners: [owner("a"), owner("hostd", { isMonitor: false, writableCodeBytes: 0, writableCodeFiles: ["/lib/y.so"] })] }),
  ],
  ["a kernel that does not randomize", addresses, memory({ randomization: "1" })],
])("%s turns its claim red", (_, claim, observed) => {
  expect(verdict(claim, observed)).toBe("fail");
});

test("pages that the kernel merged for VMs of one group do not, nor does any writable code where guests are not translated go unseen", () => {
  expect(verdict(pages, memory({ doubled: [{ frame: 7, names: ["a", "b"], groups: ["g", "g"], kind: "ksm" }] }))).toBe("pass");
  expect(verdict(code, memory({ owners: [owner("a", { writableCodeBytes: 4096 })] }), "kvm")).toBe("fail");
});

describe.skipIf(process.getuid?.() !== 0)("real processes", () => {
  const PROGRAM = `
import os, sys
memory = bytearray(os.urandom(2000000))
child = os.fork()
if child:
    print(child, flush=True)
sys.stdin.read()
`;

  async function observedOf(use: (pid: number, child: number) => readonly MemoryOwner[]): Promise<ObservedMemory> {
    const program = spawn("python3", ["-c", PROGRAM], { stdio: ["pipe", "pipe", "inherit"] });
    try {
      const [text] = (await once(program.stdout, "data")) as [Buffer];
      return observeMemory(use(program.pid ?? 0, Number(text)));
    } finally {
      program.stdin.end();
      await once(program, "exit");
    }
  }

  test("two that share memory turn the claim red; one of them beside a stranger does not", async () => {
    const both = await observedOf((pid, child) => [
      { name: "parent", pid, isMonitor: true },
      { name: "child", pid: child, isMonitor: true },
    ]);
    expect(verdict(pages, both)).toBe("fail");
    const strangers = await observedOf((pid) => [
      { name: "parent", pid, isMonitor: true },
      { name: "this one", pid: process.pid, isMonitor: true },
    ]);
    expect(verdict(pages, strangers)).toBe("pass");
  });
});
