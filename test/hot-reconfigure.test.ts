/** A client changes a VM while its guest runs; the guest, the configuration and the evidence agree at every moment. */
import { execFile } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { hostPaths } from "../src/base/index.ts";
import type { Evidence } from "../src/evidence/index.ts";
import type { VimClient } from "../src/interfaces/index.ts";
import type { MoRef, VirtualDevice, VirtualDeviceConfigSpec, VirtualDisk, VirtualMachineConfigSpec } from "../src/wire/index.ts";
import { installFromGo } from "./go.ts";
import { datastoreText, installGuestImage, notPassed, PASSWORD, startHost, type TestHost, waitFor } from "./harness.ts";
import { bootableSpec, createVm, diskInGuest, ended, lastTick, read, succeeded } from "./vm.ts";

const run = promisify(execFile);
const govc = await installFromGo("govc");
const govcPath = "path" in govc ? govc.path : "";
const NAME = "hot";
const GUEST_MS = 90_000;
const MIB = 1024 * 1024;
const GUEST_LOGIN = { user: "root", password: "Guest-Root-1" };
let host: TestHost;
let client: VimClient;
let vm: MoRef<"VirtualMachine">;

const change = (operation: "add" | "edit" | "remove", device: object, fileOperation?: "create" | "destroy"): VirtualDeviceConfigSpec => ({
  operation,
  device: device as VirtualDevice,
  ...(fileOperation && { fileOperation }),
});
/** A mask that hides one bit of a register. */
const hidden = (level: number, register: "ebx" | "ecx" | "edx", bit: number) => ({
  operation: "edit" as const,
  info: { level, [register]: `${"-".repeat(31 - bit)}0${"-".repeat(bit)}` },
});
const cdrom = { $type: "VirtualCdrom", key: -9, controllerKey: 201, unitNumber: 0 };
const disk = (controllerKey: number, unitNumber: number) => ({
  $type: "VirtualDisk",
  key: -2,
  controllerKey,
  unitNumber,
  capacityInKB: 8 * 1024,
  backing: { $type: "VirtualDiskFlatVer2BackingInfo", fileName: "", diskMode: "persistent", thinProvisioned: true },
});

beforeAll(async () => {
  host = await startHost();
  client = await host.login();
  const folder = join(hostPaths(host.root).volumes, "datastore1", "iso");
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "tools.iso"), Buffer.alloc(2 * MIB));
  writeFileSync(join(folder, "second.iso"), Buffer.alloc(6 * MIB));
  const spec = bootableSpec(NAME, await installGuestImage(host, `${NAME}-boot`));
  vm = await createVm(client, {
    ...spec,
    memoryMB: 256, // Linux sets 64 MB aside where memory can come later
    cpuHotAddEnabled: true,
    memoryHotAddEnabled: true,
    cpuFeatureMask: [hidden(7, "ebx", 7)], // SMEP
    deviceChange: [...(spec.deviceChange ?? []), change("add", cdrom)],
  });
  await succeeded(client, await client.call(vm, "PowerOnVM_Task", {}));
  await waitFor(async () => lastTick(await console()) > 0, GUEST_MS);
});
afterAll(async () => {
  client?.close();
  await host?.stop();
});

const console = () => datastoreText(host, `${NAME}/console.log`);
const reconfigure = async (spec: VirtualMachineConfigSpec) => succeeded(client, await client.call(vm, "ReconfigVM_Task", { spec }));

