/**
 * The devices that an OVF descriptor asks for, as changes that CreateVM_Task takes; and the files that are to be sent for them. Pure.
 * What this host has no device for is refused, or left out where the descriptor says that it need not be. Source: DSP0243 §8.
 */
import type { Fault } from "../../base/index.ts";
import {
  fault,
  type OvfDisk,
  type OvfFileItem,
  type OvfItem,
  type OvfPackage,
  type OvfReference,
  RESOURCE,
  type VirtualDevice,
  type VirtualDeviceConfigSpec,
} from "../../wire/index.ts";
import { SCSI_CONTROLLER_UNIT } from "../vm-config/index.ts";
import { deviceIdOf } from "./device-id.ts";
import { badResource, say, unsupported } from "./import-faults.ts";

export interface ImportWish {
  readonly entityName: string;
  readonly provisioning: "thin" | "thick" | "eagerZeroedThick";
  /** By the package's names: which port group each of its networks is. */
  readonly networks: ReadonlyMap<string, string>;
}

export interface ImportedDevices {
  readonly changes: readonly VirtualDeviceConfigSpec[];
  readonly fileItems: readonly OvfFileItem[];
  readonly warnings: readonly Fault[];
}

interface Controller {
  readonly item: OvfItem;
  readonly type: string;
  readonly key: number;
  readonly bus: number;
  readonly usedUnits: Set<number>;
}

const IDE_KEY = 200; // the board's own two channels
const CIM = { disk: 17, cdrom: 15 };
const FIRST_TEMPORARY_KEY = -100;

const SCSI_TYPES: readonly (readonly [RegExp, string])[] = [
  [/^virtualscsi$|pvscsi|paravirtual/i, "ParaVirtualSCSIController"],
  [/lsilogicsas/i, "VirtualLsiLogicSASController"],
  [/buslogic/i, "VirtualBusLogicController"],
  [/lsilogic|^$/i, "VirtualLsiLogicController"],
];
const STORAGE_TYPES: readonly (readonly [RegExp, string])[] = [
  [/ahci|sata/i, "VirtualAHCIController"],
  [/nvme/i, "VirtualNVMEController"],
];
const NIC_TYPES: readonly (readonly [RegExp, string])[] = [
  [/vmxnet3/i, "VirtualVmxnet3"],
  [/e1000e/i, "VirtualE1000e"],
  [/e1000/i, "VirtualE1000"],
  [/virtio/i, "VirtualEthernetCard"],
  [/pcnet|vmxnet|^$/i, "VirtualE1000"],
];

/** @throws {Fault} OvfUnsupportedType and its like for a device that must be there and is not to be had */
export function planDevices(ovf: OvfPackage, items: readonly OvfItem[], wish: ImportWish): ImportedDevices {
  return new DevicePlan(ovf, wish).plan(items);
}

class DevicePlan {
  readonly #ovf: OvfPackage;
  readonly #wish: ImportWish;
  readonly #controllers = new Map<string, Controller>();
  readonly #changes: VirtualDeviceConfigSpec[] = [];
  readonly #files: OvfFileItem[] = [];
  readonly #warnings: Fault[] = [];
  readonly #usedDisks = new Set<string>();
  #nextKey = FIRST_TEMPORARY_KEY;

  constructor(ovf: OvfPackage, wish: ImportWish) {
    this.#ovf = ovf;
    this.#wish = wish;
  }

  plan(items: readonly OvfItem[]): ImportedDevices {
    // A device may stand before the controller that it hangs on.
    for (const item of items) this.#takeController(item);
    for (const item of items) this.#takeDevice(item);
    return { changes: this.#changes, fileItems: this.#files, warnings: this.#warnings };
  }

  #takeController(item: OvfItem): void {
    switch (item.resourceType) {
      case RESOURCE.ide: {
        const bus = Number(item.address ?? this.#countOf("VirtualIDEController"));
        if (bus !== 0 && bus !== 1) throw unsupported(item, "there are two IDE channels, 0 and 1");
        this.#keep(item, { type: "VirtualIDEController", key: IDE_KEY + bus, bus });
        break;
      }
      case RESOURCE.scsi:
        this.#addController(item, typeFor(item, SCSI_TYPES), { sharedBus: "noSharing" });
        break;
      case RESOURCE.otherStorage:
        this.#addController(item, typeFor(item, STORAGE_TYPES), {});
        break;
    }
  }

  #addController(item: OvfItem, type: string, more: object): void {
    const bus = [...this.#controllers.values()].filter((other) => familyOf(other.type) === familyOf(type)).length;
    const key = this.#newKey();
    this.#changes.push({ operation: "add", device: { $type: type, key, busNumber: bus, ...more } as VirtualDevice });
    this.#keep(item, { type, key, bus });
  }

  #keep(item: OvfItem, controller: Omit<Controller, "item" | "usedUnits">): void {
    const usedUnits = new Set(familyOf(controller.type) === "scsi" ? [SCSI_CONTROLLER_UNIT] : []);
    this.#controllers.set(item.instanceId, { item, ...controller, usedUnits });
  }

