/** A VM of this host as an OVF package: what CreateDescriptor writes of it. Pure. Source: vim25 OvfManager; DSP0243. */
import type { Fault } from "../../base/index.ts";
import {
  fault,
  type OvfDisk,
  type OvfFile,
  type OvfItem,
  type OvfPackage,
  type OvfReference,
  RESOURCE,
  STREAM_OPTIMIZED_FORMAT,
  type VirtualController,
  type VirtualDevice,
  type VirtualDisk,
  type VirtualEthernetCard,
  type VirtualMachineConfigInfo,
} from "../../wire/index.ts";
import { deviceIdIn } from "./device-id.ts";

export interface ExportQuestion {
  readonly vmId: string;
  readonly name: string;
  /** "" for none. */
  readonly annotation: string;
  readonly config: VirtualMachineConfigInfo;
  /** What the client has fetched, and what it calls it. */
  readonly files: readonly OvfFile[];
}

export interface ExportPlan {
  readonly ovf: OvfPackage;
  readonly warnings: readonly Fault[];
}

interface KindOfController {
  readonly resourceType: number;
  readonly subType: string;
  readonly label: string;
}

const CONTROLLERS: ReadonlyMap<string, KindOfController> = new Map([
  ["VirtualIDEController", { resourceType: RESOURCE.ide, subType: "", label: "IDE" }],
  ["ParaVirtualSCSIController", { resourceType: RESOURCE.scsi, subType: "VirtualSCSI", label: "SCSI" }],
  ["VirtualLsiLogicController", { resourceType: RESOURCE.scsi, subType: "lsilogic", label: "SCSI" }],
  ["VirtualLsiLogicSASController", { resourceType: RESOURCE.scsi, subType: "lsilogicsas", label: "SCSI" }],
  ["VirtualBusLogicController", { resourceType: RESOURCE.scsi, subType: "buslogic", label: "SCSI" }],
  ["VirtualAHCIController", { resourceType: RESOURCE.otherStorage, subType: "vmware.sata.ahci", label: "SATA" }],
  ["VirtualNVMEController", { resourceType: RESOURCE.otherStorage, subType: "vmware.nvme.controller", label: "NVME" }],
]);
const NICS: ReadonlyMap<string, string> = new Map([
  ["VirtualVmxnet3", "VmxNet3"],
  ["VirtualE1000", "E1000"],
  ["VirtualE1000e", "E1000e"],
  ["VirtualEthernetCard", "virtio"],
  ["VirtualPCNet32", "PCNet32"],
]);
/** CIM's «Other» and «Linux», of which it tells more than vmw:osType does to those who don't read that. */
const CIM_OTHER = 1;
const CIM_LINUX_64 = 101;

/** @throws {Fault} OvfUnknownDevice for a file of no device of the VM */
export function planExport(question: ExportQuestion): ExportPlan {
  const { name, annotation, config } = question;
  const devices = config.hardware.device ?? [];
  const fetched = filesByDevice(question, devices);
  const disks = devices
    .filter((device): device is VirtualDisk => device.$type === "VirtualDisk")
    .map((device, index) => exportDisk(device, fetched.get(device.key), index + 1));
  const { items, warnings } = planItems(config, devices, new Map(disks.map(({ key, disk }) => [key, disk.id])));
  const networks = [...new Set(items.flatMap(({ connections }) => connections))];
  return {
    ovf: {
      files: disks.flatMap(({ file }) => (file === undefined ? [] : [file])),
      disks: disks.map(({ disk }) => disk),
      networks: networks.map((network) => ({ name: network, description: `The ${network} network` })),
      deploymentOptions: [],
      system: {
        id: name,
        name,
        annotation,
        eulas: [],
        product: undefined,
        properties: [],
        osType: config.guestId,
        osId: /linux|ubuntu|debian|rhel|centos/i.test(config.guestId) ? CIM_LINUX_64 : CIM_OTHER,
        families: [config.version],
        items,
        configs: configsOf(config),
        extraConfig: new Map(),
        line: 0,
      },
    },
    warnings,
  };
}

