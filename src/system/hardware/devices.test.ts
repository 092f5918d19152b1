import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { readMachine } from "./devices.ts";

/** A machine whose kernel says what each test writes. */
let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "bulkhead-sys-"));
});
afterEach(() => rmSync(root, { recursive: true }));

function put(path: string, text: string): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), `${text}\n`);
}
function link(path: string, to: string): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  mkdirSync(join(root, to), { recursive: true });
  symlinkSync(join(root, to), join(root, path));
}

test("a disk and an adapter are told with what they hang at", async () => {
  const nvme = "sys/devices/pci0000:00/0000:01:00.0/nvme/nvme0";
  put("sys/block/nvme0n1/size", "2048");
  put("sys/block/nvme0n1/queue/rotational", "0");
  put(`${nvme}/model`, "Fast 9000  ");
  link("sys/block/nvme0n1/device", nvme);
  const adapter = "sys/devices/pci0000:00/0000:00:03.0";
  for (const [name, text] of [
    ["address", "02:00:00:00:00:01"],
    ["flags", "0x1003"],
    ["carrier", "1"],
    ["speed", "10000"],
    ["duplex", "full"],
  ] as const)
    put(`sys/class/net/eth0/${name}`, text);
  link("sys/class/net/eth0/device", adapter);
  link(`${adapter}/driver`, "sys/bus/pci/drivers/ixgbe");
  const machine = await readMachine(root, (name) => (name === "eth0" ? ["192.0.2.7"] : []));
  expect(machine.disks).toEqual([
    {
      name: "nvme0n1",
      sizeBytes: 2 ** 20,
      vendor: "",
      model: "Fast 9000",
      serial: "",
      isRotational: false,
      controller: "0000:01:00.0",
      driver: "",
    },
  ]);
  expect(machine.nics).toEqual([
    {
      name: "eth0",
      mac: "02:00:00:00:00:01",
      driver: "ixgbe",
      controller: "0000:00:03.0",
      isUp: true,
      linkMbps: 10_000,
      isFullDuplex: true,
      addresses: ["192.0.2.7"],
    },
  ]);
});

test.each([
  ["a layer of software", () => put("sys/block/dm-0/size", "2048")],
  [
    "a drive whose medium can be taken out",
    () => {
      put("sys/block/sr0/size", "2048");
      put("sys/block/sr0/removable", "1");
      link("sys/block/sr0/device", "sys/devices/pci0000:00/0000:00:1f.2/ata1");
    },
  ],
])("%s is no disk of the machine", async (_, make) => {
  make();
  expect((await readMachine(root)).disks).toEqual([]);
});

test("an adapter whose link is down, or that does not tell its speed, says so", async () => {
  for (const [name, carrier] of [
    ["down", "0"],
    ["mute", "1"],
  ] as const) {
    put(`sys/class/net/${name}/carrier`, carrier);
    put(`sys/class/net/${name}/speed`, "-1");
    link(`sys/class/net/${name}/device`, `sys/devices/${name}`);
  }
  expect((await readMachine(root)).nics.map(({ name, linkMbps }) => [name, linkMbps])).toEqual([
    ["down", undefined],
    ["mute", 0],
  ]);
});

test("PCI devices are told by their numbers, and NUMA nodes by what they hold", async () => {
  for (const [name, text] of [
    ["class", "0x020000"],
    ["vendor", "0x8086"],
    ["device", "0x1572"],
  ] as const)
    put(`sys/bus/pci/devices/0000:3b:00.1/${name}`, text);
  put("sys/devices/system/node/node0/cpulist", "0-1");
  put("sys/devices/system/node/node0/meminfo", "Node 0 MemTotal:       2048 kB");
  put("sys/devices/system/node/online", "0");
  const { pciDevices, numaNodes } = await readMachine(root);
  expect(pciDevices).toEqual([
    { address: "0000:3b:00.1", classId: 0x0200, vendorId: 0x8086, deviceId: 0x1572, subVendorId: 0, subDeviceId: 0 },
  ]);
  expect(numaNodes).toEqual([{ id: 0, cpus: [0, 1], memoryBytes: 2 ** 21 }]);
});

test("a machine that tells nothing has nothing", async () => {
  expect(await readMachine(root)).toEqual({
    pciDevices: [],
    disks: [],
    nics: [],
    numaNodes: [],
    firmware: { vendor: "", version: "", date: "" },
    resolver: { nameServers: [], searchDomains: [] },
    defaultGateway: undefined,
    timeZone: "UTC",
  });
});
