/**
 * From a checked machine to everything that its monitor is: QEMU's arguments, the descriptors that it inherits, its limits. Pure.
 * Only `monitor.ts` carries it out. Source: QEMU 7.2 qemu-options; reference numbers as noted.
 */
import { type GuestVariable, planGuestVariables } from "../guest-variables.ts";
import type { MachineSpec } from "../machine.ts";
import type { CheckedMachine } from "./check-machine.ts";
import { DescriptorNumbers, type DescriptorUse, descriptorPath, planDescriptorSet } from "./descriptor-numbers.ts";
import { MEMORY_MODULES_MAX } from "./parse-machine.ts";
import { planDevices, planMemoryModule } from "./plan-devices.ts";
import { CHAIN_CACHE_MIB_MAX, type PlannedDisks } from "./plan-drives.ts";

export interface MonitorPlan {
  /** QEMU's arguments, without its own name. */
  readonly args: readonly string[];
  /** What becomes descriptor 3, 4, 5 … of the monitor, in this order; it inherits no other. */
  readonly descriptors: readonly DescriptorUse[];
  readonly limits: MonitorLimits;
}

/** What the monitor's cgroup allows it. */
export interface MonitorLimits {
  readonly memoryBytes: number;
  /** Threads count too. */
  readonly pids: number;
}

export interface MonitorQuestion {
  readonly machine: CheckedMachine;
  readonly accelerator: "kvm" | "tcg";
  readonly disks: PlannedDisks;
  /** Keys of the NICs that have a port. */
  readonly ports: ReadonlySet<number>;
  readonly guestVariables: readonly GuestVariable[];
  /** Whether the kernel has seccomp: QEMU does not start when it is to have what there isn't. */
  readonly seccomp: boolean;
  /** Whether its guest's memory is offered to the kernel, to keep equal pages of several guests once. */
  readonly sharesMemory: boolean;
}

/** QEMU's own filter, beneath that of the sandbox. */
export const QEMU_SANDBOX = ["-sandbox", "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny"];
/** Everything that the accelerator can give a guest's processor. */
export const CPU_MODEL = { kvm: "host", tcg: "max" } as const;

const MIB = 1024 * 1024;
/** Translated code kept under TCG: a Linux guest that boots and works fills about half of it. Unset, QEMU takes up to 1 GiB. */
const TRANSLATION_CACHE_MIB = 128;
/** Measured 97 MiB over the guest's memory with one virtual CPU under TCG, firmware and devices included; the rest is room to breathe. */
const OVERHEAD_MIB = 192;
const OVERHEAD_PER_VCPU_MIB = 8;
/**
 * Mapped before the guest's memory, and given up once that is: what QEMU maps while it runs, some hundred stacks of coroutines and of
 * threads, comes to lie there, above the guest's memory and not below it. The kernel lists a process's mappings from below, each at 5 µs, to
 * whoever asks how much of the guest's memory is in use. It is never touched, so it takes none. Only the memory of a guest that has less than
 * this may find a gap above it.
 */
export const STACK_ROOM = { id: "stack-room", sizeMiB: 128 };
/** vSphere's largest number of consoles of a VM. */
const VIEWERS_MAX = 40;
/** QEMU's main, RCU and worker threads (at most 64 at once) and the two processes of the sandbox around it. */
const THREADS_BESIDE_VCPUS = 96;

export function planMonitor({ machine, accelerator, disks, ports, guestVariables, seccomp, sharesMemory }: MonitorQuestion): MonitorPlan {
  const numbers = new DescriptorNumbers();
  const args = [
    ...planControl(machine, numbers),
    ...(seccomp ? QEMU_SANDBOX : []),
    ...planBoard(machine, accelerator, sharesMemory),
    ...planFirmware(machine, numbers),
    ...planDevices({ machine, disks, ports, numbers }),
    ...planGuestVariables(guestVariables),
    ...planIncoming(machine, numbers),
  ];
  return { args, descriptors: numbers.uses, limits: planLimits(machine, accelerator) };
}

