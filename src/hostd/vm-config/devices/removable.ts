/**
 * CD/DVD and floppy drives. A drive holds an image of a datastore or nothing: the host's own drives and a client's are never
 * reached through to. Pure.
 */
import { formatDatastorePath, parseDatastorePath } from "../../../base/index.ts";
import { fault, readVmx, type VirtualDevice, type VirtualDeviceBackingInfo, type Vmx, type VmxChanges } from "../../../wire/index.ts";
import { allNodes, PORTS } from "../limits.ts";
import { fileOnHost, nameFile, parseClientFile, showFile, type VmPlace } from "../place.ts";
import { kindAt, nodeOf } from "./disk.ts";
import {
  acceptConnectable,
  backingNotSupported,
  type DeviceFamily,
  describe,
  invalidBacking,
  isPresent,
  labelOf,
  readConnectable,
  readFlag,
  type Wish,
  writeConnectable,
} from "./family.ts";

/** A drive can name no other file: the flat extent of another VM's disk would be an image like any. */
const IMAGE_NAMES = { cdrom: /\.iso$/i, floppy: /\.(flp|img|ima|vfd|iso)$/i } as const;

interface DriveKind {
  readonly kind: "cdrom" | "floppy";
  readonly imageBacking: string;
  /** Backings of drives of the host or of a client, by what the .vmx says: [type, key with deviceName, client's own]. */
  readonly emptyBackings: readonly { readonly type: string; readonly written: string; readonly remote: boolean }[];
  readonly imageType: string;
  readonly typeKey: string;
}

const CDROM: DriveKind = {
  kind: "cdrom",
  imageBacking: "VirtualCdromIsoBackingInfo",
  emptyBackings: [
    { type: "VirtualCdromRemotePassthroughBackingInfo", written: "cdrom-raw", remote: true },
    { type: "VirtualCdromRemoteAtapiBackingInfo", written: "atapi-cdrom", remote: true },
    { type: "VirtualCdromPassthroughBackingInfo", written: "cdrom-raw", remote: false },
    { type: "VirtualCdromAtapiBackingInfo", written: "atapi-cdrom", remote: false },
  ],
  imageType: "cdrom-image",
  typeKey: "deviceType",
};
const FLOPPY: DriveKind = {
  kind: "floppy",
  imageBacking: "VirtualFloppyImageBackingInfo",
  emptyBackings: [
    { type: "VirtualFloppyRemoteDeviceBackingInfo", written: "device", remote: true },
    { type: "VirtualFloppyDeviceBackingInfo", written: "device", remote: false },
  ],
  imageType: "file",
  typeKey: "fileType",
};

export const cdromFamily: DeviceFamily = {
  read: (vmx, place) =>
    allNodes
      .filter(({ prefix }) => isPresent(vmx, prefix) && kindAt(vmx, prefix) === "cdrom")
      .map(({ prefix, key, controllerKey, unit }) => ({
        $type: "VirtualCdrom",
        key,
        controllerKey,
        unitNumber: unit,
        ...readDrive(vmx, prefix, place, CDROM),
      })),
  accept: (device, wish) => {
    const { bus, key, controllerKey, unit } = nodeOf(device);
    if (bus === "nvme") throw invalidBacking(wish, "A CD/DVD drive cannot hang on an NVMe controller.");
    return { $type: "VirtualCdrom", key, controllerKey, unitNumber: unit, ...acceptDrive(device, wish, CDROM) };
  },
  write: (device, place) => writeDrive(device, nodeOf(device).prefix, place, CDROM),
  prefixOf: (device) => nodeOf(device).prefix,
  toMachine: (device, place) => {
    const { key, controllerKey, unit } = nodeOf(device);
    return { kind: "cdrom", key, controllerKey, unit, ...imageOf(device, place, CDROM) };
  },
};

export const floppyFamily: DeviceFamily = {
  read: (vmx, place) =>
    Array.from({ length: PORTS.floppy.count }, (_, number) => number)
      .filter((number) => isPresent(vmx, `floppy${number}`))
      .map((number) => ({ ...floppyAt(number), ...readDrive(vmx, `floppy${number}`, place, FLOPPY) })),
  accept: (device, wish) => ({ ...floppyAt(device.key - PORTS.floppy.key), ...acceptDrive(device, wish, FLOPPY) }),
  write: (device, place) => writeDrive(device, floppyFamily.prefixOf(device), place, FLOPPY),
  prefixOf: ({ key }) => `floppy${key - PORTS.floppy.key}`,
  toMachine: (device, place) => ({
    kind: "floppy",
    key: device.key,
    unit: device.key - PORTS.floppy.key,
    ...imageOf(device, place, FLOPPY),
  }),
};

function floppyAt(number: number): VirtualDevice {
  return { $type: "VirtualFloppy", key: PORTS.floppy.key + number, controllerKey: PORTS.floppy.controllerKey, unitNumber: number };
}

