import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { hostPaths } from "../src/base/index.ts";
import type { Evidence } from "../src/evidence/index.ts";
import { moRef, type VimClient } from "../src/interfaces/index.ts";
import type { MoRef } from "../src/wire/index.ts";
import { datastoreText, installGuestImage, notPassed, startHost, type TestHost, waitFor } from "./harness.ts";
import { bootableSpec, createVm, lastTick, read, succeeded, VM_FOLDER } from "./vm.ts";

/** Real guests on every kind of hardware that a VM can be given. Paper «Device Isolation». */
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

const add = (device: object) => ({ operation: "add" as const, device: device as never });
const disk = (fileName: string, controllerKey: number) =>
  add({
    $type: "VirtualDisk",
    key: -2,
    controllerKey,
    unitNumber: 0,
    capacityInKB: 0,
    backing: { $type: "VirtualDiskFlatVer2BackingInfo", fileName, diskMode: "persistent" },
  });
const IDE_0 = 200;
const guestInfo = [
  { key: "guestinfo.role", value: { anyType: "string", value: "db, primary=1" } },
  { key: "guestinfo.userdata", value: { anyType: "string", value: "u".repeat(100_000) } },
  { key: "guestinfo.a/b", value: { anyType: "string", value: "not told" } },
];

async function boot(vm: MoRef, name: string): Promise<string> {
  await succeeded(client, await client.call(vm as MoRef<"VirtualMachine">, "PowerOnVM_Task", {}));
  const console = (): Promise<string> => datastoreText(host, `${name}/console.log`);
  await waitFor(async () => lastTick(await console()) > 0, 120_000);
  return console();
}

test.each<[string, object | undefined, string]>([
  ["lsilogic", { $type: "VirtualLsiLogicController", key: -1, busNumber: 0, sharedBus: "noSharing" }, "1000:0012"],
  ["lsisas1068", { $type: "VirtualLsiLogicSASController", key: -1, busNumber: 0, sharedBus: "noSharing" }, "1000:0054"],
  ["pvscsi", { $type: "ParaVirtualSCSIController", key: -1, busNumber: 0, sharedBus: "noSharing" }, "15ad:07c0"],
  ["ahci", { $type: "VirtualAHCIController", key: -1, busNumber: 0 }, "8086:2922"],
  ["nvme", { $type: "VirtualNVMEController", key: -1, busNumber: 0 }, "1b36:0010"],
  ["ide", undefined, "8086:7010"],
])("a guest boots from a disk on %s, and finds that controller", async (name, controller, id) => {
  const image = await installGuestImage(host, `${name}-boot`);
  const spec = bootableSpec(name, image);
  const others = (spec.deviceChange ?? []).filter(({ device }) => device.$type === "VirtualSerialPort");
  const storage = controller === undefined ? [disk(image, IDE_0)] : [add(controller), disk(image, -1)];
  const vm = await createVm(client, { ...spec, deviceChange: [...storage, ...others] });
  expect(await boot(vm, name)).toContain(id);
  await succeeded(client, await client.call(vm, "PowerOffVM_Task", {}));
});

test("a guest boots by UEFI, with variables of its own", async () => {
  const image = await installGuestImage(host, "efi-boot");
  const spec = bootableSpec("efi", image);
  const others = (spec.deviceChange ?? []).filter(({ device }) => device.$type === "VirtualSerialPort");
  const storage = [add({ $type: "VirtualAHCIController", key: -1, busNumber: 0 }), disk(image, -1)];
  // OVMF itself takes about 70 MB of the guest's memory
  const vm = await createVm(client, { ...spec, memoryMB: 256, firmware: "efi", deviceChange: [...storage, ...others] });
  await boot(vm, "efi");
  expect(await read(client, vm, "config.firmware")).toBe("efi");
  await succeeded(client, await client.call(vm, "PowerOffVM_Task", {}));
});

