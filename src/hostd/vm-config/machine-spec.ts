/**
 * From a VM's .vmx to the machine that vmkernel is to run. Pure.
 * What the .vmx promises and this host can't keep is refused here, by name: nothing runs weaker than it is shown.
 */
import { type DatastorePath, folderOf, formatDatastorePath, inFolder, type VmId } from "../../base/index.ts";
import type { DeviceSpec, MachineSpec } from "../../vmkernel/index.ts";
import { fault, readVmx, type Vmx } from "../../wire/index.ts";
import { bootKeys } from "./boot-order.ts";
import { familyOf, readDevices } from "./devices/index.ts";
import { fileOf } from "./devices/serial.ts";
import { type Field, flag, readField } from "./fields.ts";
import { biosUuidOf, displayNameOf } from "./identity.ts";
import { NAME_LENGTH_MAX } from "./limits.ts";
import { baseNameOf, type VmPlace } from "./place.ts";
import { identityFields } from "./settings.ts";

export interface MachineQuestion extends VmPlace {
  readonly vm: VmId;
  /** The memory of a suspended guest. */
  readonly resumeFrom?: DatastorePath;
}

/** Promises of a .vmx that would not be kept. */
const NOT_KEPT: readonly { readonly key: string; readonly isPromised: (value: string) => boolean; readonly name: string }[] = [
  { key: "uefi.secureBoot.enabled", isPromised: isTrue, name: "UEFI secure boot" },
  { key: "vhv.enable", isPromised: isTrue, name: "Nested virtualization" },
  { key: "sev.enable", isPromised: isTrue, name: "AMD SEV" },
  { key: "sgx.epcSize", isPromised: (value) => value !== "" && value !== "0", name: "Intel SGX" },
  { key: "encryption.keySafe", isPromised: (value) => value !== "", name: "Encryption" },
];

/** @throws {Fault} InvalidVmConfig, DeviceNotSupported, FileNotFound …, which names the key, the device or the file */
export function machineSpecOf(vmx: Vmx, { vm, resumeFrom, ...place }: MachineQuestion): MachineSpec {
  refusePromises(vmx, place);
  const devices = readDevices(vmx, { ...place, disks: new Map() });
  const specs = devices.flatMap((device) => familyOf(device).toMachine(device, place) ?? []);
  refuseSharedDisks(specs);
  const instanceUuid = readField(identityFields.instanceUuid, vmx);
  return {
    vm,
    name: displayNameOf(vmx, place)
      .replace(/\p{Cc}/gu, " ")
      .slice(0, NAME_LENGTH_MAX),
    home: folderOf(place.vmxPath),
    biosUuid: biosUuidOf(vmx, place),
    ...(instanceUuid !== undefined && { instanceUuid }),
    memoryMiB: required(identityFields.memoryMB, vmx, place),
    vcpus: required(identityFields.numCPUs, vmx, place, 1),
    coresPerSocket: required(identityFields.numCoresPerSocket, vmx, place, 1),
    firmware:
      required(identityFields.firmware, vmx, place, "bios") === "efi" ? { kind: "efi", nvram: efiVariablesOf(place) } : { kind: "bios" },
    bootOrder: bootKeys(vmx, devices),
    devices: specs,
    ...(resumeFrom !== undefined && { resumeFrom }),
  };
}

/**
 * Where the VM's EFI variables are. The .nvram that the .vmx names is in VMware's own form, which our firmware can't read and must
 * not overwrite, so that the folder can be carried back.
 */
export function efiVariablesOf(place: Pick<VmPlace, "vmxPath">): DatastorePath {
  return inFolder(folderOf(place.vmxPath), `${baseNameOf(place)}.efivars`);
}

/** The files that a VM's serial ports write to, where they lie in datastores of this host. */
export function serialFilesOf(vmx: Vmx, vmxPath: DatastorePath, datastores: VmPlace["datastores"]): DatastorePath[] {
  const devices = readDevices(vmx, { vmxPath, datastores, disks: new Map() });
  return devices.flatMap((device) => (device.$type === "VirtualSerialPort" ? (fileOf(device) ?? []) : []));
}

function required<T>(field: Field<T> | undefined, vmx: Vmx, { vmxPath }: VmPlace, otherwise?: T): T {
  const key = field?.key ?? "";
  const value = readVmx(vmx, key) === undefined ? otherwise : readField(field, vmx);
  if (value !== undefined) return value;
  throw fault("InvalidVmConfig", `${formatDatastorePath(vmxPath)} has no proper ${key}.`, { property: key });
}

function refusePromises(vmx: Vmx, { vmxPath }: VmPlace): void {
  for (const { key, isPromised, name } of NOT_KEPT) {
    if (!isPromised(readVmx(vmx, key) ?? "")) continue;
    throw fault("InvalidVmConfig", `${formatDatastorePath(vmxPath)} asks for what this host does not offer: ${name} (${key}).`, {
      property: key,
    });
  }
}

/** A hand-written .vmx can name one disk twice: two writers of one file. */
function refuseSharedDisks(specs: readonly DeviceSpec[]): void {
  const seen = new Set<string>();
  for (const spec of specs) {
    if (spec.kind !== "disk") continue;
    const file = formatDatastorePath(spec.descriptor);
    if (seen.has(file)) throw fault("FileLocked", `The VM has the disk ${file} twice.`, { file });
    seen.add(file);
  }
}

function isTrue(value: string): boolean {
  return flag.read(value) === true;
}
