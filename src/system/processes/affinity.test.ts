import { spawn } from "node:child_process";
import { readdirSync } from "node:fs";
import { expect, test } from "vitest";
import { affinityOf, onlineProcessors, setAffinity } from "./affinity.ts";

test("every thread of a process runs where it is bound to, and anywhere again", () => {
  const child = spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"]);
  const pid = child.pid ?? 0;
  const all = onlineProcessors();
  const last = all.slice(-1);
  const ofThreads = () => readdirSync(`/proc/${pid}/task`).map((tid) => affinityOf(Number(tid)));
  try {
    setAffinity(pid, last);
    expect(ofThreads().every((processors) => processors.join() === last.join())).toBe(true);
    setAffinity(pid, all);
    expect(ofThreads().every((processors) => processors.join() === all.join())).toBe(true);
    expect(() => setAffinity(pid, [1000])).toThrow(/binding thread/);
  } finally {
    child.kill("SIGKILL");
  }
});

test("to bind a process that has ended does nothing", () => {
  expect(() => setAffinity(2 ** 22 + 1, [0])).not.toThrow();
});
