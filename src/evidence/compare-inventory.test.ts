import { expect, test } from "vitest";
import { compareInventory } from "./compare-inventory.ts";
import { machineWith } from "./machine.fixture.ts";

const UUID = "6000c29a1b2c3d4e5f60718293a4b5c6";
const descriptor = { datastore: "d", path: "v/v.vmdk" };
const disk = (key: number, controllerKey: number, unit: number) =>
  ({ kind: "disk", key, controllerKey, unit, descriptor, mode: "persistent" }) as const;
const machine = machineWith(
  { kind: "scsi", key: 1000, bus: 0, model: "pvscsi" },
  { kind: "ide", key: 200, bus: 0 },
  { kind: "ahci", key: 15000, bus: 0 },
  { kind: "nvme", key: 31000, bus: 0 },
  disk(2000, 1000, 1),
  disk(3000, 200, 0),
  disk(16000, 15000, 2),
  disk(31001, 31000, 0),
  { kind: "cdrom", key: 16001, controllerKey: 15000, unit: 1 },
);
const uuids = new Map([2000, 3000, 16000, 31001].map((key) => [key, UUID]));
const WWN = "0x5000c29293a4b5c6".replace("293a4b5c6", UUID.slice(-9));

/** As QEMU 7.2 prints it. */
const QTREE = `bus: main-system-bus
  bus: pci.0
      dev: ich9-ahci, id "dev15000"
        bus: dev15000.2
          type IDE
          dev: ide-hd, id "dev16000"
            wwn = 1 (${WWN})
            serial = "${UUID.slice(-20)}"
            model = "VMware Virtual SATA Hard Drive"
            unit = 0 (0x0)
        bus: dev15000.1
          dev: ide-cd, id "dev16001"
            wwn = 0 (0x0)
            serial = "QM00007"
            model = "VMware Virtual SATA CDRW Drive"
            unit = 0 (0x0)
      dev: nvme, id "dev31000"
        serial = "VMware NVME_0000"
        bus: dev31000
          dev: nvme-ns, id "dev31001"
            nsid = 1 (0x1)
            uuid = "6000c29a-1b2c-3d4e-5f60-718293a4b5c6"
            eui64 = 0 (0x0)
      dev: pvscsi, id "dev1000"
        bus: dev1000.0
          dev: scsi-hd, id "dev2000"
            serial = "${UUID}"
            vendor = "VMware"
            product = "Virtual disk"
            device_id = "${UUID}"
            wwn = 1 (${WWN})
            channel = 0 (0x0)
            scsi-id = 1 (0x1)
            lun = 0 (0x0)
      dev: piix3-ide, id ""
        bus: ide.0
          dev: ide-hd, id "dev3000"
            wwn = 1 (${WWN})
            serial = "${UUID.slice(-20)}"
            model = "VMware Virtual IDE Hard Drive"
            unit = 0 (0x0)
`;

test("drives that answer as configured are the same, on every controller", () => {
  const { same, missing, surplus } = compareInventory(machine, uuids, QTREE);
  expect([missing, surplus]).toEqual([[], []]);
  expect(same).toHaveLength(5);
});

test.each<[string, (qtree: string) => string, RegExp]>([
  ["a path of the host in its serial number", (text) => text.replace(`serial = "${UUID}"`, 'serial = "/vmfs/volumes/d/v.vmdk"'), /vmfs/],
  ["another VM's number by which it is told from others", (text) => text.replace(`device_id = "${UUID}"`, 'device_id = "other"'), /other/],
  ["a WWN that is not its own", (text) => text.replaceAll(WWN, "0x50014ee000000001"), /0x50014ee000000001/],
  ["another LUN", (text) => text.replace("lun = 0 (0x0)", "lun = 3 (0x3)"), /LUN 3/],
  ["QEMU's name in place of VMware's", (text) => text.replace('vendor = "VMware"', 'vendor = "QEMU"'), /"QEMU Virtual disk"/],
  [
    "a device of the host passed on beside it",
    (text) =>
      text.replace(
        "      dev: piix3-ide",
        '          dev: scsi-block, id ""\n            scsi-id = 5 (0x5)\n            lun = 7 (0x7)\n      dev: piix3-ide',
      ),
    /target 5, LUN 7/,
  ],
])("a drive with %s is told", (_, change, told) => {
  expect(compareInventory(machine, uuids, change(QTREE)).surplus.join("\n")).toMatch(told);
});

test("a drive that is not there is told", () => {
  expect(compareInventory(machine, uuids, "").missing).toHaveLength(5);
});