  #takeDevice(item: OvfItem): void {
    switch (item.resourceType) {
      case RESOURCE.cpu:
      case RESOURCE.memory:
      case RESOURCE.ide:
      case RESOURCE.scsi:
      case RESOURCE.otherStorage:
        break; // read elsewhere
      case RESOURCE.disk:
        this.#takeDisk(item);
        break;
      case RESOURCE.cdrom:
      case RESOURCE.dvd:
        this.#takeDrive(item);
        break;
      case RESOURCE.floppy:
        this.#add({
          $type: "VirtualFloppy",
          backing: emptyDrive("VirtualFloppyRemoteDeviceBackingInfo"),
          connectable: UNPLUGGED,
        });
        break;
      case RESOURCE.ethernet:
        this.#takeNic(item);
        break;
      case RESOURCE.usb:
        if (/xhci/i.test(item.resourceSubType)) this.#add({ $type: "VirtualUSBXHCIController" });
        else this.#leaveOut(item, "there is no USB controller but xHCI on this host");
        break;
      case RESOURCE.video:
        break; // every VM has one
      default:
        this.#leaveOut(item, `there is no device of CIM's type ${item.resourceType} on this host`);
        break;
    }
  }

  #takeDisk(item: OvfItem): void {
    const disk = this.#diskOf(item);
    if (this.#usedDisks.has(disk.id)) throw unsupported(item, `the disk '${disk.id}' hangs on another controller already`);
    this.#usedDisks.add(disk.id);
    const { controller, unit } = this.#placeOf(item);
    const { provisioning, entityName } = this.#wish;
    this.#changes.push({
      operation: "add",
      fileOperation: "create",
      device: {
        $type: "VirtualDisk",
        key: this.#newKey(),
        controllerKey: controller.key,
        unitNumber: unit,
        capacityInKB: Math.ceil(disk.capacityBytes / 1024),
        capacityInBytes: disk.capacityBytes,
        backing: {
          $type: "VirtualDiskFlatVer2BackingInfo",
          fileName: "",
          diskMode: diskModeOf(item),
          thinProvisioned: provisioning === "thin",
          ...(provisioning === "eagerZeroedThick" && { eagerlyScrub: true }),
        },
      } as VirtualDevice,
    });
    const file = this.#ovf.files.find(({ id }) => id === disk.fileRef);
    if (file === undefined) return;
    requireStream(disk, file);
    const deviceId = deviceIdOf(entityName, { controllerType: controller.type, bus: controller.bus, unit });
    this.#files.push(fileItem(file, { deviceId, cimType: CIM.disk, create: false }));
  }

  #takeDrive(item: OvfItem): void {
    const { controller, unit } = this.#placeOf(item);
    const [resource = ""] = item.hostResources;
    const file = resource === "" ? undefined : this.#fileOf(item, resource);
    const backing =
      file === undefined
        ? emptyDrive("VirtualCdromRemotePassthroughBackingInfo")
        : { $type: "VirtualCdromIsoBackingInfo", fileName: file.href };
    this.#changes.push({
      operation: "add",
      device: {
        $type: "VirtualCdrom",
        key: this.#newKey(),
        controllerKey: controller.key,
        unitNumber: unit,
        backing,
        connectable: file === undefined ? UNPLUGGED : { startConnected: true, allowGuestControl: true, connected: false },
      } as VirtualDevice,
    });
    if (file === undefined) return;
    if (!/\.iso$/i.test(file.href)) throw unsupported(item, `the file '${file.href}' is no image of a CD: it must end with .iso`);
    const deviceId = deviceIdOf(this.#wish.entityName, { controllerType: controller.type, bus: controller.bus, unit });
    this.#files.push(fileItem(file, { deviceId, cimType: CIM.cdrom, create: true }));
  }

  #takeNic(item: OvfItem): void {
    const [name] = item.connections;
    const portGroup = name === undefined ? undefined : this.#wish.networks.get(name);
    if (portGroup === undefined)
      throw fault(
        "OvfInvalidValueReference",
        `${say(item)} is connected to the network '${name ?? ""}', which the descriptor does not have.`,
        {
          elementName: "Connection",
          attributeName: "",
          value: name ?? "",
          lineNumber: item.line,
        },
      );
    this.#add({
      $type: typeFor(item, NIC_TYPES),
      addressType: "generated",
      wakeOnLanEnabled: item.configs.get("wakeOnLanEnabled") !== "false",
      backing: { $type: "VirtualEthernetCardNetworkBackingInfo", deviceName: portGroup },
      connectable: { startConnected: item.automaticAllocation, allowGuestControl: true, connected: item.automaticAllocation },
    });
  }

  #add(device: object): void {
    this.#changes.push({ operation: "add", device: { key: this.#newKey(), ...device } as VirtualDevice });
  }

  /** Left out with a word, where the descriptor allows it. */
  #leaveOut(item: OvfItem, why: string): void {
    const refusal = unsupported(item, why);
    if (item.isRequired) throw refusal;
    this.#warnings.push(refusal);
  }

  #diskOf(item: OvfItem): OvfDisk {
    const [resource = ""] = item.hostResources;
    const [, id] = /^(?:ovf:)?\/disk\/(.+)$/.exec(resource) ?? [];
    const disk = this.#ovf.disks.find((candidate) => candidate.id === id);
    if (disk !== undefined) return disk;
    throw badResource(item, resource, "is no disk of the package");
  }

  #fileOf(item: OvfItem, resource: string): OvfReference {
    const [, id] = /^(?:ovf:)?\/file\/(.+)$/.exec(resource) ?? [];
    const file = this.#ovf.files.find((candidate) => candidate.id === id);
    if (file !== undefined) return file;
    throw badResource(item, resource, "is no file of the package");
  }

  #placeOf(item: OvfItem): { readonly controller: Controller; readonly unit: number } {
    const controller = this.#controllers.get(item.parent ?? "");
    if (controller === undefined) throw badResource(item, item.parent ?? "", "is no controller that it could hang on");
    const unit = item.addressOnParent ?? firstFree(controller.usedUnits);
    if (unit < 0 || controller.usedUnits.has(unit)) throw unsupported(item, `the place ${unit} of its controller is taken`);
    controller.usedUnits.add(unit);
    return { controller, unit };
  }

  #countOf(type: string): number {
    return [...this.#controllers.values()].filter((controller) => controller.type === type).length;
  }

  #newKey(): number {
    return this.#nextKey--;
  }
}

