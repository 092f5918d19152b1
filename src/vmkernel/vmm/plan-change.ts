/**
 * What makes a running machine another one, step by step, or why that cannot be. Pure; `change-monitor.ts` carries it out.
 * Devices go before others come, so that one can take another's place; memory and processors come last, for no guest gives them back.
 * Source: QEMU 7.2: what the pc board, its buses and its device models let go and take while they run.
 */
import { isDeepStrictEqual } from "node:util";
import { assertNever, type Fault } from "../../base/index.ts";
import { fault } from "../../wire/index.ts";
import type { Device, DeviceSpec, MachineSpec } from "../machine.ts";
import { labelOf, MEMORY_MODULE_STEP_MIB } from "./check-machine.ts";
import type { Nic } from "./nic-ports.ts";
import { MEMORY_MODULES_MAX } from "./parse-machine.ts";

/** A drive whose medium can be changed. */
export type Drive = Device<"cdrom" | "floppy">;

export type Disk = Device<"disk">;

export type ChangeStep =
  | { readonly kind: "removeDevice"; readonly device: DeviceSpec }
  | { readonly kind: "addDevice"; readonly device: DeviceSpec }
  | { readonly kind: "changeMedium"; readonly from: Drive; readonly to: Drive }
  /** Its cable in or out, its port group, its firewall. */
  | { readonly kind: "setLink"; readonly from: Nic; readonly to: Nic }
  /** How much a disk may do. */
  | { readonly kind: "setIoLimit"; readonly from: Disk; readonly to: Disk }
  /** The module `index` of those that were added. */
  | { readonly kind: "addMemory"; readonly index: number; readonly sizeMiB: number }
  | { readonly kind: "addVcpus"; readonly from: number; readonly to: number };

export type Refusal =
  | { readonly kind: "device"; readonly device: DeviceSpec; readonly operation: "add" | "remove" | "edit"; readonly because: string }
  | { readonly kind: "vcpus" | "memory"; readonly because: string }
  /** Only a VM that is off can change it. */
  | { readonly kind: "fixed"; readonly property: string };

export type MachineChange =
  | { readonly kind: "steps"; readonly steps: readonly ChangeStep[] }
  | { readonly kind: "refused"; readonly refusal: Refusal };

/**
 * @param current what runs
 * @param wanted a machine that could be started. Its name, its boot order and how long it waits are of the next power-on, and change without a step.
 */
export function planMachineChange(current: MachineSpec, wanted: MachineSpec): MachineChange {
  const refusal = refuseFixed(current, wanted) ?? refuseVcpus(current, wanted) ?? refuseMemory(current, wanted);
  if (refusal !== undefined) return { kind: "refused", refusal };
  const devices = planDeviceSteps(current, wanted);
  if (devices.kind === "refused") return devices;
  return { kind: "steps", steps: [...devices.steps, ...planMemorySteps(current, wanted), ...planVcpuSteps(current, wanted)] };
}

/** The step that takes another back; undefined where the guest has it for good. */
export function inverseOf(step: ChangeStep): ChangeStep | undefined {
  switch (step.kind) {
    case "removeDevice":
      return { kind: "addDevice", device: step.device };
    case "addDevice":
      return { kind: "removeDevice", device: step.device };
    case "changeMedium":
    case "setLink":
    case "setIoLimit":
      return { ...step, from: step.to, to: step.from } as ChangeStep;
    case "addMemory":
    case "addVcpus":
      return undefined;
    default:
      return assertNever(step);
  }
}

/** Where the device of a refusal stands in the list that named it; 0 when it is not about a device. */
export function indexOfDevice(refusal: Refusal, current: MachineSpec, wanted: MachineSpec): number {
  if (refusal.kind !== "device") return 0;
  const { devices } = refusal.operation === "remove" ? current : wanted;
  return Math.max(
    0,
    devices.findIndex(({ key }) => key === refusal.device.key),
  );
}

/** The devices that a running machine has without their cable, medium or file. */
export function disconnectedIn({ devices }: MachineSpec): number[] {
  return devices.flatMap((device) => (isConnected(device) ? [] : [device.key]));
}

function isConnected(device: DeviceSpec): boolean {
  switch (device.kind) {
    case "nic":
      return device.connected === true;
    case "cdrom":
    case "floppy":
      return device.image !== undefined;
    case "serial":
      return device.file !== undefined || device.wire !== undefined;
    default:
      return true; // nothing to plug in or take out
  }
}

