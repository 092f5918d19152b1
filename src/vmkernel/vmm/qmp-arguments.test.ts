import { expect, test } from "vitest";
import { checkMachine } from "./check-machine.ts";
import { everyDevice, fileOf, machineWith } from "./machine.fixture.ts";
import { planMonitor } from "./plan-monitor.ts";
import { qmpArguments } from "./qmp-arguments.ts";

test.each<[string, "driver" | "qom-type" | "type" | undefined, object]>([
  [
    "scsi-hd,id=dev1,bus=dev1000.0,scsi-id=1,lun=0,product=Virtual disk",
    "driver",
    { driver: "scsi-hd", id: "dev1", bus: "dev1000.0", "scsi-id": 1, lun: 0, product: "Virtual disk" },
  ],
  [
    "driver=raw,node-name=n,read-only=on,file.driver=file,file.filename=/dev/fdset/4",
    undefined,
    { driver: "raw", "node-name": "n", "read-only": true, file: { driver: "file", filename: "/dev/fdset/4" } },
  ],
  [
    "memory-backend-ram,id=memory0,size=128M,merge=off",
    "qom-type",
    { "qom-type": "memory-backend-ram", id: "memory0", size: 134_217_728, merge: false },
  ],
  ["vmxnet3,romfile=,addr=11,mac=00:0c:29:00:00:01", "driver", { driver: "vmxnet3", romfile: "", addr: "11", mac: "00:0c:29:00:00:01" }],
  ["tap,id=net4000,fd=7,vhost=off", "type", { type: "tap", id: "net4000", fd: "7", vhost: false }],
  ["x,name=VMware,, Inc.,size=512", "driver", { driver: "x", name: "VMware, Inc.", size: 512 }],
])("%s", (option, implied, wanted) => {
  expect(qmpArguments(option, implied)).toEqual(wanted);
});

test("no option of any device that can be there is lost on the way", () => {
  const disks = new Map(
    everyDevice.map(({ key }) => [
      key,
      { uuid: "6000c29".padEnd(32, "0"), descriptor: fileOf(`${key}.vmdk`), format: "raw" as const, capacityBytes: 1024, parents: [] },
    ]),
  );
  const { args } = planMonitor({
    machine: checkMachine(machineWith(everyDevice), { memoryMiB: 4096, logicalCpus: 8 }),
    accelerator: "tcg",
    disks,
    ports: new Set([4000]),
    guestVariables: [],
    seccomp: true,
    sharesMemory: false,
  });
  const devices = args.filter((_, index) => args[index - 1] === "-device");
  for (const device of devices) {
    const words = Object.entries(qmpArguments(device, "driver")).map(([name, value]) => (name === "driver" ? value : `${name}=${value}`));
    expect(words.join(",")).toBe(device);
  }
});