test("a VM with one of everything starts, and evidence finds just that in it", async () => {
  const image = await installGuestImage(host, "all-boot");
  const spec = bootableSpec("all", image);
  const nic = (key: number, $type: string) =>
    add({ $type, key, backing: { $type: "VirtualEthernetCardNetworkBackingInfo", deviceName: "VM Network" } });
  const more = [
    add({ $type: "VirtualLsiLogicController", key: -20, busNumber: 1, sharedBus: "noSharing" }),
    add({ $type: "VirtualAHCIController", key: -21, busNumber: 0 }),
    add({ $type: "VirtualNVMEController", key: -22, busNumber: 0 }),
    nic(-30, "VirtualE1000"),
    nic(-31, "VirtualE1000e"),
    add({ $type: "VirtualUSBXHCIController", key: -40, busNumber: 0 }),
    add({ $type: "VirtualUSBController", key: -41, busNumber: 0, ehciEnabled: true }),
    add({
      $type: "VirtualCdrom",
      key: -50,
      controllerKey: 201,
      unitNumber: 0,
      backing: { $type: "VirtualCdromRemotePassthroughBackingInfo", deviceName: "", exclusive: false },
    }),
    add({ $type: "VirtualFloppy", key: -60, backing: { $type: "VirtualFloppyRemoteDeviceBackingInfo", deviceName: "" } }),
  ];
  const vm = await createVm(client, { ...spec, numCPUs: 2, extraConfig: guestInfo, deviceChange: [...(spec.deviceChange ?? []), ...more] });
  const text = await boot(vm, "all");
  expect(
    text
      .match(/^GUEST-INFO .*$/gm)
      ?.map((line) => line.trim())
      .sort(),
    "what its configuration tells the guest",
  ).toEqual(["GUEST-INFO guestinfo.role=13:db, primary=1", `GUEST-INFO guestinfo.userdata=100000:${"u".repeat(60)}`]);
  const processes = execFileSync("ps", ["-eo", "args"], { encoding: "utf8", maxBuffer: 64 * 1024 * 1024 });
  expect(processes).toContain("guestinfo.role");
  expect(processes, "what every user of the machine can read").not.toContain("db, primary");
  // The network's namespace and the pins of its programs are files that nobody can read.
  const unreadable = ["--exclude-dir=bpf", "--exclude=namespace"];
  const found = spawnSync("grep", ["-rlF", "-D", "skip", ...unreadable, "db, primary", hostPaths(host.root).run], { encoding: "utf8" });
  expect(found, "what is kept of a VM that runs").toMatchObject({ status: 1, stdout: "" });
  const events = (await client.call(moRef("EventManager", "ha-eventmgr"), "QueryEvents", { filter: {} })) ?? [];
  expect(events.map(({ fullFormattedMessage }) => fullFormattedMessage)).toContainEqual(expect.stringContaining("guestinfo.a/b"));
  expect(text, "threads that the guest sees on each core").toContain("threads-per-core=1");
  expect(text).toMatch(/flags=\S*\bnx\b/);
  const evidence: readonly Evidence[] = JSON.parse((await host.command("evidence", "--json")).stdout);
  expect(notPassed(evidence)).toEqual([]);
  await succeeded(client, await client.call(vm, "PowerOffVM_Task", {}));
});

test("a VM that is suspended goes on where it was", async () => {
  const spec = { ...bootableSpec("sleeper", await installGuestImage(host, "sleeper-boot")), extraConfig: guestInfo };
  const vm = await createVm(client, spec);
  await boot(vm, "sleeper");
  await succeeded(client, await client.call(vm, "SuspendVM_Task", {}));
  expect(await read(client, vm, "runtime.powerState")).toBe("suspended");
  const before = lastTick(await datastoreText(host, "sleeper/console.log"));
  await succeeded(client, await client.call(vm, "PowerOnVM_Task", {}));
  await waitFor(async () => lastTick(await datastoreText(host, "sleeper/console.log")) > before, 60_000);
  const ticks = [...(await datastoreText(host, "sleeper/console.log")).matchAll(/^tick (\d+)\s*$/gm)].map(([, n]) => Number(n));
  expect(ticks, "it counted on, without a gap and without a second start").toEqual(ticks.map((_, index) => index + 1));
  await succeeded(client, await client.call(vm, "PowerOffVM_Task", {}));
});