/** @param deviceIndex of the device among those that the asker listed */
export function refusalFault(refusal: Refusal, { name }: Pick<MachineSpec, "name">, deviceIndex: number): Fault {
  switch (refusal.kind) {
    case "device": {
      const { device, operation, because } = refusal;
      const message = `Invalid operation for device '${deviceIndex}'. The device ${labelOf(device)} of ${name} ${because}.`;
      return fault("InvalidDeviceOperation", message, { deviceIndex, property: "virtualDeviceSpec.operation", badOp: operation });
    }
    case "vcpus":
      return fault("CpuHotPlugNotSupported", `The virtual CPUs of ${name} cannot change while it is powered on: ${refusal.because}.`, {});
    case "memory":
      return fault("MemoryHotPlugNotSupported", `The memory of ${name} cannot change while it is powered on: ${refusal.because}.`, {});
    case "fixed": {
      const message = `The attempted operation cannot be performed in the current state (Powered on): ${refusal.property} of ${name} can change only while it is powered off.`;
      return fault("InvalidPowerState", message, { requestedState: "poweredOff", existingState: "poweredOn" });
    }
    default:
      return assertNever(refusal);
  }
}

const FIXED = [
  "vm",
  "home",
  "biosUuid",
  "instanceUuid",
  "firmware",
  "coresPerSocket",
  "vcpusMax",
  "cpuMask",
] as const satisfies readonly (keyof MachineSpec)[];

function refuseFixed(current: MachineSpec, wanted: MachineSpec): Refusal | undefined {
  const property = FIXED.find((candidate) => !isDeepStrictEqual(current[candidate], wanted[candidate]));
  if (property !== undefined) return { kind: "fixed", property };
  return current.memoryHotAdd?.maxMiB === wanted.memoryHotAdd?.maxMiB ? undefined : { kind: "fixed", property: "memoryHotAdd" };
}

function refuseVcpus(current: MachineSpec, wanted: MachineSpec): Refusal | undefined {
  if (wanted.vcpus === current.vcpus) return undefined;
  if (current.vcpusMax === undefined) return { kind: "vcpus", because: "CPU hot add was not enabled when it was powered on" };
  if (wanted.vcpus < current.vcpus) return { kind: "vcpus", because: `it has ${current.vcpus}, and none can be taken from it` };
  if (wanted.vcpus <= current.vcpusMax) return undefined;
  return { kind: "vcpus", because: `it was powered on with room for ${current.vcpusMax}, not for ${wanted.vcpus}` };
}

function refuseMemory(current: MachineSpec, wanted: MachineSpec): Refusal | undefined {
  const room = current.memoryHotAdd;
  const refuse = (because: string): Refusal => ({ kind: "memory", because });
  if (room === undefined)
    return wanted.memoryMiB === current.memoryMiB ? undefined : refuse("memory hot add was not enabled when it was powered on");
  if (wanted.memoryMiB < current.memoryMiB) return refuse(`it has ${current.memoryMiB} MB, and none can be taken from it`);
  if (wanted.memoryMiB > room.maxMiB) return refuse(`it was powered on with room for ${room.maxMiB} MB, not for ${wanted.memoryMiB} MB`);
  const all = wanted.memoryHotAdd?.addedMiB ?? [];
  const added = all.slice(room.addedMiB.length);
  if (all.length > MEMORY_MODULES_MAX) return refuse(`it has got memory ${MEMORY_MODULES_MAX} times`);
  if (added.some((sizeMiB) => sizeMiB % MEMORY_MODULE_STEP_MIB !== 0))
    return refuse(`memory comes in steps of ${MEMORY_MODULE_STEP_MIB} MB, not of ${added.join(" and ")} MB`);
  const isContinued = isDeepStrictEqual(all.slice(0, room.addedMiB.length), room.addedMiB);
  const sumMiB = added.reduce((sum, sizeMiB) => sum + sizeMiB, current.memoryMiB);
  return isContinued && sumMiB === wanted.memoryMiB ? undefined : refuse("its modules would be others");
}

function planMemorySteps({ memoryHotAdd }: MachineSpec, wanted: MachineSpec): ChangeStep[] {
  const first = memoryHotAdd?.addedMiB.length ?? 0;
  const added = wanted.memoryHotAdd?.addedMiB.slice(first) ?? [];
  return added.map((sizeMiB, index) => ({ kind: "addMemory", index: first + index, sizeMiB }));
}

function planVcpuSteps({ vcpus: from }: MachineSpec, { vcpus: to }: MachineSpec): ChangeStep[] {
  return from === to ? [] : [{ kind: "addVcpus", from, to }];
}

