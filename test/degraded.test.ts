import { execFile } from "node:child_process";
import { readdirSync, rmSync } from "node:fs";
import { promisify } from "node:util";
import { afterEach, expect, test } from "vitest";
import type { Evidence } from "../src/evidence/index.ts";
import { COMMAND, freePort, installGuestImage, newRoot, notPassed, startHost, type TestHost } from "./harness.ts";
import { bootableSpec, createVm, read, succeeded } from "./vm.ts";

/** A machine that withholds what isolation needs: a mount namespace in which cgroups can't be written, as in many containers. */
const run = promisify(execFile);
const WITHOUT_CGROUPS = ["unshare", "--mount", "sh", "-c", 'mount -t tmpfs -o ro none /sys/fs/cgroup && exec "$0" "$@"'];

let host: TestHost | undefined;
afterEach(async () => {
  await host?.stop();
  host = undefined;
});

test("a host does not start on it: one line names what is missing and what to do, and nothing is left behind", async () => {
  const root = newRoot();
  const [program = "", ...args] = [...WITHOUT_CGROUPS, COMMAND, "host", "run", "--root", root, "--listen", `127.0.0.1:${await freePort()}`];
  const failure = await run(program, args).then(
    () => undefined,
    (error: { code: number; stderr: string }) => error,
  );
  expect(failure?.code).toBe(1);
  expect(failure?.stderr.trimEnd().split("\n")).toHaveLength(1);
  expect(failure?.stderr).toMatch(/the memory cgroup .*mount \/sys\/fs\/cgroup writable.*--degraded/);
  expect(readdirSync(root)).toEqual([]);
  rmSync(root, { recursive: true });
});

test("with --degraded it runs, and says at the host, at the VM and in evidence what is weaker", async () => {
  host = await startHost({ args: ["--degraded"], within: WITHOUT_CGROUPS });
  const weakness = "A monitor can take all of the machine's memory.";
  expect(JSON.parse((await host.command("host", "status", "--json")).stdout).weaknesses).toContain(weakness);
  expect((await host.command("host", "status")).stdout).toContain(weakness);

  const client = await host.login();
  const vm = await createVm(client, bootableSpec("weak", await installGuestImage(host, "weak-boot")));
  await succeeded(client, await client.call(vm, "PowerOnVM_Task", {}));
  for (const entity of [vm, { type: "HostSystem", value: "ha-host" }]) {
    expect(await read(client, entity, "overallStatus")).toBe("yellow");
    const issues = (await read(client, entity, "configIssue")) as readonly { fullFormattedMessage: string }[];
    expect(issues.map(({ fullFormattedMessage }) => fullFormattedMessage)).toContain(weakness);
  }
  client.close();

  const { code, stdout } = await host.command("evidence", "--json");
  const evidence: readonly Evidence[] = JSON.parse(stdout);
  const cgroups = evidence.find(({ claim }) => claim.includes("cgroup of their own"));
  expect(cgroups?.verdict).toBe("not shown");
  expect(cgroups?.facts.join("\n")).toContain(weakness);
  expect(notPassed(evidence.filter((item) => item !== cgroups))).toEqual([]);
  expect(code, "what is not shown is no failure").toBe(0);
});