test("a VM with NVMe cannot be suspended, and is told so by name while its guest runs on", async () => {
  const image = await installGuestImage(host, "insomniac-boot");
  const storage = [add({ $type: "VirtualNVMEController", key: -1, busNumber: 0 }), disk(image, -1)];
  const vm = await createVm(client, { ...bootableSpec("insomniac", image), deviceChange: storage });
  await succeeded(client, await client.call(vm, "PowerOnVM_Task", {}));
  await expect(client.call(vm, "SuspendVM_Task", {}).then((task) => succeeded(client, task))).rejects.toThrow(/nvme 31000/);
  expect(await read(client, vm, "runtime.powerState")).toBe("poweredOn");
  await succeeded(client, await client.call(vm, "PowerOffVM_Task", {}));
});

test("a folder as ESXi writes it registers and boots", async () => {
  const image = await installGuestImage(host, "esxi-boot");
  const folder = join(hostPaths(host.root).volumes, "datastore1/esxi");
  mkdirSync(folder);
  writeFileSync(
    join(folder, "esxi.vmx"),
    [
      '.encoding = "UTF-8"',
      'config.version = "8"',
      'virtualHW.version = "13"',
      'displayName = "made elsewhere"',
      'guestOS = "other3xlinux-64"',
      'uuid.bios = "56 4d 12 34 56 78 9a bc-de f0 12 34 56 78 9a bc"',
      'uuid.location = "56 4d 12 34 56 78 9a bc-de f0 12 34 56 78 9a bc"',
      'vc.uuid = "52 01 02 03 04 05 06 07-08 09 0a 0b 0c 0d 0e 0f"',
      'numvcpus = "1"',
      'memSize = "128"',
      'sched.cpu.units = "mhz"',
      'nvram = "esxi.nvram"',
      'extendedConfigFile = "esxi.vmxf"',
      'svga.present = "TRUE"',
      'pciBridge0.present = "TRUE"',
      'vmci0.present = "TRUE"',
      'hpet0.present = "TRUE"',
      'floppy0.present = "FALSE"',
      'scsi0.present = "TRUE"',
      'scsi0.virtualDev = "pvscsi"',
      'scsi0:0.present = "TRUE"',
      'scsi0:0.deviceType = "scsi-hardDisk"',
      'scsi0:0.fileName = "/vmfs/volumes/datastore1/images/esxi-boot.vmdk"',
      'ethernet0.present = "TRUE"',
      'ethernet0.virtualDev = "vmxnet3"',
      'ethernet0.networkName = "VM Network"',
      'ethernet0.addressType = "generated"',
      'ethernet0.generatedAddress = "00:0c:29:78:9a:bc"',
      'ethernet0.generatedAddressOffset = "0"',
      'serial0.present = "TRUE"',
      'serial0.fileType = "file"',
      'serial0.fileName = "console.log"',
      'cleanShutdown = "TRUE"',
      'tools.syncTime = "FALSE"',
      'migrate.hostLog = "esxi-1a2b3c4d.hlog"',
      "",
    ].join("\n"),
  );
  const task = await client.call(VM_FOLDER, "RegisterVM_Task", { path: "[datastore1] esxi/esxi.vmx", asTemplate: false });
  const vm = (await succeeded(client, task)) as MoRef<"VirtualMachine">;
  expect(await read(client, vm, "name")).toBe("made elsewhere");
  expect(await read(client, vm, "config.uuid")).toBe("564d1234-5678-9abc-def0-123456789abc");
  await boot(vm, "esxi");
  await succeeded(client, await client.call(vm, "PowerOffVM_Task", {}));
  expect(image).toContain("esxi-boot");
});