async function guestSays(kind: string, text: RegExp): Promise<void> {
  await waitFor(async () => {
    const lines = (await console()).split("\n").filter((line) => new RegExp(`^GUEST-${kind}\\b`).test(line));
    return text.test(lines.at(-1)?.trim() ?? "");
  }, GUEST_MS);
}
async function inGuest(script: string): Promise<void> {
  const vmkernel = await host.vmkernel();
  const { exitCode } = await vmkernel.request({ kind: "runInGuest", vm: vm.value as never, login: GUEST_LOGIN, script });
  vmkernel.close();
  expect(exitCode).toBe(0);
}
async function deviceOf(type: string, at = 0): Promise<VirtualDevice> {
  const devices = (await read(client, vm, "config.hardware.device")) as readonly VirtualDevice[];
  const found = devices.filter(({ $type }) => $type === type).at(at);
  if (found === undefined) throw new Error(`the VM has no ${type}`);
  return found;
}
async function expectEvidence(): Promise<void> {
  const evidence: readonly Evidence[] = JSON.parse((await host.command("evidence", "--json")).stdout);
  expect(notPassed(evidence)).toEqual([]);
}

test("a guest does not see the feature that is hidden from it, and sees its neighbours", async () => {
  expect(await console()).toMatch(/^GUEST-CPU .* flags=nx,smap(,umip)?\s*$/m);
});

test("a disk, an adapter, a CD, a processor and memory come to a guest that runs", async () => {
  const { key, backing, connectable } = await deviceOf("VirtualCdrom");
  expect(backing?.$type).toContain("Remote");
  const iso = { $type: "VirtualCdromIsoBackingInfo", fileName: "[datastore1] iso/tools.iso" };
  const nic = {
    $type: "VirtualEthernetCard",
    key: -3,
    backing: { $type: "VirtualEthernetCardNetworkBackingInfo", deviceName: "VM Network" },
  }; // virtio
  await reconfigure({
    numCPUs: 2,
    memoryMB: 384,
    annotation: "grown",
    deviceChange: [
      change("add", disk(1000, 1), "create"),
      change("add", nic),
      change("edit", { $type: "VirtualCdrom", key, controllerKey: 201, unitNumber: 0, backing: iso, connectable }),
    ],
  });
  await guestSays("BLOCK", new RegExp(`sdb=${8 * MIB}`));
  await guestSays("BLOCK", new RegExp(`sr0=${2 * MIB}`));
  await guestSays("LINK", /=1 .*=1$/);
  await guestSays("ONLINE", /cpus=0-1 memory-kib=2\d{5}/);
  expect(await read(client, vm, "config.hardware.numCPU")).toBe(2);
  expect(await read(client, vm, "config.hotPlugMemoryIncrementSize")).toBe(128);
  await expectEvidence();
});

test("a disk does no more operations in a second than its limit, from the change on, and more once that is taken away", async () => {
  const allow = async (limit: number) => {
    const data = await deviceOf("VirtualDisk", 1);
    await reconfigure({ deviceChange: [change("edit", { ...data, storageIOAllocation: { limit } })] });
  };
  const secondsToRead = async (blocks: number, first: number) => {
    const beganAt = performance.now();
    await inGuest(`dd if=${diskInGuest(1)} of=/dev/null bs=32k count=${blocks} skip=${first}`);
    return (performance.now() - beganAt) / 1000;
  };
  await allow(16);
  expect(await secondsToRead(64, 0)).toBeGreaterThan(3);
  await allow(-1);
  expect(await secondsToRead(160, 64)).toBeLessThan(8); // ten seconds at sixteen a second
});

test("a disk grows under its guest, which writes to the new end of it, and the evidence agrees", async () => {
  const data = (await deviceOf("VirtualDisk", 1)) as VirtualDisk;
  const grown = { ...data, capacityInKB: 12 * 1024, capacityInBytes: 12 * MIB };
  await reconfigure({ deviceChange: [change("edit", grown)] });
  expect(await deviceOf("VirtualDisk", 1)).toMatchObject({ capacityInKB: 12 * 1024 });
  // Linux hears that the size is another one, and asks which when it is told to.
  await inGuest(`echo 1 > /sys/block/$(basename ${diskInGuest(1)})/device/rescan`);
  await guestSays("BLOCK", new RegExp(`sdb=${12 * MIB}`));
  await inGuest(`printf THE-NEW-END | dd of=${diskInGuest(1)} bs=512 seek=${(12 * MIB) / 512 - 1} conv=notrunc,fsync`);
  const [, file = ""] = /^\[datastore1\] (.*)\.vmdk$/.exec((data.backing as { fileName: string }).fileName) ?? [];
  const flat = readFileSync(join(hostPaths(host.root).volumes, "datastore1", `${file}-flat.vmdk`));
  expect([flat.length, flat.subarray(12 * MIB - 512, 12 * MIB - 501).toString()]).toEqual([12 * MIB, "THE-NEW-END"]);
  const wrong = { ...grown, capacityInKB: 8 * 1024, capacityInBytes: 8 * MIB };
  await expect(reconfigure({ deviceChange: [change("edit", wrong)] })).rejects.toMatchObject({ fault: "InvalidDeviceSpec" });
  await expectEvidence();
});

