import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmdirSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { hostPaths } from "../src/base/index.ts";
import { moRef, type VimClient } from "../src/interfaces/index.ts";
import { cgroupHierarchies } from "../src/system/index.ts";
import type { MoRef } from "../src/wire/index.ts";
import { assemble } from "./bare/assemble.ts";
import { datastoreText, installGuestImage, startHost, type TestHost, waitFor } from "./harness.ts";
import { bootableSpec, createVm, ended, read, succeeded } from "./vm.ts";

/**
 * A host in a container with little memory: it has no more than that, starts no guest that would not fit, and those that run have all of
 * theirs, all of which they write to. Paper «Resource Provisioning, Shares, and Limits».
 */
const MACHINE_MIB = 1100;
const MEMORY_MB = 128;
const GUEST_MS = 120_000;
const tree = cgroupHierarchies().find(({ kind, controllers }) => kind === "v1" && controllers.includes("memory"));
const cgroup = join(tree?.root ?? "", `bulkhead-container-${process.pid}`);
/** The tree of memory cgroups begins at its own, as in a container. */
const WITHIN = `echo $$ > "$0/cgroup.procs"
exec unshare --cgroup --mount sh -c 'umount "$0" && mount -t cgroup -o memory memory "$0" && exec "$@"' "$1" "\${@:2}"`;

let host: TestHost;
let client: VimClient;
let folder: string;
let image: string;
const vms: MoRef<"VirtualMachine">[] = [];

beforeAll(async () => {
  if (tree === undefined) return;
  mkdirSync(cgroup);
  writeFileSync(join(cgroup, "memory.limit_in_bytes"), `${MACHINE_MIB}M`);
  folder = mkdtempSync(join(tmpdir(), "bulkhead-container-"));
  image = join(folder, "fill.img");
  writeFileSync(image, assemble("fill", MEMORY_MB));
  truncateSync(image, 2 ** 20);
  host = await startHost({ within: ["bash", "-c", WITHIN, cgroup, tree.root] });
  client = await host.login();
  for (const name of ["one", "two"]) {
    const vm = await make(name);
    vms.push(vm);
    await succeeded(client, await client.call(vm, "PowerOnVM_Task", {}));
  }
});
afterAll(async () => {
  for (const vm of vms) await client.call(vm, "TerminateVM", {}); // nothing in them hears that it is to shut down
  client?.close();
  await host?.stop();
  rmSync(folder, { recursive: true });
  if (tree !== undefined) await waitFor(isRemoved, 10_000);
});

function isRemoved(): boolean {
  try {
    rmdirSync(join(cgroup));
    return true;
  } catch {
    return false; // the kernel has not let go of the last process yet
  }
}

async function make(name: string): Promise<MoRef<"VirtualMachine">> {
  return createVm(client, { ...bootableSpec(name, await installGuestImage(host, `${name}-boot`, image)), memoryMB: MEMORY_MB });
}
const timesFilled = async (name: string): Promise<number> => (await datastoreText(host, `${name}/console.log`)).split("filled").length - 1;
const kills = (): string => /^oom_kill (\d+)$/m.exec(readFileSync(join(cgroup, "memory.oom_control"), "utf8"))?.[1] ?? "unknown";

async function untilBothFillAgain(): Promise<void> {
  const before = await Promise.all(["one", "two"].map(timesFilled));
  await waitFor(async () => (await timesFilled("one")) > (before[0] ?? 0) && (await timesFilled("two")) > (before[1] ?? 0), GUEST_MS);
}

test.skipIf(tree === undefined)("a host has no more memory than the container that it runs in", async () => {
  expect(await read(client, moRef("HostSystem", "ha-host"), "hardware.memorySize")).toBe(MACHINE_MIB * 2 ** 20);
});

test.skipIf(tree === undefined)("one guest more than its memory takes nothing from those that run", async () => {
  await untilBothFillAgain();
  const third = await make("three");
  // Nothing can be swapped: where the files for it would be, others are.
  const { swap } = hostPaths(host.root);
  const taken = [1, 2, 3].map((number) => join(swap, `swap-${number}`)).filter((path) => !existsSync(path));
  for (const path of taken) mkdirSync(path, { recursive: true });
  const { state, error } = await ended(client, await client.call(third, "PowerOnVM_Task", {}));
  for (const path of taken) rmdirSync(path);
  expect([state, error?.fault.$type]).toEqual(["error", "InsufficientHostMemoryCapacityFault"]);
  await untilBothFillAgain();
});

test.skipIf(tree === undefined)("nothing was ended for want of memory, though both guests have written to all of theirs", async () => {
  const { monitors } = await host.vmkernel().then(async (vmkernel) => {
    const load = await vmkernel.request({ kind: "sampleLoad" });
    vmkernel.close();
    return load;
  });
  const filled = monitors.filter(({ vm }) => vm === vms[0]?.value || vm === vms[1]?.value);
  for (const { memoryBytes } of filled) expect(memoryBytes).toBeGreaterThan((MEMORY_MB - 2) * 2 ** 20);
  expect(kills()).toBe("0");
});
