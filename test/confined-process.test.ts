/** A process that vmkernel starts outlives vmkernel, or never runs. Run from the built output, for its parent is killed. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import {
  allPids,
  createCgroup,
  destroyCgroup,
  findProcess,
  isAlive,
  processesOfCgroup,
  processRef,
  terminate,
} from "../src/system/index.ts";

const SYSTEM = resolve(import.meta.dirname, "../dist/system/index.js");
const CGROUP = `bulkhead-confined-${process.pid}/vm-1`;
const LIMITS = { memoryBytes: 64 * 1024 * 1024, pids: 16 };

describe.skipIf(process.getuid?.() !== 0)("a confined process", () => {
  let folder: string;
  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), "bulkhead-confined-"));
    await createCgroup(CGROUP, LIMITS);
  });
  afterEach(async () => {
    await terminate(
      (await processesOfCgroup(CGROUP)).flatMap((pid) => findProcess(pid) ?? []),
      0,
    );
    await destroyCgroup(CGROUP);
    rmSync(folder, { recursive: true });
  });

  /** A parent that starts `command` and then lives until it is killed. */
  function parent(command: string, stdin: "null" | "lifeline"): ChildProcess {
    const script = `import { startConfined } from ${JSON.stringify(SYSTEM)};
      import { openSync } from "node:fs";
      const log = openSync(${JSON.stringify(join(folder, "log"))}, "a");
      const argv = ["/bin/sh", "-c", ${JSON.stringify(command)}];
      const { pid } = await startConfined({ argv, descriptors: [], log, stdin: ${JSON.stringify(stdin)}, cgroup: ${JSON.stringify(CGROUP)} });
      console.log(pid); setInterval(() => {}, 1000);`;
    return spawn(process.execPath, ["--input-type=module", "-e", script], { stdio: ["ignore", "pipe", "inherit"] });
  }

  async function pidFrom(child: ChildProcess): Promise<number> {
    const [line] = await once(child.stdout ?? child, "data");
    return Number(String(line));
  }

  test("goes on when its parent is killed, and what it writes is kept", async () => {
    const starter = parent("while :; do echo tick; sleep 0.05; done", "null");
    const ref = processRef(await pidFrom(starter));
    starter.kill("SIGKILL");
    await once(starter, "exit");
    const ticks = () => (existsSync(join(folder, "log")) ? readFileSync(join(folder, "log"), "utf8").length : 0);
    const before = ticks();
    await expect.poll(ticks, { timeout: 5000 }).toBeGreaterThan(before + 5);
    expect(isAlive(ref)).toBe(true);
    expect(await processesOfCgroup(CGROUP)).toContain(ref.pid);
  });

  test("reads the end of its lifeline when its parent is killed", async () => {
    const starter = parent("cat > /dev/null; echo ended", "lifeline");
    const ref = processRef(await pidFrom(starter));
    expect(isAlive(ref)).toBe(true);
    starter.kill("SIGKILL");
    await expect.poll(() => readFileSync(join(folder, "log"), "utf8"), { timeout: 5000 }).toBe("ended\n");
    await expect.poll(() => isAlive(ref), { timeout: 5000 }).toBe(false);
  });

  test("killed at any moment of a start, a parent leaves a process in its cgroup or none", async () => {
    const marker = `confined-${process.pid}-${Date.now()}`;
    for (let delayMs = 40; delayMs <= 200; delayMs += 10) {
      const starter = parent(`: ${marker}; sleep 30`, "null");
      await new Promise((wake) => setTimeout(wake, delayMs));
      starter.kill("SIGKILL");
      await once(starter, "exit");
    }
    // A gate that closes lets its shell go.
    const outside = async () => {
      const inside = new Set(await processesOfCgroup(CGROUP));
      return runningWith(marker).filter((pid) => !inside.has(pid));
    };
    await expect.poll(outside, { timeout: 5000 }).toEqual([]);
  });
});

function runningWith(text: string): number[] {
  return allPids().filter((pid) => pid !== process.pid && commandOf(pid).includes(text));
}

function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8");
  } catch {
    return ""; // it ended
  }
}