function filesByDevice({ vmId, files }: ExportQuestion, devices: readonly VirtualDevice[]): ReadonlyMap<number, OvfFile> {
  const byId = new Map(devices.map((device) => [deviceIdIn(devices, device, vmId), device.key]));
  return new Map(
    files.map((file) => {
      const key = byId.get(file.deviceId);
      if (key !== undefined) return [key, file] as const;
      throw fault("OvfUnknownDevice", `The virtual machine has no device '${file.deviceId}', of which '${file.path}' would be the file.`, {
        vmName: vmId,
      });
    }),
  );
}

interface ExportedDisk {
  readonly key: number;
  readonly disk: OvfDisk;
  readonly file: OvfReference | undefined;
}

/** A disk whose file the client did not fetch is one that is empty when it is imported. */
function exportDisk(device: VirtualDisk, fetched: OvfFile | undefined, number: number): ExportedDisk {
  const file =
    fetched === undefined
      ? undefined
      : {
          id: `file${number}`,
          href: fetched.path.slice(fetched.path.lastIndexOf("/") + 1),
          sizeBytes: fetched.size,
          compression: undefined,
          chunkBytes: undefined,
          line: 0,
        };
  const disk: OvfDisk = {
    id: `vmdisk${number}`,
    fileRef: file?.id,
    capacityBytes: device.capacityInBytes ?? device.capacityInKB * 1024,
    format: STREAM_OPTIMIZED_FORMAT,
    populatedBytes: fetched?.populatedSize,
    line: 0,
  };
  return { key: device.key, disk, file };
}

interface Items {
  readonly items: readonly OvfItem[];
  readonly warnings: readonly Fault[];
}

const PLAIN_ITEM: Omit<OvfItem, "instanceId" | "resourceType" | "elementName"> = {
  resourceSubType: "",
  description: "",
  parent: undefined,
  address: undefined,
  addressOnParent: undefined,
  allocationUnits: "",
  quantity: undefined,
  reservation: undefined,
  limit: undefined,
  weight: undefined,
  automaticAllocation: true,
  connections: [],
  hostResources: [],
  coresPerSocket: undefined,
  isRequired: true,
  configurations: [],
  configs: new Map(),
  line: 0,
};

function planItems(config: VirtualMachineConfigInfo, devices: readonly VirtualDevice[], diskIds: ReadonlyMap<number, string>): Items {
  const warnings: Fault[] = [];
  const instanceIds = new Map(devices.map(({ key }, index) => [key, String(FIRST_DEVICE_ID + index)]));
  const used = new Set(
    devices.filter(({ $type }) => $type === "VirtualDisk" || $type === "VirtualCdrom").map(({ controllerKey }) => controllerKey),
  );
  const items = devices.flatMap((device): OvfItem[] => {
    const item = exportDevice(device, { instanceIds, diskIds });
    // An IDE channel of the board that nothing hangs on need not be named.
    if (item !== undefined) return item.resourceType === RESOURCE.ide && !used.has(device.key) ? [] : [item];
    if (!isOfEveryVm(device.$type ?? "")) warnings.push(leftOut(device, config));
    return [];
  });
  return { items: [...computeItems(config), ...items], warnings };
}

const FIRST_DEVICE_ID = 3; // processors are 1, memory is 2

function computeItems({ hardware: { numCPU, numCoresPerSocket, memoryMB } }: VirtualMachineConfigInfo): readonly OvfItem[] {
  const cpu: OvfItem = {
    ...PLAIN_ITEM,
    instanceId: "1",
    resourceType: RESOURCE.cpu,
    elementName: `${numCPU} virtual CPU(s)`,
    description: "Number of Virtual CPUs",
    allocationUnits: "hertz * 10^6",
    quantity: numCPU,
    coresPerSocket: numCoresPerSocket === undefined || numCoresPerSocket <= 1 ? undefined : numCoresPerSocket,
  };
  const memory: OvfItem = {
    ...PLAIN_ITEM,
    instanceId: "2",
    resourceType: RESOURCE.memory,
    elementName: `${memoryMB}MB of memory`,
    description: "Memory Size",
    allocationUnits: "byte * 2^20",
    quantity: memoryMB,
  };
  return [cpu, memory];
}