test("the cable of an adapter is unplugged and plugged in, and clients see it", async () => {
  const nic = await deviceOf("VirtualEthernetCard");
  const plug = (connected: boolean) =>
    change("edit", { ...nic, connectable: { startConnected: true, allowGuestControl: true, connected } });
  await reconfigure({ deviceChange: [plug(false)] });
  await guestSays("LINK", /=0$/);
  expect((await deviceOf("VirtualEthernetCard")).connectable).toMatchObject({ connected: false, startConnected: true });
  await reconfigure({ deviceChange: [plug(true)] });
  await guestSays("LINK", /=1$/);
});

test.each<[string, VirtualMachineConfigSpec, string, object]>([
  ["another guest", { guestId: "debian12_64Guest" }, "InvalidPowerState", { existingState: "poweredOn" }],
  ["CPU hot add off", { cpuHotAddEnabled: false }, "InvalidPowerState", {}],
  ["another view of its processors", { cpuFeatureMask: [hidden(7, "ebx", 20)] }, "InvalidPowerState", {}],
  ["EFI", { firmware: "efi" }, "InvalidPowerState", {}],
  ["fewer processors", { numCPUs: 1 }, "CpuHotPlugNotSupported", {}],
  ["less memory", { memoryMB: 256 }, "MemoryHotPlugNotSupported", {}],
  ["memory in odd steps", { memoryMB: 448 }, "MemoryHotPlugNotSupported", {}],
  [
    "a note and a disk on an IDE channel",
    { annotation: "never", deviceChange: [change("add", disk(1000, 3), "create"), change("add", disk(201, 1), "create")] },
    "InvalidDeviceOperation",
    { deviceIndex: 1, badOp: "add" },
  ],
  [
    "no CD drive",
    { deviceChange: [change("remove", { $type: "VirtualCdrom", key: 3002 })] },
    "InvalidDeviceOperation",
    { deviceIndex: 0, badOp: "remove" },
  ],
  [
    "its disk on another unit",
    { deviceChange: [change("edit", { ...disk(1000, 3), key: 2001, capacityInKB: 12 * 1024 })] },
    "InvalidDeviceOperation",
    { deviceIndex: 0, badOp: "edit" },
  ],
])("a VM that runs cannot get %s: the fault says so by name, and nothing changes", async (_, spec, name, fields) => {
  const before = await read(client, vm, "config.changeVersion");
  await expect(client.call(vm, "ReconfigVM_Task", { spec })).rejects.toMatchObject({ fault: name, fields });
  expect(await read(client, vm, "config.changeVersion")).toBe(before);
});

