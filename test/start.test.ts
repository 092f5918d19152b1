import { type ChildProcess, spawn } from "node:child_process";
import { readdirSync, rmSync } from "node:fs";
import { afterEach, expect, test } from "vitest";
import { hostPaths } from "../src/base/index.ts";
import { COMMAND, freePort, newRoot, waitFor } from "./harness.ts";

/** The demonstration as `npm start` runs it, once the machine is set up: a host, a real guest, and what to try next. */
const READY_MS = 120_000;
const root = newRoot();
let started: ChildProcess | undefined;

afterEach(async () => {
  if (started?.exitCode === null) started.kill("SIGKILL");
});

interface Demonstration {
  readonly output: string;
  readonly code: number | null;
}

/** Starts it, waits until it has said everything, and presses Ctrl-C. */
async function demonstrate(): Promise<Demonstration> {
  const child = spawn(COMMAND, ["start", "--root", root, "--listen", `127.0.0.1:${await freePort()}`], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  started = child;
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => (output += chunk));
  const ended = new Promise<number | null>((resolve) => child.once("exit", resolve));
  await waitFor(() => {
    if (child.exitCode !== null) throw new Error(`it ended:\n${output}`);
    return output.includes("Ctrl-C shuts the host down");
  }, READY_MS);
  child.kill("SIGINT");
  return { code: await ended, output };
}

test("it shows the guest's console, the door, evidence of which none failed and what to try next, twice, and Ctrl-C leaves nothing running", async () => {
  for (const time of ["first", "second"]) {
    const { output, code } = await demonstrate();
    expect(output, `the ${time} start`).toMatch(/^ {2}\| GUEST-UP /m);
    expect(output).toMatch(/^ {2}\| tick \d+/m);
    expect(output.includes("vmk0 is 169.254.1.1 on Management Network"), `the ${time} start`).toBe(time === "first");
    expect(output).toMatch(/^URL {10}https:\/\/127\.0\.0\.1:\d+/m);
    expect(output).toMatch(/SHA-256 ([0-9A-F]{2}:){31}[0-9A-F]{2}$/m);
    expect(output).toMatch(/^Password {5}\S{8,}$/m);
    // What only a machine of the host's own can show is not shown here, and which that is is said.
    expect(output).toMatch(
      /^Evidence {5}\d+ claims: \d+ pass, 0 fail, 1 not shown\n +not shown: A connection from outside to a port that no/m,
    );
    expect(output).toMatch(/bulkhead host status --root .*\n.*bulkhead evidence --root .*\n.*first-session\.py --url /);
    expect(code).toBe(0);
    expect(readdirSync(hostPaths(root).monitors)).toEqual([]);
  }
  rmSync(root, { recursive: true });
});