interface Ids {
  /** By the devices' keys. */
  readonly instanceIds: ReadonlyMap<number, string>;
  readonly diskIds: ReadonlyMap<number, string>;
}

/** @returns undefined for what a package has no item for */
function exportDevice(device: VirtualDevice, { instanceIds, diskIds }: Ids): OvfItem | undefined {
  const { $type = "", key, controllerKey = -1, unitNumber, deviceInfo } = device;
  const plain = { ...PLAIN_ITEM, instanceId: instanceIds.get(key) ?? "", elementName: deviceInfo?.label ?? $type };
  const placed = { ...plain, parent: instanceIds.get(controllerKey), addressOnParent: unitNumber };
  const removable = { automaticAllocation: false, isRequired: false };
  const controller = CONTROLLERS.get($type);
  if (controller !== undefined) {
    const { resourceType, subType: resourceSubType, label } = controller;
    const address = String((device as VirtualController).busNumber);
    return { ...plain, resourceType, resourceSubType, description: `${label} Controller`, address };
  }
  switch ($type) {
    case "VirtualDisk":
      return { ...placed, resourceType: RESOURCE.disk, hostResources: [`ovf:/disk/${diskIds.get(key)}`] };
    case "VirtualCdrom":
      return { ...placed, ...removable, resourceType: RESOURCE.cdrom, resourceSubType: "vmware.cdrom.remotepassthrough" };
    case "VirtualFloppy":
      return { ...plain, ...removable, resourceType: RESOURCE.floppy };
    case "VirtualUSBXHCIController":
      return { ...plain, isRequired: false, resourceType: RESOURCE.usb, resourceSubType: "vmware.usb.xhci" };
    default: {
      const subType = NICS.get($type);
      return subType === undefined ? undefined : exportNic(device as VirtualEthernetCard, plain, subType);
    }
  }
}

function leftOut({ $type = "", deviceInfo }: VirtualDevice, { files }: VirtualMachineConfigInfo): Fault {
  const text = `${deviceInfo?.label ?? $type} is left out: an OVF package has no such device.`;
  return fault("OvfUnsupportedDeviceExport", text, { vmPath: files.vmPathName ?? "" });
}

function exportNic({ backing, connectable }: VirtualEthernetCard, plain: Omit<OvfItem, "resourceType">, subType: string): OvfItem {
  const { deviceName = "" } = (backing ?? {}) as { readonly deviceName?: string };
  return {
    ...plain,
    resourceType: RESOURCE.ethernet,
    resourceSubType: subType,
    description: `${subType} ethernet adapter on "${deviceName}"`,
    automaticAllocation: connectable?.startConnected !== false,
    connections: [deviceName],
  };
}

/** What CreateVM makes by itself, and a package need not name. */
function isOfEveryVm(type: string): boolean {
  return /^Virtual(PCIController|PS2Controller|SIOController|Keyboard|PointingDevice|MachineVideoCard|MachineVMCIDevice)$/.test(type);
}

function configsOf({
  firmware,
  bootOptions,
  cpuHotAddEnabled,
  memoryHotAddEnabled,
}: VirtualMachineConfigInfo): ReadonlyMap<string, string> {
  return new Map([
    ["cpuHotAddEnabled", String(cpuHotAddEnabled === true)],
    ["memoryHotAddEnabled", String(memoryHotAddEnabled === true)],
    ["firmware", firmware ?? "bios"],
    ...(bootOptions?.efiSecureBootEnabled === true ? ([["bootOptions.efiSecureBootEnabled", "true"]] as const) : []),
  ]);
}
