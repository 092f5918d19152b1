/**
 * What a client's deviceChange makes of a VM: places and keys are given out, links resolved, disks planned, keys written. Pure.
 * Removals come first, then controllers, then what hangs on them; within each the client's order stands.
 * Source: vim25 VirtualDeviceConfigSpec; the vSphere Web Services API «ConfigSpec features».
 */
import {
  fault,
  updateVmx,
  type VirtualController,
  type VirtualDevice,
  type VirtualDeviceConfigSpec,
  type VirtualEthernetCard,
} from "../../wire/index.ts";
import { type CatalogueRow, catalogueRow, isOfVersion } from "./device-catalogue.ts";
import { clearKeys, type DevicePlan, type DeviceQuestion, type Draft, keep, keysOf, requireDevice } from "./device-draft.ts";
import { isSamePlace, placeDevice, resolveKey } from "./device-places.ts";
import { completeDevices, familyOf, invalidDevice, labelOf } from "./devices/index.ts";
import { editDisk, planDisk } from "./disk-changes.ts";
import { definedOf, invalidArgument, readField } from "./fields.ts";
import { BUSES, DEVICE_CHANGES_MAX, KEY, PORTS } from "./limits.ts";
import { checkMac, giveMac } from "./mac-changes.ts";
import { descriptorOf } from "./new-disks.ts";
import { identityFields } from "./settings.ts";

/** @throws {Fault} InvalidDeviceSpec or one of its kin, which names the change by its index */
export function planDeviceChanges(question: DeviceQuestion): DevicePlan {
  const { changes } = question;
  if (changes.length > DEVICE_CHANGES_MAX) throw invalidArgument("configSpec.deviceChange", `more than ${DEVICE_CHANGES_MAX} changes`);
  const draft: Draft = {
    question,
    vmx: question.vmx,
    devices: new Map(question.devices.map((device) => [device.key, device])),
    links: new Map(),
    disksToCreate: [],
    disksToAttach: [],
    disksToExtend: [],
    disksToDelete: [],
    keyOfChange: new Map(),
  };
  const ordered = changes.map((change, index) => ({ change, index })).toSorted((one, other) => rankOf(one.change) - rankOf(other.change));
  for (const { change, index } of ordered) applyChange(draft, change, index);
  const { devices, question: _, links: __, ...plan } = draft;
  return { ...plan, devices: completeDevices([...devices.values()]) };
}

function rankOf({ operation, device }: VirtualDeviceConfigSpec): number {
  const isController = /Controller$/.test(device.$type ?? "");
  if (operation === "remove") return isController ? 1 : 0;
  return isController ? 2 : 3;
}

function applyChange(draft: Draft, change: VirtualDeviceConfigSpec, index: number): void {
  const row = catalogueRow(change.device.$type);
  if (row === undefined || row.machine === "abstract")
    throw invalidDevice({ index }, `A ${change.device.$type} is no device that a VM can have.`);
  refuseUnavailable(change, index);
  switch (change.operation) {
    case "add":
      addDevice(draft, change, row, index);
      break;
    case "edit":
      editDevice(draft, change, index);
      break;
    case "remove":
      removeDevice(draft, change, row, index);
      break;
    default:
      throw invalidDevice({ index }, "It does not say what is to be done with the device.", "operation");
  }
}

/** Storage policies, I/O filters and encryption would promise what this host does not do. */
function refuseUnavailable(
  { profile = [], filterSpec = [], backing, fileOperation, device }: VirtualDeviceConfigSpec,
  index: number,
): void {
  const isPolicy = profile.some(({ $type }) => $type !== "VirtualMachineEmptyProfileSpec" && $type !== "VirtualMachineDefaultProfileSpec");
  if (isPolicy || filterSpec.length > 0)
    throw invalidDevice({ index }, "Storage policies and I/O filters are not offered on this host.", "profile");
  if (backing?.crypto !== undefined || backing?.parent !== undefined)
    throw invalidDevice({ index }, "Encrypted and linked disks are not offered on this host.", "backing");
  if (fileOperation !== undefined && device.$type !== "VirtualDisk")
    throw invalidDevice({ index }, `No file can be made or removed with a ${device.$type}.`, "fileOperation");
}

function addDevice(draft: Draft, change: VirtualDeviceConfigSpec, row: CatalogueRow, index: number): void {
  const { device } = change;
  if (row.machine === "notOffered") {
    const message = `Invalid configuration for device '${index}'. ${row.name} is not supported on this host.`;
    throw fault("DeviceUnsupportedForVmPlatform", message, { deviceIndex: index, property: "virtualDeviceSpec.device" });
  }
  refuseNewer(draft, device, row, index);
  const own = ownKeyOf(device);
  if (own !== undefined) {
    adoptOwn(draft, device, own, index);
    return;
  }
  const placed = placeDevice(device, draft, index);
  draft.links.set(device.key, placed.key);
  const complete =
    row.family === "nic"
      ? giveMac(draft, placed as VirtualEthernetCard, index)
      : row.family === "disk"
        ? planDisk(draft, change, placed, index)
        : placed;
  clearKeys(draft, familyOf(complete).prefixOf(complete));
  keep(draft, complete, index);
}

