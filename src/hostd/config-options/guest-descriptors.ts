/** Guest operating systems as clients choose from them: what each can have and what becomes it best. Pure. Source: vim25 GuestOsDescriptor. */
import type { GuestOsDescriptor } from "../../wire/index.ts";
import {
  DISKS_MAX,
  type GuestOsId,
  guestFamily,
  guestFullName,
  guestOsIds,
  isOfVersion,
  PORTS,
  VCPUS_MAX,
  VIDEO_KIB,
} from "../vm-config/index.ts";
import { range } from "./option-types.ts";

const DISK_CONTROLLERS = [
  "ParaVirtualSCSIController",
  "VirtualLsiLogicController",
  "VirtualLsiLogicSASController",
  "VirtualAHCIController",
  "VirtualNVMEController",
  "VirtualIDEController",
];
const NICS = ["VirtualE1000", "VirtualE1000e", "VirtualVmxnet3"];

/** What suits a guest whose drivers are of that age. */
interface Recommendation {
  readonly disk: string;
  readonly nic: string;
  readonly memoryMiB: number;
  readonly diskMiB: number;
}

const modernLinux = { disk: "ParaVirtualSCSIController", nic: "VirtualVmxnet3", memoryMiB: 2048, diskMiB: 16_384 };
const modernWindows = { disk: "VirtualLsiLogicSASController", nic: "VirtualE1000e", memoryMiB: 4096, diskMiB: 49_152 };
const anything = { disk: "VirtualLsiLogicController", nic: "VirtualE1000", memoryMiB: 1024, diskMiB: 8192 };

function recommend(id: GuestOsId): Recommendation {
  const is64 = /64(Guest)?$/.test(id);
  switch (guestFamily(id)) {
    case "linuxGuest":
      return is64 ? modernLinux : anything;
    case "windowsGuest":
      return is64 && /^windows/.test(id) ? modernWindows : anything;
    default:
      return anything;
  }
}

/** What it runs on. */
export interface GuestHardware {
  readonly memoryMax: number;
  /** virtualHW.version */
  readonly version: number;
}

/** Linux and Windows Server, of 64 bits, take processors and memory that come while they run. */
function takesMore(id: GuestOsId): boolean {
  return guestFamily(id) === "linuxGuest" ? /64Guest$/.test(id) : /^win(Net\w+|Longhorn|dows\w*(Server|srv(Next)?_))64Guest$/.test(id);
}

export function guestDescriptor(id: GuestOsId, host: GuestHardware): GuestOsDescriptor {
  const family = guestFamily(id);
  const { disk, nic, memoryMiB, diskMiB } = recommend(id);
  const isApple = family === "darwinGuestFamily";
  return {
    id,
    family,
    fullName: guestFullName(id),
    supportedMaxCPUs: VCPUS_MAX,
    numSupportedPhysicalSockets: VCPUS_MAX,
    numSupportedCoresPerSocket: VCPUS_MAX,
    supportedMinMemMB: 4,
    supportedMaxMemMB: host.memoryMax,
    recommendedMemMB: Math.min(memoryMiB, host.memoryMax),
    recommendedColorDepth: 24,
    supportedDiskControllerList: DISK_CONTROLLERS.filter((type) => isOfVersion(type, host.version)),
    ...(/SCSI|LsiLogic/.test(disk) && { recommendedSCSIController: disk }),
    recommendedDiskController: disk,
    supportedNumDisks: DISKS_MAX,
    recommendedDiskSizeMB: diskMiB,
    recommendedCdromController: "VirtualIDEController",
    supportedEthernetCard: NICS,
    recommendedEthernetCard: nic,
    supportsSlaveDisk: true,
    smcRequired: isApple, // which no host of ours has
    supportsWakeOnLan: false,
    supportsVMI: false,
    supportsMemoryHotAdd: takesMore(id),
    supportsCpuHotAdd: takesMore(id),
    supportsCpuHotRemove: false,
    supportedFirmware: ["bios", "efi"],
    recommendedFirmware: "bios",
    supportedUSBControllerList: ["VirtualUSBController", "VirtualUSBXHCIController"],
    recommendedUSBController: "VirtualUSBXHCIController",
    supports3D: false,
    recommended3D: false,
    smcRecommended: isApple,
    ich7mRecommended: false,
    usbRecommended: false,
    supportLevel: isApple ? "unsupported" : "supported",
    supportedForCreate: true,
    vRAMSizeInKB: range(VIDEO_KIB.min, VIDEO_KIB.max, VIDEO_KIB.default),
    numSupportedFloppyDevices: PORTS.floppy.count,
    supportsPvscsiControllerForBoot: true,
    diskUuidEnabled: false,
    supportsHotPlugPCI: family === "linuxGuest" || family === "windowsGuest",
    supportsSecureBoot: false,
    defaultSecureBoot: false,
    persistentMemorySupported: false,
    supportsTPM20: false,
    recommendedTPM20: false,
  };
}

/** Of the ids that a client asks for, or of all. An id that nobody knows has no descriptor. */
export function guestDescriptors(wanted: readonly string[], host: GuestHardware): readonly GuestOsDescriptor[] {
  return guestOsIds.filter((id) => wanted.length === 0 || wanted.includes(id)).map((id) => guestDescriptor(id, host));
}
