/**
 * What QEMU is told of each configured device: its arguments and the descriptors behind them. Pure.
 * Source: QEMU 7.2 `-device MODEL,help`; names and ids as VMware's own devices show them to a guest.
 */
import { assertNever } from "../../base/index.ts";
import type { Device, DeviceSpec, NicModel, ScsiModel, SerialWire } from "../machine.ts";
import { type DescriptorNumbers, descriptorPath, planDescriptorSet } from "./descriptor-numbers.ts";
import { deviceArgument } from "./device-argument.ts";
import { deviceId } from "./expected-devices.ts";
import { BALLOON_SLOT, pciSlotOf } from "./pci-addresses.ts";
import { type DriveSurroundings, planCdrom, planDisk, planFloppy, planImage } from "./plan-drives.ts";

export interface Surroundings extends DriveSurroundings {
  /** Keys of the NICs that have a port; the others lead nowhere. */
  readonly ports: ReadonlySet<number>;
}

const MODELS: { readonly [Model in ScsiModel | NicModel]: string } = {
  lsilogic: "lsi53c895a",
  lsisas1068: "mptsas1068",
  pvscsi: "pvscsi",
  e1000: "e1000",
  e1000e: "e1000e",
  vmxnet3: "vmxnet3",
  virtio: "virtio-net-pci",
};

/** Controllers come before what hangs on them, else in the order of their keys: one configuration, one command line. */
export function planDevices(surroundings: Surroundings): string[] {
  const devices = [...surroundings.machine.devices].sort((a, b) => rankOf(a) - rankOf(b) || a.key - b.key);
  return devices.flatMap((device) => planDevice(device, surroundings));
}

function rankOf(device: DeviceSpec): number {
  return device.kind === "disk" || device.kind === "cdrom" ? 1 : 0;
}

export function planDevice(device: DeviceSpec, surroundings: Surroundings): string[] {
  const { machine, numbers } = surroundings;
  switch (device.kind) {
    case "scsi":
      return planPciDevice(device, MODELS[device.model]);
    case "ahci":
      return planPciDevice(device, "ich9-ahci");
    case "nvme":
      return planPciDevice(device, "nvme", [`serial=VMware NVME_000${device.bus}`]);
    case "ide":
      return []; // part of the chipset
    case "disk":
      return planDisk(device, surroundings);
    case "cdrom":
      return [...planImage(device, numbers), ...planCdrom(device, machine)];
    case "floppy":
      return [...planImage(device, numbers), ...planFloppy(device, machine)];
    case "nic":
      return planNic(device, surroundings);
    case "video":
      return planPciDevice(device, "vmware-svga", [`vgamem_mb=${videoMemoryMiB(device)}`]);
    case "xhci":
      return planPciDevice(device, "qemu-xhci");
    case "usb":
      return planPciDevice(device, device.model === "ehci" ? "usb-ehci" : "piix4-usb-uhci");
    case "serial":
      return planSerial(device, numbers);
    case "toolsChannel":
      return planToolsChannel(device, numbers);
    default:
      return assertNever(device);
  }
}

function planPciDevice(device: DeviceSpec, model: string, options: readonly string[] = []): string[] {
  return deviceArgument(model, device, ["bus=pci.0", `addr=${pciSlotOf(device)?.toString(16)}`, ...options]);
}

/** Without an option ROM: no ROM file is in the sandbox, so no VM boots from a network. Its link is set before the guest runs. */
function planNic(device: Device<"nic">, { ports, numbers }: Surroundings): string[] {
  const options = ["romfile=", `mac=${device.mac}`];
  if (!ports.has(device.key)) return planPciDevice(device, MODELS[device.model], options);
  const id = networkId(device.key);
  return [
    // vhost would have the kernel itself read what the guest writes.
    ...["-netdev", `tap,id=${id},fd=${numbers.take({ kind: "tap", key: device.key })},vhost=off`],
    ...planPciDevice(device, MODELS[device.model], [`netdev=${id}`, ...options]),
  ];
}

