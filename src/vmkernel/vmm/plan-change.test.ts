import fc from "fast-check";
import { expect, test } from "vitest";
import type { DeviceSpec, MachineSpec } from "../machine.ts";
import { diskOn, everyDevice, fileOf, machineWith } from "./machine.fixture.ts";
import { type ChangeStep, disconnectedIn, indexOfDevice, inverseOf, planMachineChange, refusalFault } from "./plan-change.ts";

const room: Partial<MachineSpec> = { vcpusMax: 4, memoryHotAdd: { maxMiB: 1024, addedMiB: [] } };
const whole = machineWith(everyDevice, room);

function describe(step: ChangeStep): string {
  switch (step.kind) {
    case "removeDevice":
    case "addDevice":
      return `${step.kind} ${step.device.kind} ${step.device.key}`;
    case "changeMedium":
      return `changeMedium ${step.to.key} ${step.from.image?.path} → ${step.to.image?.path}`;
    case "setLink":
      return `setLink ${step.to.key} ${step.to.connected === true}`;
    case "setIoLimit":
      return `setIoLimit ${step.to.key} ${step.to.iopsMax}`;
    case "addMemory":
      return `addMemory ${step.index} ${step.sizeMiB}`;
    case "addVcpus":
      return `addVcpus ${step.from} → ${step.to}`;
  }
}

function stepsTo(wanted: MachineSpec, current = whole): string[] {
  const plan = planMachineChange(current, wanted);
  if (plan.kind === "refused") throw refusalFault(plan.refusal, current, indexOfDevice(plan.refusal, current, wanted));
  return plan.steps.map(describe);
}

const without = (...keys: readonly number[]) => everyDevice.filter(({ key }) => !keys.includes(key));
const machine = (devices: readonly DeviceSpec[], changes: Partial<MachineSpec> = {}) => machineWith(devices, { ...room, ...changes });

test("the same machine takes no step, whatever it is called and boots from next time", () => {
  expect(stepsTo(machine([...everyDevice].reverse(), { name: "other", bootOrder: [2000], resumeFrom: fileOf("m") }))).toEqual([]);
});

test("devices go before others come, each after what hangs on it and before what it hangs on; the guest's memory is last", () => {
  const added: readonly DeviceSpec[] = [
    diskOn(1003, 1, 2049),
    { kind: "scsi", key: 1003, bus: 3, model: "pvscsi" },
    { kind: "nic", key: 4005, model: "vmxnet3", mac: "00:0c:29:00:00:06" },
    { kind: "floppy", key: 8000, unit: 0 },
    { kind: "nic", key: 4000, model: "vmxnet3", mac: "00:0c:29:00:00:01", connected: true },
  ];
  const kept = without(1001, 2016, 14000, 8000, 4000, 4001);
  const wanted = machine([...kept, ...added], { memoryMiB: 384, memoryHotAdd: { maxMiB: 1024, addedMiB: [128, 128] }, vcpus: 3 });
  expect(stepsTo(wanted)).toEqual([
    "removeDevice disk 2016",
    "removeDevice scsi 1001",
    "removeDevice xhci 14000",
    "removeDevice nic 4001",
    "addDevice scsi 1003",
    "addDevice nic 4005",
    "addDevice disk 2049",
    "changeMedium 8000 web/drivers.flp → undefined",
    "setLink 4000 true",
    "addMemory 0 128",
    "addMemory 1 128",
    "addVcpus 1 → 3",
  ]);
});

test("a disk that takes another's place comes after that one has gone", () => {
  const other = { ...diskOn(1000, 0, 2000), descriptor: fileOf("other.vmdk") };
  expect(stepsTo(machine([...without(2000), other]))).toEqual(["removeDevice disk 2000", "addDevice disk 2000"]);
});

test("a cable goes to another port group, from nowhere and to nowhere, while its NIC stays", () => {
  const nic = (plug: object) => [{ kind: "nic", key: 4000, model: "vmxnet3", mac: "00:0c:29:00:00:01", ...plug } as const];
  const from = machineWith(nic({ network: "A" }));
  expect(stepsTo(machineWith(nic({ network: "B" })), from)).toEqual(["setLink 4000 false"]);
  expect(stepsTo(machineWith(nic({ network: "A", firewall: { rules: [], otherwise: "deny" } })), from)).toEqual(["setLink 4000 false"]);
  expect(stepsTo(machineWith(nic({})), from)).toEqual(["setLink 4000 false"]);
  expect(stepsTo(from, machineWith(nic({})))).toEqual(["setLink 4000 false"]);
  expect(stepsTo(machineWith(nic({ network: "A", model: "e1000" })), from)).toEqual(["removeDevice nic 4000", "addDevice nic 4000"]);
});

test("a disk's shares, and whether it is part of snapshots, are of no concern to the monitor", () => {
  expect(stepsTo(machine([...without(2000), { ...diskOn(1000, 0, 2000), ioShares: 2000 }]))).toEqual([]);
  expect(stepsTo(machine([...without(2000), { ...diskOn(1000, 0, 2000), mode: "independent_persistent" }]))).toEqual([]);
});

test("how much a disk may do changes while the guest has it, and can be changed back", () => {
  const of = (limit: object) => machine([...without(2000), { ...diskOn(1000, 0, 2000), ...limit }]);
  expect(stepsTo(of({ iopsMax: 100 }))).toEqual(["setIoLimit 2000 100"]);
  expect(stepsTo(of({}), of({ iopsMax: 100 }))).toEqual(["setIoLimit 2000 undefined"]);
  expect(stepsTo(of({ iopsMax: 50, mode: "independent_persistent" }), of({ iopsMax: 100 }))).toEqual(["setIoLimit 2000 50"]);
});

