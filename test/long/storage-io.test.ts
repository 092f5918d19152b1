/** Two guests read from a datastore that cannot do what both want: what each gets. Paper «Virtualized Storage», shares. */

import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { hostPaths } from "../../src/base/index.ts";
import type { VimClient } from "../../src/interfaces/index.ts";
import type { VmkernelClient } from "../../src/vmkernel/index.ts";
import { formatVmdkDescriptor, type MoRef, makeBaseDescriptor, type VirtualDevice } from "../../src/wire/index.ts";
import { installGuestImage, newRoot, sleep, startHost, type TestHost, waitFor } from "../harness.ts";
import { makeSlowDevice, type SlowDevice } from "../slow-device.ts";
import { bootableSpec, createVm, read, succeeded } from "../vm.ts";

const MIB = 1024 * 1024;
const DISK_BYTES = 192 * MIB; // more than the guest's memory, and than the device does in the time of the test
const BYTES_PER_SECOND = 4 * MIB;
const NAMES = ["light", "heavy"] as const;
const SHARES = { light: 500, heavy: 2000 };
const SETTLE_MS = 25_000;
const WINDOW_MS = 25_000;
const TEST_MS = 400_000;
const login = { user: "root", password: "Guest-Root-1" };
let host: TestHost;
let client: VimClient;
let vmkernel: VmkernelClient;
let device: SlowDevice;
const vms = new Map<string, MoRef<"VirtualMachine">>();

beforeAll(async () => {
  const root = newRoot();
  const { volumes } = hostPaths(root);
  mkdirSync(join(volumes, "datastore1"), { recursive: true });
  device = await makeSlowDevice(join(volumes, "slow"), {
    sizeBytes: 512 * MIB,
    bytesPerSecond: BYTES_PER_SECOND,
    fill: (folder) => {
      for (const name of NAMES) makeDisk(folder, name);
    },
  });
  host = await startHost({ root });
  client = await host.login();
  vmkernel = await host.vmkernel();
  for (const name of NAMES) {
    const spec = bootableSpec(name, await installGuestImage(host, `${name}-boot`));
    const data = {
      ...{ $type: "VirtualDisk", key: -9, controllerKey: -1, unitNumber: 1, capacityInKB: 0 },
      storageIOAllocation: { shares: { level: "custom", shares: SHARES[name] } },
      backing: { $type: "VirtualDiskFlatVer2BackingInfo", fileName: `[slow] ${name}.vmdk`, diskMode: "persistent" },
    } as unknown as VirtualDevice;
    const vm = await createVm(client, { ...spec, deviceChange: [...(spec.deviceChange ?? []), { operation: "add", device: data }] });
    await succeeded(client, await client.call(vm, "PowerOnVM_Task", {}));
    vms.set(name, vm);
  }
  await waitFor(async () => (await vmkernel.request({ kind: "listMonitors" })).every(({ guest }) => guest.tools === "running"), 280_000);
}, TEST_MS);
afterAll(async () => {
  for (const vm of vms.values()) await client.call(vm, "TerminateVM", {});
  client?.close();
  vmkernel?.close();
  await device?.[Symbol.asyncDispose](); // it is mounted in what the host's end takes away
  await host?.stop();
});

function makeDisk(folder: string, name: string): void {
  const digest = createHash("sha256").update(name).digest("hex");
  const descriptor = makeBaseDescriptor({
    ...{ capacityBytes: DISK_BYTES, thin: false, adapterType: "lsilogic", uuid: `6000c29${digest.slice(0, 25)}` },
    ...{ longContentId: digest.slice(0, 32), hardwareVersion: 21, extentFile: `${name}-flat.vmdk` },
  });
  writeFileSync(join(folder, `${name}.vmdk`), formatVmdkDescriptor(descriptor));
  execFileSync("dd", ["if=/dev/urandom", `of=${join(folder, `${name}-flat.vmdk`)}`, "bs=1M", `count=${DISK_BYTES / MIB}`, "status=none"]);
}

async function readBytes(name: string): Promise<number> {
  const { monitors } = await vmkernel.request({ kind: "sampleLoad" });
  return monitors.find(({ vm }) => vm === vms.get(name)?.value)?.disks.find(({ place }) => place.endsWith(":1"))?.readBytes ?? 0;
}

test("shares of 1 : 4 are what two guests get of a datastore that both want all of", { timeout: TEST_MS }, async () => {
  for (const vm of vms.values()) {
    const find = `for d in /sys/block/sd*; do [ "$(cat $d/size)" = ${DISK_BYTES / 512} ] && disk=/dev/\${d##*/}; done`;
    const script = `${find}; ( while :; do dd if=$disk of=/dev/null bs=32k; done ) > /dev/null 2>&1 < /dev/null &`;
    await vmkernel.request({ kind: "runInGuest", vm: vm.value as never, login, script });
  }
  await sleep(SETTLE_MS);
  const before = [await readBytes("light"), await readBytes("heavy")];
  await sleep(WINDOW_MS);
  const [light = 0, heavy = 0] = [await readBytes("light"), await readBytes("heavy")].map((bytes, index) => bytes - (before[index] ?? 0));
  console.log(`light ${(light / MIB).toFixed(1)} MiB, heavy ${(heavy / MIB).toFixed(1)} MiB, 1 : ${(heavy / light).toFixed(2)}`);
  expect(heavy / light).toBeGreaterThan(2.5);
  expect(light + heavy).toBeGreaterThan((0.6 * BYTES_PER_SECOND * WINDOW_MS) / 1000); // what the device can do is done
  expect(await read(client, vms.get("heavy") as MoRef, "overallStatus")).toBe("green");
});
