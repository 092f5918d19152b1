/** Paper «Device Isolation»: each kind of device that can be configured, in a real monitor, against what a guest must find. */
import { writeFileSync } from "node:fs";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { VmId } from "../src/base/index.ts";
import { type DeviceSpec, expectedDevices, keyOfDeviceId, type MachineSpec, type MonitorInspection } from "../src/vmkernel/index.ts";
import { inDatastore, machineOf, TestKernel, until } from "./monitor.fixture.ts";

const isRoot = process.getuid?.() === 0;
const vm = "1" as VmId;
let kernel: TestKernel;

beforeAll(async () => {
  if (!isRoot) return;
  kernel = new TestKernel();
  await kernel.start();
});
afterAll(async () => {
  await kernel?.[Symbol.asyncDispose]();
});

const controllers: readonly DeviceSpec[] = [
  { kind: "ide", key: 200, bus: 0 },
  { kind: "ide", key: 201, bus: 1 },
  ...(["pvscsi", "lsilogic", "lsisas1068", "pvscsi"] as const).map(
    (model, bus) => ({ kind: "scsi", key: 1000 + bus, bus, model }) as const,
  ),
  ...[0, 1, 2, 3].map((bus) => ({ kind: "ahci", key: 15000 + bus, bus }) as const),
  ...[0, 1, 2, 3].map((bus) => ({ kind: "nvme", key: 31000 + bus, bus }) as const),
];
const others: readonly DeviceSpec[] = [
  { kind: "video", key: 500, vramKiB: 16384 },
  { kind: "xhci", key: 14000 },
  { kind: "usb", key: 7000, model: "ehci" },
  { kind: "toolsChannel", key: 12000 },
  ...Array.from({ length: 10 }, (_, index) => {
    const model = (["vmxnet3", "e1000", "e1000e"] as const)[index % 3] ?? "e1000";
    return { kind: "nic", key: 4000 + index, model, mac: `00:0c:29:00:00:0${index}` } as const;
  }),
  ...[0, 1, 2, 3].map((unit) => ({ kind: "serial", key: 9000 + unit, unit }) as const),
  { kind: "floppy", key: 8000, unit: 0, image: inDatastore("1/drivers.flp") },
  { kind: "floppy", key: 8001, unit: 1 },
  { kind: "cdrom", key: 3002, controllerKey: 201, unit: 0, image: inDatastore("1/install.iso") },
  { kind: "cdrom", key: 3003, controllerKey: 201, unit: 1 },
  { kind: "cdrom", key: 2001, controllerKey: 1001, unit: 6, image: inDatastore("1/install.iso") },
  { kind: "cdrom", key: 2002, controllerKey: 1000, unit: 15 },
  { kind: "cdrom", key: 16001, controllerKey: 15000, unit: 5 },
];
/** First and last unit of each kind of controller. */
const disks = [
  [200, 0],
  [200, 1],
  [1000, 0],
  [1001, 0],
  [1002, 0],
  [1002, 6],
  [1003, 14],
  [15000, 0],
  [15003, 5],
  [31000, 0],
  [31000, 63],
].map(([controllerKey = 0, unit = 0], index) => {
  return {
    kind: "disk",
    key: 50_000 + index,
    controllerKey,
    unit,
    descriptor: inDatastore(`1/disk${index}.vmdk`),
    mode: "persistent",
  } as const;
});