function readDrive(
  vmx: Vmx,
  prefix: string,
  place: VmPlace,
  drive: DriveKind,
): Pick<VirtualDevice, "backing" | "connectable" | "deviceInfo"> {
  const connectable = readConnectable(vmx, prefix);
  const written = readVmx(vmx, `${prefix}.${drive.typeKey}`)?.toLowerCase() ?? "";
  const name = readVmx(vmx, `${prefix}.fileName`) ?? "";
  const remote = readFlag(vmx, `${prefix}.clientDevice`, false);
  const empty = drive.emptyBackings.find((row) => row.written === written && row.remote === remote);
  const isImage = written === drive.imageType || (empty === undefined && name !== "");
  const backing = isImage
    ? imageBacking(drive, showFile(name, place))
    : deviceBacking(empty?.type ?? drive.emptyBackings[0]?.type ?? "", name);
  return { backing, connectable, deviceInfo: describeDrive(drive, backing) };
}

function acceptDrive(device: VirtualDevice, wish: Wish, drive: DriveKind): Pick<VirtualDevice, "backing" | "connectable" | "deviceInfo"> {
  const given = device.backing as (VirtualDeviceBackingInfo & { fileName?: string; deviceName?: string }) | undefined;
  const connectable = acceptConnectable(device);
  const accepted = (backing: VirtualDeviceBackingInfo) => ({ backing, connectable, deviceInfo: describeDrive(drive, backing) });
  if (given === undefined) return accepted(deviceBacking(drive.emptyBackings[0]?.type ?? "", ""));
  if (given.$type === drive.imageBacking) {
    if ((given.fileName ?? "") === "") return accepted(deviceBacking(drive.emptyBackings[0]?.type ?? "", ""));
    const file = parseClientFile(given.fileName ?? "", wish.place);
    if (!IMAGE_NAMES[drive.kind].test(file.path))
      throw invalidBacking(wish, `${formatDatastorePath(file)} does not have the name of an image.`);
    return accepted(imageBacking(drive, formatDatastorePath(file)));
  }
  const empty = drive.emptyBackings.find(({ type }) => type === given.$type);
  if (empty === undefined) throw backingNotSupported(device, `${given.$type} is no backing of a drive`);
  return accepted(deviceBacking(empty.type, (given.deviceName ?? "").slice(0, DEVICE_NAME_MAX)));
}

const DEVICE_NAME_MAX = 255;

function writeDrive(device: VirtualDevice, prefix: string, place: VmPlace, drive: DriveKind): VmxChanges {
  const backing = device.backing as (VirtualDeviceBackingInfo & { fileName?: string; deviceName?: string }) | undefined;
  const file = backing?.$type === drive.imageBacking ? parseDatastorePath(backing.fileName ?? "") : undefined;
  const empty = drive.emptyBackings.find(({ type }) => type === backing?.$type);
  return {
    [`${prefix}.present`]: "TRUE",
    [`${prefix}.${drive.typeKey}`]: file === undefined ? empty?.written : drive.imageType,
    [`${prefix}.fileName`]: file === undefined ? backing?.deviceName || undefined : nameFile(file, place),
    [`${prefix}.clientDevice`]: file === undefined && empty?.remote === true ? "TRUE" : undefined,
    ...writeConnectable(prefix, device),
  };
}

/** The image that is in the drive at power-on, if it is connected then. */
function imageOf(device: VirtualDevice, place: VmPlace, drive: DriveKind) {
  const name = device.backing?.$type === drive.imageBacking ? (device.backing as { fileName?: string }).fileName : undefined;
  if (name === undefined || device.connectable?.startConnected === false) return {};
  const image = fileOnHost(name, place);
  if (image === undefined) {
    throw fault("FileNotFound", `${labelOf(device)}: the file ${name} is in no datastore of this host`, { file: name });
  }
  if (!IMAGE_NAMES[drive.kind].test(image.path)) throw backingNotSupported(device, `${name} does not have the name of an image`);
  return { image };
}

function imageBacking({ imageBacking: type }: DriveKind, fileName: string): VirtualDeviceBackingInfo {
  return { $type: type, fileName } as VirtualDeviceBackingInfo;
}

function deviceBacking(type: string, deviceName: string): VirtualDeviceBackingInfo {
  return {
    $type: type,
    deviceName,
    useAutoDetect: false,
    ...(/Passthrough/.test(type) && { exclusive: false }),
  } as VirtualDeviceBackingInfo;
}

function describeDrive(drive: DriveKind, backing: VirtualDeviceBackingInfo) {
  const file = (backing as { fileName?: string }).fileName;
  return describe(
    drive.kind === "cdrom" ? "CD/DVD drive" : "Floppy drive",
    file === undefined ? "Remote device" : drive.kind === "cdrom" ? `ISO ${file}` : file,
  );
}