/** Name of what stands behind a NIC. */
export function networkId(key: number): string {
  return `net${key}`;
}

/** The key in a name that {@link networkId} made. */
export function keyOfNetworkId(id: string): number | undefined {
  const match = /^net([1-9][0-9]{0,9})$/.exec(id);
  return match?.[1] === undefined ? undefined : Number(match[1]);
}

/** Names of added memory: the module in its slot, and the host memory behind it. */
export const memoryModuleId = (index: number): string => `dimm${index}`;
export const memoryBackendId = (index: number): string => `memory${index}`;

export function planMemoryModule(index: number, sizeMiB: number): string[] {
  return [
    // As all of the guest's memory: not shared with other VMs, and in no core dump.
    ...["-object", `memory-backend-ram,id=${memoryBackendId(index)},size=${sizeMiB}M,merge=off,dump=off`],
    ...["-device", `pc-dimm,id=${memoryModuleId(index)},memdev=${memoryBackendId(index)}`],
  ];
}

/** Whether it is the guest's own memory, of QEMU's names for what a guest sees as memory: the first piece of it, or a module. */
export function isGuestMemory(region: string): boolean {
  return region === "pc.ram" || /^(?:\/objects\/)?memory\d+$/.test(region);
}

function planSerial(device: Device<"serial">, numbers: DescriptorNumbers): string[] {
  const chardev = `serial${device.key}`;
  const port = deviceArgument("isa-serial", device, [`chardev=${chardev}`, `index=${device.unit}`]);
  if (device.wire !== undefined) return ["-chardev", planWire(device.wire, chardev, device.key, numbers), ...port];
  if (device.file === undefined) return ["-chardev", `null,id=${chardev}`, ...port];
  const number = numbers.take({ kind: "serial", key: device.key });
  return [...planDescriptorSet(number), "-chardev", `file,id=${chardev},path=${descriptorPath(number)},append=on`, ...port];
}

/** The monitor listens in every case and never connects: what the guest writes while nobody is there is gone, and it runs on. */
function planWire(wire: SerialWire, chardev: string, key: number, numbers: DescriptorNumbers): string {
  const number = numbers.take({ kind: isListener(wire) ? "serialListener" : "serialLink", key });
  const telnet = wire.kind === "listen" && wire.telnet ? ",telnet=on" : "";
  return `socket,id=${chardev},fd=${number},server=on,wait=off${telnet}`;
}

/** Whether the monitor itself has the socket that others connect to; otherwise its bytes are carried. */
export function isListener(wire: SerialWire): boolean {
  return wire.kind === "listen" || (wire.kind === "pipe" && wire.endpoint === "server");
}

/** Name of the chardev that the guest agent answers on. */
export const AGENT_CHARDEV = "agent";
const AGENT_PORT = "agent-port";
const BALLOON_ID = "balloon";

function planToolsChannel(device: Device<"toolsChannel">, numbers: DescriptorNumbers): string[] {
  const number = numbers.take({ kind: "agentSocket" });
  return [
    ...planPciDevice(device, "virtio-serial-pci", ["max_ports=2"]), // port 0 is the console's by the standard and stays empty
    "-chardev",
    `socket,id=${AGENT_CHARDEV},fd=${number},server=on,wait=off`,
    "-device",
    // With an id: QEMU tells that the guest opened or closed a port only of one that has it (VSERPORT_CHANGE).
    `virtserialport,id=${AGENT_PORT},bus=${deviceId(device.key)}.0,nr=1,chardev=${AGENT_CHARDEV},name=org.qemu.guest_agent.0`,
    "-device",
    // Where a driver of ours may answer, one may also give memory back; a guest that is short of it itself takes it again.
    `virtio-balloon-pci,id=${BALLOON_ID},bus=pci.0,addr=${BALLOON_SLOT.toString(16)},deflate-on-oom=on`,
  ];
}

/** A PCI region: the next power of two. */
function videoMemoryMiB({ vramKiB }: Device<"video">): number {
  return 2 ** Math.ceil(Math.log2(Math.max(1, vramKiB / 1024)));
}