/** A VM of older hardware has only what there was then: its guest may run on a host that has no more. */
function refuseNewer(draft: Draft, { $type }: VirtualDevice, { name, since }: CatalogueRow, index: number): void {
  const currentVersion = readField(identityFields.version, draft.vmx) ?? "";
  if (since === undefined || isOfVersion($type, Number(currentVersion.slice("vmx-".length)))) return;
  const message = `Invalid configuration for device '${index}'. ${name} needs virtual hardware vmx-${since}; the VM has ${currentVersion}.`;
  const fields = { deviceIndex: index, property: "virtualDeviceSpec.device", currentVersion, expectedVersion: `vmx-${since}` };
  throw fault("DeviceUnsupportedForVmVersion", message, fields);
}

/** Where every VM has this device already: adding it names the one that is there, so clients may list it or not. */
function ownKeyOf(device: VirtualDevice): number | undefined {
  switch (device.$type) {
    case "VirtualPCIController":
      return KEY.pci;
    case "VirtualPS2Controller":
      return KEY.ps2;
    case "VirtualSIOController":
      return KEY.sio;
    case "VirtualKeyboard":
      return KEY.keyboard;
    case "VirtualPointingDevice":
      return KEY.pointing;
    case "VirtualMachineVideoCard":
      return KEY.video;
    case "VirtualMachineVMCIDevice":
      return KEY.vmci;
    case "VirtualIDEController":
      return BUSES.ide.key + (device as VirtualController).busNumber;
    default:
      return undefined;
  }
}

function adoptOwn(draft: Draft, device: VirtualDevice, key: number, index: number): void {
  const own = draft.devices.get(key);
  const isNew = own === undefined && (key === KEY.video || key === KEY.vmci); // an ESXi .vmx may lack these two
  if (own === undefined && !isNew)
    throw invalidDevice({ index }, `A VM has ${BUSES.ide.count} IDE controllers, and always has them.`, "busNumber");
  draft.links.set(device.key, key);
  keep(draft, { ...own, ...definedOf(device), key }, index);
}

function editDevice(draft: Draft, change: VirtualDeviceConfigSpec, index: number): void {
  const { device, fileOperation } = change;
  const existing = requireDevice(draft, device.key, index);
  if (fileOperation !== undefined)
    throw invalidDevice({ index }, `A device that stays cannot have the file operation ${fileOperation}.`, "fileOperation");
  if (existing.$type !== device.$type)
    throw invalidDevice({ index }, `${labelOf(existing)} is a ${existing.$type}, not a ${device.$type}.`);
  const wanted: VirtualDevice = { ...existing, ...definedOf(device), key: existing.key };
  const placed = moveDevice(draft, existing, wanted, index);
  const complete =
    catalogueRow(device.$type)?.family === "nic"
      ? checkMac(draft, placed as VirtualEthernetCard, index)
      : device.$type === "VirtualDisk"
        ? editDisk(draft, existing, placed, index)
        : placed;
  keep(draft, complete, index);
}

/** A disk or drive may be moved to another unit; its keys move with it. */
function moveDevice(draft: Draft, existing: VirtualDevice, wanted: VirtualDevice, index: number): VirtualDevice {
  const family = catalogueRow(existing.$type)?.family;
  const resolved = wanted.controllerKey === undefined ? wanted : { ...wanted, controllerKey: resolveKey(wanted.controllerKey, draft) };
  if (family !== "disk" && family !== "cdrom") return { ...resolved, ...standing(existing) };
  if (isSamePlace(existing, resolved)) return resolved;
  draft.devices.delete(existing.key);
  const placed = placeDevice(wanted, draft, index);
  const [from, to] = [familyOf(existing).prefixOf(existing), familyOf(placed).prefixOf(placed)];
  clearKeys(draft, to);
  const moved = keysOf(draft, from).map((key) => [key.replace(from, to), draft.vmx.values.get(key.toLowerCase())] as const);
  clearKeys(draft, from);
  draft.vmx = updateVmx(draft.vmx, Object.fromEntries(moved));
  return placed;
}

function standing({ controllerKey, unitNumber }: VirtualDevice): Pick<VirtualDevice, "controllerKey" | "unitNumber"> {
  return { ...(controllerKey !== undefined && { controllerKey }), ...(unitNumber !== undefined && { unitNumber }) };
}

function removeDevice(draft: Draft, { device, fileOperation }: VirtualDeviceConfigSpec, row: CatalogueRow, index: number): void {
  const existing = requireDevice(draft, device.key, index);
  if (ownKeyOf(existing) !== undefined) throw invalidDevice({ index }, `${labelOf(existing)} is part of every VM.`);
  const attached = [...draft.devices.values()].find(({ controllerKey }) => controllerKey === existing.key);
  if (attached !== undefined) throw invalidDevice({ index }, `${labelOf(attached)} hangs on ${labelOf(existing)}.`);
  if (fileOperation !== undefined && fileOperation !== "destroy")
    throw invalidDevice({ index }, `A device that goes cannot have the file operation ${fileOperation}.`, "fileOperation");
  const descriptor = fileOperation === "destroy" ? descriptorOf(existing) : undefined;
  if (descriptor !== undefined) draft.disksToDelete.push(descriptor);
  draft.keyOfChange.set(index, existing.key);
  draft.devices.delete(existing.key);
  const prefix = familyOf(existing).prefixOf(existing);
  clearKeys(draft, prefix);
  // Without the key, VMware's own products see a floppy drive.
  if (row.family === "floppy" && existing.key === PORTS.floppy.key) draft.vmx = updateVmx(draft.vmx, { [`${prefix}.present`]: "FALSE" });
}