/** What the machine asks for and does not get. @param hasCpuCgroup whether its limits have a weight */
export function unkeptWishes({ latency }: MachineSpec, { hasCpuCgroup }: { readonly hasCpuCgroup: boolean }): readonly string[] {
  if (latency === undefined || hasCpuCgroup) return [];
  return [`Without the cpu cgroup a latency sensitivity of ${latency} does nothing: its virtual CPUs run when those of others do.`];
}

function planControl(machine: CheckedMachine, numbers: DescriptorNumbers): string[] {
  const qmp = numbers.take({ kind: "qmpSocket" });
  return [
    // The display name is text of a client: it names no process.
    ...["-name", `vm-${machine.vm},debug-threads=on`],
    ...["-nodefaults", "-no-user-config", "-msg", "timestamp=on"],
    // A console's viewers are handed to it: it listens for none. How many there may be is counted by who hands them over.
    ...["-display", `vnc=none,share=ignore,connections=${VIEWERS_MAX}`],
    ...["-chardev", `socket,id=qmp,fd=${qmp},server=on,wait=off`, "-mon", "chardev=qmp,mode=control"],
    // The guest runs only when vmkernel has plugged in or unplugged its NICs' cables and says so; a monitor that was left half-started never ran it.
    "-S",
  ];
}

function planBoard(machine: CheckedMachine, accelerator: "kvm" | "tcg", sharesMemory: boolean): string[] {
  // One thread per core, always: hyperthreads share what an attacker can measure. Paper «Instruction Isolation».
  const { vcpus, coresPerSocket } = machine;
  const room = machine.vcpusMax === undefined ? "" : `,maxcpus=${machine.vcpusMax}`;
  const topology = `cpus=${vcpus}${room},sockets=${(machine.vcpusMax ?? vcpus) / coresPerSocket},cores=${coresPerSocket},threads=1`;
  return [
    ...["-machine", boardOf(machine, sharesMemory)],
    // Every protection that the accelerator can give the guest: NX, SMEP, SMAP, UMIP … Paper «Instruction Isolation», NX/XD.
    ...["-accel", accelerator === "kvm" ? "kvm" : `tcg,tb-size=${TRANSLATION_CACHE_MIB}`, "-cpu", planCpu(machine, accelerator)],
    ...["-object", `memory-backend-ram,id=${STACK_ROOM.id},size=${STACK_ROOM.sizeMiB}M,merge=off,dump=off`],
    ...["-smp", topology, ...planMemory(machine)],
    ...[
      "-uuid",
      machine.biosUuid,
      "-smbios",
      `type=1,manufacturer=VMware,, Inc.,product=VMware Virtual Platform,serial=${smbiosSerial(machine)}`,
    ],
    ...["-rtc", "base=utc", "-boot", planBoot(machine)],
    // A guest that sleeps would look like one that runs; vSphere's VMs are suspended from outside.
    ...["-global", "PIIX4_PM.disable_s3=1", "-global", "PIIX4_PM.disable_s4=1"],
  ];
}

/** A feature that the guest must have, and that the host cannot give, ends the start: QEMU names it. */
function planCpu({ cpuMask = [] }: CheckedMachine, accelerator: "kvm" | "tcg"): string {
  const enforced = cpuMask.some(({ shown }) => shown) ? ["enforce=on"] : [];
  return [CPU_MODEL[accelerator], ...cpuMask.map(({ feature, shown }) => `${feature}=${shown ? "on" : "off"}`), ...enforced].join(",");
}

/** Firmware waits only where it shows a menu meanwhile: SeaBIOS and OVMF both. */
function planBoot({ bootDelayMs, bootRetryMs }: CheckedMachine): string {
  const menu = bootDelayMs === undefined ? "menu=off" : `menu=on,splash-time=${bootDelayMs}`;
  return `${menu},strict=on${bootRetryMs === undefined ? "" : `,reboot-timeout=${bootRetryMs}`}`;
}

