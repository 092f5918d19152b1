/** Real guests boot from disks that came as packages have them, and as other products have them. */
import { execFile } from "node:child_process";
import { existsSync, mkdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { buildGuest } from "../../guest/build.mjs";
import { hostPaths } from "../../src/base/index.ts";
import { moRef, type VimClient } from "../../src/interfaces/index.ts";
import type { HttpNfcLeaseInfo, MoRef, VirtualMachineImportSpec } from "../../src/wire/index.ts";
import { datastoreText, startHost, type TestHost, waitFor } from "../harness.ts";
import { ovfDescriptor } from "../package.fixture.ts";
import { bootableSpec, createVm, lastTick, ROOT_POOL, read, succeeded } from "../vm.ts";

const run = promisify(execFile);
const BOOT_MS = 300_000;
const MIB = 1024 * 1024;
let host: TestHost;
let client: VimClient;

beforeAll(async () => {
  host = await startHost();
  client = await host.login();
});
afterAll(async () => {
  client?.close();
  await host?.stop();
});

const datastore = () => join(hostPaths(host.root).volumes, "datastore1");
const convert = (subformat: string, to: string) =>
  run("qemu-img", ["convert", "-f", "raw", "-O", "vmdk", "-o", `subformat=${subformat}`, buildGuest().image, to]);

async function boots(vm: MoRef<"VirtualMachine">, name: string): Promise<void> {
  await succeeded(client, await client.call(vm, "PowerOnVM_Task", {}));
  await waitFor(async () => lastTick(await datastoreText(host, `${name}/console.log`)) >= 1, BOOT_MS, 500);
  await succeeded(client, await client.call(vm, "PowerOffVM_Task", {}));
}

interface Import {
  readonly lease: MoRef<"HttpNfcLease">;
  readonly info: HttpNfcLeaseInfo;
}

async function beginImport(name: string, stream: string): Promise<Import> {
  const stores = (await read(client, moRef("ComputeResource", "ha-compute-res"), "datastore")) as MoRef<"Datastore">[];
  const { importSpec, error } = await client.call(moRef("OvfManager", "ha-ovf-manager"), "CreateImportSpec", {
    ovfDescriptor: ovfDescriptor({ bytes: statSync(stream).size, capacityMib: statSync(buildGuest().image).size / MIB }),
    resourcePool: ROOT_POOL,
    datastore: stores[0] as MoRef<"Datastore">,
    cisp: { entityName: name, diskProvisioning: "thin", locale: "", deploymentOption: "" },
  });
  expect(error).toBeUndefined();
  const lease = await client.call(ROOT_POOL, "ImportVApp", { spec: importSpec as VirtualMachineImportSpec });
  await waitFor(async () => (await read(client, lease, "state")) === "ready", 20_000);
  return { lease, info: (await read(client, lease, "info")) as HttpNfcLeaseInfo };
}

test("an import that kill -9 of the host agent cuts short leaves no VM and no file", { timeout: BOOT_MS }, async () => {
  const stream = join(host.root, "guest.vmdk");
  await convert("streamOptimized", stream);
  await beginImport("cut", stream);
  expect(existsSync(join(datastore(), "cut/cut.vmx"))).toBe(true);
  const { hostd } = await host.pids();
  process.kill(hostd, "SIGKILL");
  await waitFor(async () => (await host.isUp()) && (await host.pids()).hostd !== hostd, BOOT_MS);
  client.close();
  client = await host.login();
  expect(existsSync(join(datastore(), "cut"))).toBe(false);
  expect(await read(client, ROOT_POOL, "vm")).toEqual([]);
});

test("a guest boots from a disk that came as a package's", { timeout: 2 * BOOT_MS }, async () => {
  const stream = join(host.root, "guest.vmdk");
  await convert("streamOptimized", stream);
  const {
    lease,
    info: { deviceUrl, entity },
  } = await beginImport("packed", stream);
  const { pathname } = new URL(deviceUrl?.[0]?.url.replace("*", "127.0.0.1") ?? "");
  await run("curl", ["-sSfk", "-X", "POST", "-T", stream, `https://127.0.0.1:${host.port}${pathname}`]);
  await client.call(lease, "HttpNfcLeaseComplete", {});
  const vm = entity as MoRef<"VirtualMachine">;
  const backing = { $type: "VirtualSerialPortFileBackingInfo", fileName: "[datastore1] packed/console.log" };
  const serial = { $type: "VirtualSerialPort", key: -4, yieldOnPoll: true, backing };
  const spec = { deviceChange: [{ operation: "add" as const, device: serial as never }] };
  await succeeded(client, await client.call(vm, "ReconfigVM_Task", { spec }));
  await boots(vm, "packed");
});

test("a guest boots from a sparse disk of another product, which is a flat one then", { timeout: 2 * BOOT_MS }, async () => {
  mkdirSync(join(datastore(), "images"), { recursive: true });
  await convert("monolithicSparse", join(datastore(), "images/other.vmdk"));
  await boots(await createVm(client, bootableSpec("other", "[datastore1] images/other.vmdk")), "other");
  expect(statSync(join(datastore(), "images/other-flat.vmdk")).size).toBe(statSync(buildGuest().image).size);
  expect(await datastoreText(host, "images/other.vmdk")).toContain('createType="vmfs"');
});