test.skipIf(govcPath === "")("govc adds, grows, inserts, ejects, unplugs and removes while the guest runs", async () => {
  await says("vm.disk.create", "-vm", NAME, "-name", `${NAME}/govc`, "-size", "4M");
  await guestSays("BLOCK", new RegExp(`=${4 * MIB}\\b`));
  await says("vm.disk.change", "-vm", NAME, "-disk.name", "disk-1000-2", "-size", "5M");
  expect(await deviceOf("VirtualDisk", 2)).toMatchObject({ capacityInKB: 5 * 1024 });
  await says("vm.network.add", "-vm", NAME, "-net", "VM Network", "-net.adapter", "vmxnet3");
  await guestSays("LINK", /=1 .*=1 .*=1$/);
  await says("device.disconnect", "-vm", NAME, "ethernet-2");
  await guestSays("LINK", /=0$/);
  await says("device.connect", "-vm", NAME, "ethernet-2");
  await guestSays("LINK", /=1$/);
  await says("device.remove", "-vm", NAME, "ethernet-2");
  await guestSays("LINK", /^\S+ \S+=1 \S+=1$/);
  await says("device.cdrom.eject", "-vm", NAME, "-device", "cdrom-3002");
  await expectEvidence(); // Linux goes on showing the size of a CD that has gone, until there is another
  await says("device.cdrom.insert", "-vm", NAME, "-device", "cdrom-3002", "iso/second.iso");
  await guestSays("BLOCK", new RegExp(`sr0=${6 * MIB}`));
  const [, disks = ""] = /(disk-1000-2)/.exec(await says("device.ls", "-vm", NAME)) ?? [];
  await says("device.remove", "-vm", NAME, disks);
  await guestSays("BLOCK", new RegExp(`^(?!.*=${4 * MIB}\\b)`));
  await says("vm.change", "-vm", NAME, "-m", "512", "-annotation", "by govc");
  await guestSays("ONLINE", /memory-kib=4\d{5}/);
  await expectEvidence();
});

async function says(...args: readonly string[]): Promise<string> {
  const env = {
    ...process.env,
    GOVC_URL: `https://127.0.0.1:${host.port}`,
    GOVC_USERNAME: "root",
    GOVC_PASSWORD: PASSWORD,
    GOVC_INSECURE: "1",
    GOVC_PERSIST_SESSION: "false",
  };
  const { stdout } = await run(govcPath, args, { env, timeout: 60_000 });
  return stdout;
}

test("a hostd that is killed in the middle leaves the VM as it was or as it was asked to be, in its file and in its monitor", async () => {
  const task = await client.call(vm, "ReconfigVM_Task", { spec: { deviceChange: [change("add", disk(1000, 2), "create")] } });
  process.kill((await host.pids()).hostd, "SIGKILL");
  await waitFor(async () => await host.isUp(), GUEST_MS);
  client.close();
  client = await host.login();
  const info = await ended(client, task);
  const devices = (await read(client, vm, "config.hardware.device")) as readonly VirtualDevice[];
  expect(devices.some(({ key }) => key === 2002)).toBe(info.state === "success");
  const vmkernel = await host.vmkernel();
  const { machine } = await vmkernel.request({ kind: "inspectMonitor", vm: vm.value as never });
  vmkernel.close();
  expect(machine.devices.some(({ key }) => key === 2002)).toBe(info.state === "success");
  await expectEvidence();
});

test("what came goes again, and the disk's file with it", async () => {
  const { key } = await deviceOf("VirtualCdrom");
  await reconfigure({
    deviceChange: [
      change("remove", await deviceOf("VirtualDisk", 1), "destroy"),
      change("remove", await deviceOf("VirtualEthernetCard")),
      change("edit", { ...cdrom, key, backing: { $type: "VirtualCdromRemotePassthroughBackingInfo", deviceName: "", exclusive: false } }),
    ],
  });
  await guestSays("NIC", /^GUEST-NIC \S+$/);
  await guestSays("BLOCK", /^(?!.*sdb=)/);
  await expectEvidence();
});

test("a VM that has grown is suspended and goes on with what it has", async () => {
  await succeeded(client, await client.call(vm, "SuspendVM_Task", {}));
  const before = lastTick(await console());
  await succeeded(client, await client.call(vm, "PowerOnVM_Task", {}));
  await waitFor(async () => lastTick(await console()) > before + 1, GUEST_MS);
  await guestSays("ONLINE", /cpus=0-1 memory-kib=[24]\d{5}/);
  await succeeded(client, await client.call(vm, "PowerOffVM_Task", {}));
});