/** What the guest boots with, slots for what may be added, and the modules that a guest that is resumed had been given. */
function planMemory({ memoryMiB, memoryHotAdd }: CheckedMachine): string[] {
  if (memoryHotAdd === undefined) return ["-m", `size=${memoryMiB}M`];
  const { maxMiB, addedMiB } = memoryHotAdd;
  const bootMiB = memoryMiB - addedMiB.reduce((sum, sizeMiB) => sum + sizeMiB, 0);
  const slots = maxMiB > bootMiB ? `,slots=${MEMORY_MODULES_MAX},maxmem=${maxMiB}M` : "";
  return ["-m", `size=${bootMiB}M${slots}`, ...addedMiB.flatMap((sizeMiB, index) => planMemoryModule(index, sizeMiB))];
}

function boardOf({ firmware }: CheckedMachine, sharesMemory: boolean): string {
  // mem-merge=off: no page is shared with another VM. vmport=off: VMware's backdoor port is not there to be spoken to.
  const board = `pc,hpet=off,vmport=off,usb=off,mem-merge=${sharesMemory ? "on" : "off"},dump-guest-core=off`;
  return firmware.kind === "efi" ? `${board},pflash0=efi-code,pflash1=efi-vars` : board;
}

/** As VMware writes it: `VMware-56 4d 1f …-a3 …`, sixteen bytes of the UUID in two groups. Guests read it to know their VM. */
function smbiosSerial({ biosUuid }: CheckedMachine): string {
  const bytes = biosUuid.replaceAll("-", "").match(/../g) ?? [];
  return `VMware-${bytes.slice(0, 8).join(" ")}-${bytes.slice(8).join(" ")}`;
}

function planFirmware({ firmware }: CheckedMachine, numbers: DescriptorNumbers): string[] {
  if (firmware.kind === "bios") return []; // SeaBIOS, QEMU's own choice, from the folder that the sandbox shows read-only
  const code = numbers.take({ kind: "firmwareCode" });
  const variables = numbers.take({ kind: "firmwareVariables" });
  return [
    ...[...planDescriptorSet(code), ...planDescriptorSet(variables)],
    ...["-blockdev", `driver=raw,node-name=efi-code,read-only=on,file.driver=file,file.filename=${descriptorPath(code)}`],
    ...["-blockdev", `driver=raw,node-name=efi-vars,file.driver=file,file.filename=${descriptorPath(variables)}`],
  ];
}

function planIncoming({ resumeFrom }: CheckedMachine, numbers: DescriptorNumbers): string[] {
  return resumeFrom === undefined ? [] : ["-incoming", `fd:${numbers.take({ kind: "memory" })}`];
}

/** What a monitor may take beyond its guest's memory. */
export function overheadBytes(guest: { readonly vcpus: number; readonly videoKiB: number }, accelerator: "kvm" | "tcg"): number {
  const translated = accelerator === "tcg" ? TRANSLATION_CACHE_MIB : 0;
  return (OVERHEAD_MIB + OVERHEAD_PER_VCPU_MIB * guest.vcpus + translated) * MIB + guest.videoKiB * 2 * 1024;
}

export function planLimits({ memoryMiB, vcpus, devices }: MachineSpec, accelerator: "kvm" | "tcg"): MonitorLimits {
  const videoKiB = devices.reduce((sum, device) => sum + (device.kind === "video" ? device.vramKiB : 0), 0);
  const disks = devices.filter(({ kind }) => kind === "disk").length;
  return {
    memoryBytes: (memoryMiB + CHAIN_CACHE_MIB_MAX * disks) * MIB + overheadBytes({ vcpus, videoKiB }, accelerator),
    pids: vcpus + THREADS_BESIDE_VCPUS,
  };
}