const UNPLUGGED = { startConnected: false, allowGuestControl: true, connected: false };

const emptyDrive = ($type: string) => ({ $type, exclusive: false, deviceName: "" });

const familyOf = (type: string): string =>
  type === "VirtualIDEController" ? "ide" : type === "VirtualAHCIController" ? "sata" : type === "VirtualNVMEController" ? "nvme" : "scsi";

function firstFree(used: ReadonlySet<number>): number {
  let unit = 0;
  while (used.has(unit)) unit++;
  return unit;
}

function typeFor(item: OvfItem, types: readonly (readonly [RegExp, string])[]): string {
  // Several names are alternatives, the best first.
  for (const name of item.resourceSubType === "" ? [""] : item.resourceSubType.split(/[\s,]+/)) {
    const found = types.find(([pattern]) => pattern.test(name));
    if (found !== undefined) return found[1];
  }
  throw fault("OvfUnsupportedSubType", `${say(item)} is of the type '${item.resourceSubType}', which there is not on this host.`, {
    elementName: item.elementName,
    instanceId: item.instanceId,
    deviceType: item.resourceType,
    deviceSubType: item.resourceSubType,
    lineNumber: item.line,
  });
}

function diskModeOf(item: OvfItem): string {
  return item.configs.get("backing.diskMode") ?? item.configs.get("diskMode") ?? "persistent";
}

/** What this host can take as it comes. */
function requireStream(disk: OvfDisk, file: OvfReference): void {
  const refuse = (attributeName: string, value: string) =>
    fault(
      "OvfUnsupportedAttributeValue",
      `The OVF descriptor, line ${file.line}: ${attributeName}='${value}' is not supported on this host.`,
      {
        elementName: attributeName === "format" ? "Disk" : "File",
        attributeName,
        value,
        lineNumber: file.line,
      },
    );
  if (disk.format !== "" && !/vmdk/i.test(disk.format)) throw refuse("format", disk.format);
  if (file.compression !== undefined) throw refuse("compression", file.compression);
  if (file.chunkBytes !== undefined) throw refuse("chunkSize", String(file.chunkBytes));
}

function fileItem(file: OvfReference, item: Pick<OvfFileItem, "deviceId" | "cimType" | "create">): OvfFileItem {
  return { ...item, path: file.href, ...(file.sizeBytes === undefined ? {} : { size: file.sizeBytes }) };
}