function planDeviceSteps(current: MachineSpec, wanted: MachineSpec): MachineChange {
  const before = new Map(current.devices.map((device) => [device.key, device]));
  const after = new Map(wanted.devices.map((device) => [device.key, device]));
  const gone: DeviceSpec[] = [];
  const come: DeviceSpec[] = [];
  const inPlace: ChangeStep[] = [];
  for (const device of current.devices) if (!after.has(device.key)) gone.push(device);
  for (const to of wanted.devices) {
    const from = before.get(to.key);
    if (from !== undefined && forgets(from) !== forgets(to)) return { kind: "refused", refusal: refuseMode(to) };
    const step = from === undefined ? undefined : planInPlace(from, to);
    if (from === undefined) come.push(to);
    else if (step === undefined) {
      gone.push(from);
      come.push(to);
    } else inPlace.push(...step);
  }
  const refusal = refuseDevices(gone, current, keysOf(come), "remove") ?? refuseDevices(come, wanted, keysOf(gone), "add");
  if (refusal !== undefined) return { kind: "refused", refusal };
  return {
    kind: "steps",
    steps: [
      ...gone.toSorted((one, other) => rankOf(other) - rankOf(one)).map((device) => ({ kind: "removeDevice", device }) as const),
      ...come.toSorted((one, other) => rankOf(one) - rankOf(other)).map((device) => ({ kind: "addDevice", device }) as const),
      ...inPlace,
    ],
  };
}

/** What a guest has written so far would be there, or gone, while it runs. */
const forgets = (device: DeviceSpec): boolean => device.kind === "disk" && device.mode === "independent_nonpersistent";

function refuseMode(device: DeviceSpec): Refusal {
  const because = "cannot begin or cease to be independent_nonpersistent while the VM is powered on";
  return { kind: "device", device, operation: "edit", because };
}

function keysOf(devices: readonly DeviceSpec[]): ReadonlySet<number> {
  return new Set(devices.map(({ key }) => key));
}

/** What hangs on a controller comes after it and goes before it. */
function rankOf({ kind }: DeviceSpec): number {
  return kind === "disk" || kind === "cdrom" ? 1 : 0;
}

/** How a device becomes the other without going; undefined when it can't. */
function planInPlace(from: DeviceSpec, to: DeviceSpec): ChangeStep[] | undefined {
  if (isDeepStrictEqual(from, to)) return [];
  if (from.kind === "cdrom" && to.kind === "cdrom")
    return from.controllerKey === to.controllerKey && from.unit === to.unit ? [{ kind: "changeMedium", from, to }] : undefined;
  if (from.kind === "floppy" && to.kind === "floppy") return from.unit === to.unit ? [{ kind: "changeMedium", from, to }] : undefined;
  if (from.kind === "nic" && to.kind === "nic") return isSameAdapter(from, to) ? [{ kind: "setLink", from, to }] : undefined;
  // The mode says what a snapshot does with the disk, and its shares are vmkernel's to keep: to the monitor they are the same.
  if (from.kind === "disk" && to.kind === "disk") {
    if (!isDeepStrictEqual(unweighed(from), unweighed(to))) return undefined;
    return from.iopsMax === to.iopsMax ? [] : [{ kind: "setIoLimit", from, to }];
  }
  return undefined;
}

/** A disk apart from what it may do. */
function unweighed({ iopsMax: _limit, ioShares: _shares, mode: _mode, ...disk }: Disk): object {
  return disk;
}

/** Its cable goes elsewhere, in or out; also from nowhere, and to there. */
function isSameAdapter(from: Nic, to: Nic): boolean {
  return from.model === to.model && from.mac === to.mac;
}

/** @param replaced keys of devices that one of the same key takes the place of: for those the client has changed what cannot be */
function refuseDevices(
  devices: readonly DeviceSpec[],
  machine: MachineSpec,
  replaced: ReadonlySet<number>,
  operation: "add" | "remove",
): Refusal | undefined {
  for (const device of devices) {
    const because = reasonAgainst(device, machine);
    if (because === undefined) continue;
    return { kind: "device", device, operation: replaced.has(device.key) ? "edit" : operation, because };
  }
  return undefined;
}

/** Why a device can neither come nor go while its machine runs. */
function reasonAgainst(device: DeviceSpec, machine: MachineSpec): string | undefined {
  switch (device.kind) {
    case "scsi":
    case "ahci":
    case "nvme":
    case "xhci":
    case "usb":
    case "nic":
      return undefined; // a function of its own on the PCI bus
    case "disk":
    case "cdrom": {
      const controller = machine.devices.find(({ key }) => key === device.controllerKey);
      if (controller?.kind === "scsi") return undefined;
      const bus = controller === undefined ? "its controller" : labelOf(controller);
      return `hangs on ${bus}: only a SCSI controller takes and gives devices while the VM is powered on`;
    }
    case "ide":
    case "floppy":
    case "video":
    case "serial":
    case "toolsChannel":
      return "is part of the board: it can change only while the VM is powered off";
    default:
      return assertNever(device);
  }
}