test.skipIf(!isRoot)("a VM with every device that can be there has each at its place, and no other", async () => {
  await kernel.client.request({ kind: "listDatastores" });
  await kernel.client.request({ kind: "makeFolder", folder: inDatastore("1") });
  for (const [index, { descriptor }] of disks.entries()) {
    const uuid = `6000c29${index.toString(16).padStart(25, "0")}`;
    const disk = { capacityBytes: 1024 * 1024, provisioning: "thin", adapterType: "lsilogic", uuid } as const;
    await kernel.client.request({ kind: "createDisk", descriptor, disk });
  }
  writeFileSync(kernel.hostPath("1/drivers.flp"), Buffer.alloc(1_474_560));
  writeFileSync(kernel.hostPath("1/install.iso"), Buffer.alloc(64 * 2048));
  const machine = machineOf("1", {
    vcpus: 2,
    coresPerSocket: 2,
    bootOrder: [3002, 50_002],
    devices: [...controllers, ...others, ...disks],
  });
  await kernel.client.request({ kind: "powerOn", machine });
  const inspection = await kernel.client.request({ kind: "inspectMonitor", vm });
  expect(pciOf(inspection)).toEqual(expectedDevices(machine).pci.map(({ slot, function: f, id, key }) => ({ slot, function: f, id, key })));
  expect(blockOf(inspection)).toEqual(
    expectedDevices(machine).block.map(({ key, hasMedium, isReadOnly }) => ({ key, hasMedium, isReadOnly })),
  );
  for (const key of expectedDevices(machine).serial) expect(inspection.qmp.qtree).toContain(`dev: isa-serial, id "dev${key}"`);
  expect(inspection.qmp.qtree).not.toMatch(/netdev = "(?!net\d+")[^"]/); // each a tap of its own NIC, whether or not that leads anywhere
  await kernel.client.request({ kind: "powerOff", vm });
});

interface PciDevice {
  readonly slot: number;
  readonly function: number;
  readonly qdev_id: string;
  readonly id: { readonly vendor: number; readonly device: number };
}

function pciOf({ qmp }: MonitorInspection): unknown[] {
  const hex = (id: number) => id.toString(16).padStart(4, "0");
  return (qmp.pci as { readonly devices: readonly PciDevice[] }[])
    .flatMap(({ devices }) => devices)
    .map(({ slot, function: f, id, qdev_id }) => ({
      slot,
      function: f,
      id: `${hex(id.vendor)}:${hex(id.device)}`,
      key: keyOfDeviceId(qdev_id),
    }))
    .sort((a, b) => a.slot - b.slot || a.function - b.function);
}

interface BlockDevice {
  readonly qdev: string;
  readonly inserted?: { readonly ro: boolean };
}

function blockOf({
  qmp,
}: MonitorInspection): { readonly key: number | undefined; readonly hasMedium: boolean; readonly isReadOnly: boolean }[] {
  return (qmp.block as BlockDevice[])
    .map(({ qdev, inserted }) => ({ key: keyOfDeviceId(qdev), hasMedium: inserted !== undefined, isReadOnly: inserted?.ro === true }))
    .sort((a, b) => (a.key ?? 0) - (b.key ?? 0));
}

test.skipIf(!isRoot)("a guest boots by UEFI, and its variables are a file of its own", async () => {
  const nvram = inDatastore("2/variables");
  const ahci: MachineSpec["devices"] = [
    { kind: "ahci", key: 15000, bus: 0 },
    { kind: "disk", key: 16000, controllerKey: 15000, unit: 0, descriptor: inDatastore("2/disk.vmdk"), mode: "persistent" },
    { kind: "serial", key: 9000, unit: 0, file: inDatastore("2/console.log") },
  ];
  await kernel.makeGuest("2");
  await kernel.client.request({
    kind: "powerOn",
    machine: machineOf("2", { firmware: { kind: "efi", nvram }, memoryMiB: 256, devices: ahci }),
  });
  await until("the guest counts", () => kernel.tick("2") >= 1, 90_000);
  const inspection = await kernel.client.request({ kind: "inspectMonitor", vm: "2" as VmId });
  const { pci, flash } = expectedDevices(inspection.machine);
  expect((inspection.qmp.block as BlockDevice[]).map(({ qdev }) => qdev)).toEqual([...flash, "dev16000"]);
  expect(pciOf(inspection)).toHaveLength(pci.length);
  await kernel.client.request({ kind: "powerOff", vm: "2" as VmId });
  expect((await kernel.client.request({ kind: "listFolder", folder: inDatastore("2") })).map(({ name }) => name)).toContain("variables");
});
