import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { VimClient } from "../src/interfaces/index.ts";
import { cgroupHierarchies } from "../src/system/index.ts";
import type { MoRef } from "../src/wire/index.ts";
import { startHost, type TestHost } from "./harness.ts";
import { createVm, read, succeeded } from "./vm.ts";

/** What makes a VM run sooner than others, as the kernel has it. */
const tree = cgroupHierarchies().find(({ controllers }) => controllers.includes("cpu"));
let host: TestHost;
let client: VimClient;
let vm: MoRef<"VirtualMachine">;

beforeAll(async () => {
  host = await startHost();
  client = await host.login();
  vm = await createVm(client, {
    name: "trader",
    guestId: "otherGuest",
    numCPUs: 1,
    memoryMB: 64,
    latencySensitivity: { level: "high" },
    files: { vmPathName: "[datastore1]" },
  });
  await succeeded(client, await client.call(vm, "PowerOnVM_Task", {}));
});
afterAll(async () => {
  await client.call(vm, "TerminateVM", {}); // nothing in it hears that it is to shut down
  client?.close();
  await host?.stop();
});

async function weight(): Promise<number> {
  const vmkernel = await host.vmkernel();
  const { pids } = await vmkernel.request({ kind: "inspectMonitor", vm: vm.value as never });
  vmkernel.close();
  const memberships = readFileSync(`/proc/${pids.at(-1)}/cgroup`, "utf8").split("\n");
  const isTree = tree?.kind === "v2" ? /^0::(.*)$/ : /^\d+:(?:.*,)?cpu(?:,.*)?:(.*)$/;
  const cgroup = memberships.flatMap((line) => isTree.exec(line)?.[1] ?? [])[0] ?? "";
  const file = tree?.kind === "v2" ? "cpu.weight" : "cpu.shares";
  return Number(readFileSync(join(tree?.root ?? "", cgroup.slice(cgroup.indexOf("/bulkhead-")), file), "utf8"));
}

test.skipIf(tree === undefined)("a VM of high latency sensitivity weighs four times as much, until that is changed", async () => {
  const high = await weight();
  await succeeded(client, await client.call(vm, "ReconfigVM_Task", { spec: { latencySensitivity: { level: "normal" } } }));
  const normal = await weight();
  expect(high / normal).toBeCloseTo(4, 0);
  await succeeded(client, await client.call(vm, "ReconfigVM_Task", { spec: { latencySensitivity: { level: "high" } } }));
  expect(await weight()).toBe(high);
  expect(await read(client, vm, "overallStatus")).toBe("green");
});
