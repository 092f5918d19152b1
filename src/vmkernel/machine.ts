/**
 * What one VM's monitor is made of: the only thing that vmkernel is told of a VM. Pure.
 * hostd derives it from the VM's .vmx; vmkernel checks every field again (`check-machine.ts`) and plans the monitor from it.
 * `key` is the vim25 device key, which names a device in every fault and in evidence.
 */
import type { DatastorePath, VmId } from "../base/index.ts";
import type { Firewall, GroupFilter } from "./network/config.ts";

/** By its name for QEMU. */
export interface CpuMaskBit {
  readonly feature: string;
  readonly shown: boolean;
}

export interface MachineSpec {
  readonly vm: VmId;
  /** Display name, 1–80 characters. For people only: it names no file and no process. */
  readonly name: string;
  /** The VM's folder. Everything that it owns is beneath it, or is named by a device. */
  readonly home: DatastorePath;
  /** SMBIOS UUID, canonical lower case. */
  readonly biosUuid: string;
  /** What inventories know the VM by, canonical lower case; a concentrator of serial ports is told. The SMBIOS UUID where there is none. */
  readonly instanceUuid?: string;
  /** All of it, what was added while it runs included. */
  readonly memoryMiB: number;
  /** That memory can be added while it runs; absent where none can. */
  readonly memoryHotAdd?: MemoryHotAdd;
  readonly vcpus: number;
  /** Up to how many virtual CPUs can be added while it runs; absent where none can. */
  readonly vcpusMax?: number;
  /** vcpus is a multiple of it. There is one thread per core, always: paper «Instruction Isolation». */
  readonly coresPerSocket: number;
  /** How its virtual CPUs stand against those of others when processors are short; absent where they stand as usual. */
  readonly latency?: LatencySensitivity;
  /** Features of the processor that its guest is not to see, or that it must have; the others are as the host has them. */
  readonly cpuMask?: readonly CpuMaskBit[];
  readonly firmware: { readonly kind: "bios" } | { readonly kind: "efi"; readonly nvram: DatastorePath };
  /** Keys of bootable devices, first choice first; devices not named come after, disks before NICs. */
  readonly bootOrder: readonly number[];
  /** How long the firmware waits before it boots; absent where it does not. */
  readonly bootDelayMs?: number;
  /** After how long a BIOS tries again that found nothing to boot; absent where it does not. */
  readonly bootRetryMs?: number;
  readonly devices: readonly DeviceSpec[];
  /** What becomes of the log in its folder; absent where there is none. */
  readonly log?: LogRules;
  /** The suspended memory to resume from; absent for a cold start. */
  readonly resumeFrom?: DatastorePath;
}

/** Of the log of a VM: vmware.log, begun at power-on. */
export interface LogRules {
  /** How many old ones are kept. */
  readonly keepOld: number;
  /** How long it grows before it is put aside and another begun. */
  readonly rotateBytes: number;
}

/** The more sensitive, the sooner it runs. */
export type LatencySensitivity = "low" | "medium" | "high";

/** Where a serial port leads when it leads out of the host's datastores. A port has a file, a wire, or neither. */
export type SerialWire =
  /** A unix socket in the host's folder of pipes, which the port makes (server) or finds there (client). */
  | { readonly kind: "pipe"; readonly name: string; readonly endpoint: "server" | "client" }
  /** The port listens. `host` is an address of this machine. */
  | { readonly kind: "listen"; readonly host: string; readonly port: number; readonly telnet: boolean }
  /** The port connects, and again whenever the connection is lost. */
  | { readonly kind: "connect"; readonly host: string; readonly port: number; readonly telnet: boolean }
  /** The port is handed to a concentrator of virtual serial ports, which serves `serviceUri` for it. */
  | {
      readonly kind: "proxy";
      readonly host: string;
      readonly port: number;
      readonly direction: "server" | "client";
      readonly serviceUri: string;
    };
/** The guest finds what was added in modules of its own, which a resumed monitor must have again as they were. */
export interface MemoryHotAdd {
  readonly maxMiB: number;
  /** The modules that were added, in their order. */
  readonly addedMiB: readonly number[];
}

export type ScsiModel = "lsilogic" | "lsisas1068" | "pvscsi";
export type NicModel = "e1000" | "e1000e" | "vmxnet3" | "virtio";

export type DeviceSpec =
  /** SCSI bus 0–3. Targets 0–15 without 7. */
  | { readonly kind: "scsi"; readonly key: number; readonly bus: number; readonly model: ScsiModel }
  /** SATA bus 0–3, ports 0–29 as ESXi counts; QEMU's AHCI has 6 and refuses more by name. */
  | { readonly kind: "ahci"; readonly key: number; readonly bus: number }
  /** The two IDE channels of the chipset: bus 0–1, units 0–1. */
  | { readonly kind: "ide"; readonly key: number; readonly bus: number }
  | { readonly kind: "nvme"; readonly key: number; readonly bus: number }
  | {
      readonly kind: "disk";
      readonly key: number;
      readonly controllerKey: number;
      readonly unit: number;
      /** A VMDK descriptor with flat extents. */
      readonly descriptor: DatastorePath;
      readonly mode: "persistent" | "independent_persistent" | "independent_nonpersistent";
      /** How much it may do: each 32 KiB of a read or write that has begun counts as one. Operations per second; left out, no limit. */
      readonly iopsMax?: number;
      /** Its weight among the disks of its datastore while that is congested. Left out where it is the usual one, 1000. */
      readonly ioShares?: number;
    }
  | { readonly kind: "cdrom"; readonly key: number; readonly controllerKey: number; readonly unit: number; readonly image?: DatastorePath }
  | { readonly kind: "floppy"; readonly key: number; readonly unit: number; readonly image?: DatastorePath }
  | {
      readonly kind: "nic";
      readonly key: number;
      readonly model: NicModel;
      /** Lower case, colon-separated. */
      readonly mac: string;
      /** Its cable is plugged in; left out, it is not. */
      readonly connected?: true;
      /** The port group that its cable leads to; left out, or not there, it leads nowhere. */
      readonly network?: string;
      /** Goes wherever the VM goes, and holds before the first frame. */
      readonly firewall?: Firewall;
    }
  | { readonly kind: "video"; readonly key: number; readonly vramKiB: number }
  | { readonly kind: "xhci"; readonly key: number }
  /** What came before xHCI: USB 1 (UHCI), or USB 2 (EHCI). */
  | { readonly kind: "usb"; readonly key: number; readonly model: "uhci" | "ehci" }
  | { readonly kind: "serial"; readonly key: number; readonly unit: number; readonly file?: DatastorePath; readonly wire?: SerialWire }
  /** VMCI on ESXi: the channel of VMware Tools. Here a virtio-serial port that the QEMU guest agent answers on. */
  | { readonly kind: "toolsChannel"; readonly key: number };

/** What the driver of a NIC in the guest has set. */
export interface AdapterState {
  /** Lower case, colon-separated. */
  readonly mac: string;
  /** The groups that it asks for, where its model lets that be known: virtio's alone does. */
  readonly groups?: GroupFilter;
}

export type DeviceKind = DeviceSpec["kind"];

/** A device of one kind, or of one of several. */
export type Device<Kind extends DeviceKind> = Extract<DeviceSpec, { kind: Kind }>;
