/**
 * What a reconfiguration of a running VM asks of its monitor: the machine that it is to become. Pure.
 * What only a VM that is off can change is refused by the schema's own faults, before anything has happened.
 * Source: vim25 VirtualMachineConfigSpec (which properties want a VM that is off), VirtualDeviceConnectInfo, InvalidDeviceOperation,
 * CpuHotPlugNotSupported, MemoryHotPlugNotSupported.
 */
import { type Fault, formatDatastorePath } from "../../base/index.ts";
import { type DeviceSpec, type MachineSpec, planMachineChange, type Refusal, refusalFault, refuseGrowth } from "../../vmkernel/index.ts";
import { fault, readVmx, type VirtualDevice, type VirtualDeviceConfigSpec, type Vmx } from "../../wire/index.ts";
import { type MachineQuestion, machineSpecOf } from "./machine-spec.ts";
import type { ConfigPlan } from "./plan-config.ts";

export interface HotQuestion extends Omit<MachineQuestion, "resumeFrom" | "isConnected"> {
  /** What runs. */
  readonly before: MachineSpec;
  /** The configuration that it has, and the one that it is to have. */
  readonly vmx: Vmx;
  readonly plan: Pick<ConfigPlan, "vmx" | "keyOfChange" | "disksToExtend">;
  /** The VM's devices as they are now. */
  readonly devices: readonly VirtualDevice[];
  readonly changes: readonly VirtualDeviceConfigSpec[];
}

type Disk = Extract<DeviceSpec, { kind: "disk" }>;

/** Keys that only a VM that is off can change, whether or not its monitor knows them; with what goes without saying. */
const OFF_ONLY: readonly { readonly key: string; readonly otherwise: string }[] = [
  { key: "virtualHW.version", otherwise: "" },
  { key: "guestOS", otherwise: "" },
  { key: "vc.uuid", otherwise: "" },
  { key: "uuid.bios", otherwise: "" },
  { key: "sched.cpu.htsharing", otherwise: "any" },
  { key: "cpuid.coresPerSocket", otherwise: "1" },
  { key: "vcpu.hotadd", otherwise: "FALSE" },
  { key: "vcpu.hotremove", otherwise: "FALSE" },
  { key: "mem.hotadd", otherwise: "FALSE" },
  { key: "vhv.enable", otherwise: "FALSE" },
  { key: "vpmc.enable", otherwise: "FALSE" },
];

/** @throws {Fault} InvalidPowerState, InvalidDeviceOperation, CpuHotPlugNotSupported, MemoryHotPlugNotSupported … */
export function planHotChange(question: HotQuestion): MachineSpec {
  const { before, vmx, plan, changes } = question;
  refuseOffOnly(vmx, plan.vmx);
  for (const { descriptor } of plan.disksToExtend) refuseGrowing(question, formatDatastorePath(descriptor));
  const wanted = wantedMachine(question);
  const change = planMachineChange(before, wanted);
  if (change.kind === "refused")
    throw refusalFault(change.refusal, wanted, indexOf(change.refusal.kind === "device" ? change.refusal : undefined, question));
  // One that is only edited stays: to put another in its place, a client takes it out and adds the other.
  for (const step of change.steps) {
    const index = changes.findIndex(
      ({ operation }, at) => operation === "edit" && step.kind === "addDevice" && plan.keyOfChange.get(at) === step.device.key,
    );
    if (index < 0 || step.kind !== "addDevice") continue;
    const because = "cannot become that while the VM is powered on";
    throw refusalFault({ kind: "device", device: step.device, operation: "edit", because }, wanted, index);
  }
  return wanted;
}

/** @throws {Fault} InvalidState, InvalidDeviceOperation */
function refuseGrowing({ before, plan, devices, changes }: HotQuestion, file: string): void {
  const disk = before.devices.find((device): device is Disk => device.kind === "disk" && formatDatastorePath(device.descriptor) === file);
  if (disk === undefined) throw offOnly(`the size of ${file}, which it does not have,`);
  const known = devices.find(({ key }) => key === disk.key)?.backing as { parent?: object } | undefined;
  const index = changes.findIndex((_, at) => plan.keyOfChange.get(at) === disk.key);
  const refusal = refuseGrowth({ machine: before, disk, hasParent: known?.parent !== undefined }, Math.max(0, index));
  if (refusal !== undefined) throw refusal;
}

function refuseOffOnly(before: Vmx, after: Vmx): void {
  const writtenIn = (vmx: Vmx, { key, otherwise }: (typeof OFF_ONLY)[number]) => (readVmx(vmx, key) ?? otherwise).toLowerCase();
  const changed = OFF_ONLY.find((row) => writtenIn(before, row) !== writtenIn(after, row));
  if (changed === undefined) return;
  throw offOnly(changed.key);
}

function offOnly(what: string): Fault {
  const message = `The attempted operation cannot be performed in the current state (Powered on): ${what} can change only while the VM is powered off.`;
  return fault("InvalidPowerState", message, { requestedState: "poweredOff", existingState: "poweredOn" });
}

/** As it would be started, with the room for processors and memory that it was started with, and connected as it is. */
function wantedMachine({ before, plan, devices, changes, ...place }: HotQuestion): MachineSpec {
  const isConnected = (device: VirtualDevice) => isToBeConnected(device, { before, plan, devices, changes });
  const { vcpusMax: _, memoryHotAdd: __, ...wanted } = machineSpecOf(plan.vmx, { ...place, isConnected });
  const addedMiB = wanted.memoryMiB - before.memoryMiB;
  return {
    ...wanted,
    ...(before.vcpusMax !== undefined && { vcpusMax: before.vcpusMax }),
    ...(before.memoryHotAdd && {
      memoryHotAdd: { ...before.memoryHotAdd, addedMiB: [...before.memoryHotAdd.addedMiB, ...(addedMiB > 0 ? [addedMiB] : [])] },
    }),
  };
}

/** Whether a device is to have its cable or medium: as the client says, else as it is, else as at power-on. */
function isToBeConnected(
  device: VirtualDevice,
  { before, plan, devices, changes }: Pick<HotQuestion, "before" | "plan" | "devices" | "changes">,
): boolean {
  const asked = changes.findLast(
    ({ operation, device: given }, index) =>
      operation !== "remove" && given.connectable !== undefined && plan.keyOfChange.get(index) === device.key,
  );
  const atPowerOn = device.connectable?.startConnected !== false;
  const running = before.devices.find(({ key }) => key === device.key);
  if (running?.kind === "serial") return running.file !== undefined || running.wire !== undefined;
  if (asked !== undefined) return asked.device.connectable?.connected === true;
  if (running?.kind === "nic") return running.connected === true;
  // A drive that had nothing in it was not disconnected: what is put in now is there.
  const hadImage = (devices.find(({ key }) => key === device.key)?.backing as { fileName?: string } | undefined)?.fileName !== undefined;
  if ((running?.kind === "cdrom" || running?.kind === "floppy") && hadImage) return running.image !== undefined;
  return atPowerOn;
}

/** Which of the client's changes a refusal is about. */
function indexOf(refusal: Extract<Refusal, { kind: "device" }> | undefined, { plan, changes }: HotQuestion): number {
  return Math.max(
    0,
    changes.findLastIndex((_, index) => plan.keyOfChange.get(index) === refusal?.device.key),
  );
}
