import { expect, test } from "vitest";
import type { GuestVariable } from "../guest-variables.ts";
import type { MachineSpec } from "../machine.ts";
import { checkMachine } from "./check-machine.ts";
import { diskOn, everyDevice, fileOf, machineWith } from "./machine.fixture.ts";
import type { PlannedDisk } from "./plan-drives.ts";
import { type MonitorPlan, planMonitor, unkeptWishes } from "./plan-monitor.ts";

const host = { memoryMiB: 4096, logicalCpus: 8 };

function plan(
  machine: MachineSpec,
  accelerator: "kvm" | "tcg" = "tcg",
  guestVariables: readonly GuestVariable[] = [],
  ports: ReadonlySet<number> = new Set(),
): MonitorPlan {
  const disks = new Map(machine.devices.flatMap((device) => (device.kind === "disk" ? [[device.key, plannedDisk(device)] as const] : [])));
  return planMonitor({
    machine: checkMachine(machine, host),
    accelerator,
    disks,
    ports,
    guestVariables,
    seccomp: true,
    sharesMemory: false,
  });
}

function plannedDisk({ key, descriptor }: ReturnType<typeof diskOn>): PlannedDisk {
  const uuid = `6000c29${key.toString(16).padStart(25, "0")}`;
  return { uuid, descriptor, format: "raw", capacityBytes: key * 512, parents: [] };
}

test("a disk with parents is opened from its base on, each by its own descriptor, and what each lies on is named", () => {
  const device = diskOn(1000, 0);
  const layer = (name: string, format: "raw" | "qcow2") => ({ descriptor: fileOf(name), format, capacityBytes: 2 ** 30 });
  const parents = [layer("web-000001.vmdk", "qcow2"), layer("web.vmdk", "raw")];
  const disk: PlannedDisk = { ...layer("disk2000.vmdk", "qcow2"), uuid: "6000c29".padEnd(32, "0"), parents };
  const machine = checkMachine(machineWith([{ kind: "scsi", key: 1000, bus: 0, model: "pvscsi" }, device]), host);
  const whole = planMonitor({
    machine,
    accelerator: "tcg",
    disks: new Map([[2000, disk]]),
    ports: new Set(),
    guestVariables: [],
    seccomp: true,
    sharesMemory: false,
  });
  expect(lines(whole).filter((line) => line.startsWith("-blockdev"))).toMatchInlineSnapshot(`
    [
      "-blockdev driver=raw,node-name=drive2000-25579083,size=1073741824,read-only=on,file.driver=file,file.locking=off,file.filename=/dev/fdset/4",
      "-blockdev driver=qcow2,node-name=drive2000-f155e483,read-only=on,l2-cache-size=262144,l2-cache-entry-size=4096,file.driver=file,file.locking=off,file.filename=/dev/fdset/5,backing=drive2000-25579083",
      "-blockdev driver=qcow2,node-name=drive2000-24b8e919,l2-cache-size=262144,l2-cache-entry-size=4096,file.driver=file,file.locking=off,file.filename=/dev/fdset/6,backing=drive2000-f155e483",
    ]
  `);
  expect(whole.descriptors.slice(1)).toEqual([
    { kind: "parent", key: 2000, index: 1 },
    { kind: "parent", key: 2000, index: 0 },
    { kind: "disk", key: 2000 },
  ]);
});

test("on a kernel without seccomp QEMU is not asked for a filter that it could not have", () => {
  const { args } = planMonitor({
    machine: checkMachine(machineWith([]), host),
    accelerator: "tcg",
    disks: new Map(),
    ports: new Set(),
    guestVariables: [],
    seccomp: false,
    sharesMemory: false,
  });
  expect(args).not.toContain("-sandbox");
  expect(plan(machineWith([])).args).toContain("-sandbox");
});

/** An option and its value on one line, as people write them. */
function lines({ args }: MonitorPlan): string[] {
  return args.join(" ").split(/ (?=-[a-z])/);
}

test("the whole plan of a machine with one of everything", () => {
  const whole = plan(machineWith(everyDevice, { vcpus: 4, coresPerSocket: 2, bootOrder: [3002, 2000] }));
  expect({ ...whole, args: lines(whole) }).toMatchSnapshot();
});

test("the whole plan of a UEFI machine that is resumed under KVM", () => {
  const machine = machineWith([{ kind: "ahci", key: 15000, bus: 0 }, diskOn(15000, 0)], {
    firmware: { kind: "efi", nvram: fileOf("web.vars") },
    resumeFrom: fileOf("web.vmss"),
  });
  const whole = plan(machine, "kvm");
  expect({ ...whole, args: lines(whole) }).toMatchSnapshot();
});

test.each([
  ["all of the processor's features", [], "max"],
  [
    "all but some",
    [
      { feature: "nx", shown: false },
      { feature: "sse4.1", shown: false },
    ],
    "max,nx=off,sse4.1=off",
  ],
  ["one that it must have", [{ feature: "aes", shown: true }], "max,aes=on,enforce=on"],
])("a guest sees %s", (_, cpuMask, expected) => {
  expect(lines(plan(machineWith([], { cpuMask })))).toContain(`-cpu ${expected}`);
});