test("a disk neither begins to forget what is written to it, nor ceases to, while its guest writes", () => {
  const forgetful = machine([...without(2000), { ...diskOn(1000, 0, 2000), mode: "independent_nonpersistent" }]);
  for (const [from, to] of [
    [machine(everyDevice), forgetful],
    [forgetful, machine(everyDevice)],
  ] as const)
    expect(planMachineChange(from, to)).toMatchObject({ kind: "refused", refusal: { operation: "edit", device: { key: 2000 } } });
});

const property = "virtualDeviceSpec.operation";
test.each<[string, MachineSpec, string, object]>([
  ["another UUID", machine(everyDevice, { biosUuid: "564d1f2e-3c4b-5a69-7887-a1b2c3d4e5f7" }), "InvalidPowerState", {}],
  ["another firmware", machine(everyDevice, { firmware: { kind: "efi", nvram: fileOf("v") } }), "InvalidPowerState", {}],
  ["another folder", machine(everyDevice, { home: fileOf("x") }), "InvalidPowerState", {}],
  ["other cores a socket", machine(everyDevice, { vcpus: 2, coresPerSocket: 2 }), "InvalidPowerState", {}],
  ["room for more processors", machine(everyDevice, { vcpusMax: 8 }), "InvalidPowerState", {}],
  ["room for more memory", machine(everyDevice, { memoryHotAdd: { maxMiB: 2048, addedMiB: [] } }), "InvalidPowerState", {}],
  ["more processors than there is room for", machine(everyDevice, { vcpus: 5 }), "CpuHotPlugNotSupported", {}],
  ["less memory", machine(everyDevice, { memoryMiB: 64 }), "MemoryHotPlugNotSupported", {}],
  [
    "more memory than there is room for",
    machine(everyDevice, { memoryMiB: 1152, memoryHotAdd: { maxMiB: 1024, addedMiB: [1024] } }),
    "MemoryHotPlugNotSupported",
    {},
  ],
  [
    "memory in odd steps",
    machine(everyDevice, { memoryMiB: 192, memoryHotAdd: { maxMiB: 1024, addedMiB: [64] } }),
    "MemoryHotPlugNotSupported",
    {},
  ],
  [
    "memory that its modules do not add up to",
    machine(everyDevice, { memoryMiB: 384, memoryHotAdd: { maxMiB: 1024, addedMiB: [128] } }),
    "MemoryHotPlugNotSupported",
    {},
  ],
  [
    "a disk on an IDE channel",
    machine([...everyDevice, diskOn(201, 1, 3003)]),
    "InvalidDeviceOperation",
    { badOp: "add", deviceIndex: everyDevice.length, property },
  ],
  [
    "no disk on an AHCI controller",
    machine(without(16000)),
    "InvalidDeviceOperation",
    { badOp: "remove", deviceIndex: everyDevice.findIndex(({ key }) => key === 16000), property },
  ],
  ["no disk on an NVMe controller", machine(without(32000)), "InvalidDeviceOperation", { badOp: "remove" }],
  ["no CD drive on an IDE channel", machine(without(3002)), "InvalidDeviceOperation", { badOp: "remove" }],
  ["no floppy drive", machine(without(8001)), "InvalidDeviceOperation", { badOp: "remove" }],
  ["no serial port", machine(without(9001)), "InvalidDeviceOperation", { badOp: "remove" }],
  ["no tools channel", machine(without(12000)), "InvalidDeviceOperation", { badOp: "remove" }],
  [
    "more video memory",
    machine([...without(500), { kind: "video", key: 500, vramKiB: 8192 }]),
    "InvalidDeviceOperation",
    { badOp: "edit" },
  ],
  [
    "a serial port elsewhere",
    machine([...without(9001), { kind: "serial", key: 9001, unit: 1, file: fileOf("x.log") }]),
    "InvalidDeviceOperation",
    { badOp: "edit" },
  ],
])("a running VM cannot get %s, and the fault says so by name", (_, wanted, name, fields) => {
  expect(() => stepsTo(wanted)).toThrow(expect.objectContaining({ fault: name, fields: expect.objectContaining(fields) }));
});

test("without hot add enabled at power-on, neither processors nor memory can be added", () => {
  const plain = machineWith([]);
  expect(() => stepsTo(machineWith([], { vcpus: 2 }), plain)).toThrow(expect.objectContaining({ fault: "CpuHotPlugNotSupported" }));
  expect(() => stepsTo(machineWith([], { memoryMiB: 256 }), plain)).toThrow(
    expect.objectContaining({ fault: "MemoryHotPlugNotSupported" }),
  );
});

test("a change taken back step by step leads to where it began", () => {
  const hot = everyDevice.filter(({ key }) => [1001, 2016, 14000, 4000, 4001, 31000].includes(key) && key !== 31000);
  const subset = fc.subarray(hot.map(({ key }) => key)).filter((gone) => !gone.includes(1001) || gone.includes(2016));
  fc.assert(
    fc.property(subset, subset, (one, other) => {
      const [from, to] = [machine(without(...one)), machine(without(...other))];
      const plan = planMachineChange(from, to);
      const back = planMachineChange(to, from);
      if (plan.kind === "refused" || back.kind === "refused") throw new Error("refused");
      const undone = plan.steps.map((step) => inverseOf(step) ?? step).map(describe);
      expect(undone.sort()).toEqual(back.steps.map(describe).sort());
    }),
  );
});

test("what is not connected is what has no cable, medium or file", () => {
  expect(disconnectedIn(whole)).toEqual([4000, 4001, 4002, 16001, 2001, 8001, 9001]);
});