test("a machine that is to run sooner says so where nothing makes it", () => {
  const machine = machineWith([], { latency: "high" });
  expect(unkeptWishes(machine, { hasCpuCgroup: true })).toEqual([]);
  expect(unkeptWishes(machine, { hasCpuCgroup: false })).toEqual([expect.stringContaining("latency sensitivity of high")]);
  expect(unkeptWishes(machineWith([]), { hasCpuCgroup: false })).toEqual([]);
});

test.each([
  ["at once", {}, "menu=off,strict=on"],
  ["after a delay", { bootDelayMs: 5000 }, "menu=on,splash-time=5000,strict=on"],
  ["again and again", { bootRetryMs: 10_000 }, "menu=off,strict=on,reboot-timeout=10000"],
])("a machine boots %s", (_, waits, expected) => {
  expect(lines(plan(machineWith([], waits)))).toContain(`-boot ${expected}`);
});

test("a machine that was given memory, and is resumed, has room for more and its modules as they were", () => {
  const room = { vcpusMax: 4, coresPerSocket: 2, vcpus: 2, memoryMiB: 512, memoryHotAdd: { maxMiB: 1024, addedMiB: [128, 256] } };
  const found = lines(plan(machineWith([], room))).filter((line) => /^-(smp|m|object|device) /.test(line));
  expect(found).toEqual([
    "-object memory-backend-ram,id=stack-room,size=128M,merge=off,dump=off",
    "-smp cpus=2,maxcpus=4,sockets=2,cores=2,threads=1",
    "-m size=128M,slots=32,maxmem=1024M",
    "-object memory-backend-ram,id=memory0,size=128M,merge=off,dump=off",
    "-device pc-dimm,id=dimm0,memdev=memory0",
    "-object memory-backend-ram,id=memory1,size=256M,merge=off,dump=off",
    "-device pc-dimm,id=dimm1,memdev=memory1",
  ]);
});

test("each descriptor that an argument names is inherited, and each that is inherited is named", () => {
  const { args, descriptors } = plan(machineWith(everyDevice, { firmware: { kind: "efi", nvram: fileOf("v") }, resumeFrom: fileOf("m") }));
  const named = args.flatMap((argument) => [...argument.matchAll(/(?:^|,)fd[=:](\d+)/g)].map((match) => Number(match[1])));
  expect(named.sort((a, b) => a - b)).toEqual(descriptors.map((_, index) => index + 3));
});

test("the order in which devices are listed changes nothing", () => {
  expect(plan(machineWith([...everyDevice].reverse()))).toEqual(plan(machineWith(everyDevice)));
});

test("a device that is taken away moves no other on the bus", () => {
  const places = (machine: MachineSpec) => lines(plan(machine)).filter((line) => line.includes("addr="));
  const without = everyDevice.filter(({ key }) => key !== 4000 && key !== 500);
  expect(places(machineWith(without))).toEqual(places(machineWith(everyDevice)).filter((line) => !/id=dev(4000|500),/.test(line)));
});

test("no argument carries text of a client", () => {
  const machine = machineWith(everyDevice, { name: "x,exec=/bin/sh", home: { datastore: "datastore1", path: "evil,file=/etc/shadow" } });
  const args = plan(machine, "tcg", [{ key: "userdata", value: "evil" }]).args.join(" ");
  expect(args).not.toMatch(/exec|evil|shadow/);
  expect(args).toContain("guestinfo.userdata");
});

test("a NIC that is plugged in has the tap of its port, and one that is not leads nowhere", () => {
  const whole = plan(machineWith(everyDevice), "tcg", [], new Set([4001]));
  const nics = lines(whole).filter((line) => /netdev|dev400\d/.test(line));
  expect(nics).toEqual([
    "-device vmxnet3,id=dev4000,bus=pci.0,addr=11,romfile=,mac=00:0c:29:00:00:01",
    "-netdev tap,id=net4001,fd=4,vhost=off",
    "-device e1000,id=dev4001,bus=pci.0,addr=12,netdev=net4001,romfile=,mac=00:0c:29:00:00:02",
    "-device e1000e,id=dev4002,bus=pci.0,addr=13,romfile=,mac=00:0c:29:00:00:03",
  ]);
  expect(whole.descriptors[4 - 3]).toEqual({ kind: "tap", key: 4001 });
});

test("a hyperthread is never shown", () => {
  const { args } = plan(machineWith(everyDevice, { vcpus: 4, coresPerSocket: 4 }));
  expect(args).toContain("cpus=4,sockets=1,cores=4,threads=1");
});

test("devices that the boot order leaves out follow it: disks, then CD drives", () => {
  const devices = everyDevice.filter(({ kind }) => kind !== "floppy");
  const indexes = plan(machineWith(devices, { bootOrder: [4000, 3002] })).args.flatMap((argument) => {
    const match = /id=dev(\d+).*bootindex=(\d+)/.exec(argument);
    return match === null ? [] : [[Number(match[2]), Number(match[1])] as const];
  });
  const order = indexes.sort(([a], [b]) => a - b).map(([, key]) => key);
  expect(order).toEqual([3002, 2000, 2016, 2032, 3000, 16000, 32000, 2001, 16001]);
});
