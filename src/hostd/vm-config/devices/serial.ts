/** Serial ports. Their output goes to a file of a datastore or nowhere: a port never opens a socket, pipe or device of the host. Pure. */
import { type DatastorePath, formatDatastorePath, parseDatastorePath } from "../../../base/index.ts";
import {
  fault,
  readVmx,
  type VirtualDevice,
  type VirtualDeviceBackingInfo,
  type VirtualSerialPort,
  type Vmx,
} from "../../../wire/index.ts";
import { PORTS } from "../limits.ts";
import { fileOnHost, nameFile, parseClientFile, showFile, type VmPlace } from "../place.ts";
import {
  acceptConnectable,
  backingNotSupported,
  backingOf,
  type DeviceFamily,
  describe,
  invalidBacking,
  isPresent,
  labelOf,
  readConnectable,
  readFlag,
  writeConnectable,
} from "./family.ts";

/** Files that belong to VMs: a port that appended to one would write into another VM's disk or configuration. */
const VM_FILES = /\.(vmx|vmxf|vmdk|vmsd|vmsn|vmss|vmem|vswp|nvram|efivars|iso|flp|img|lck)~?$/i;

export const serialFamily: DeviceFamily = {
  read: (vmx, place) =>
    Array.from({ length: PORTS.serial.count }, (_, number) => number)
      .filter((number) => isPresent(vmx, `serial${number}`))
      .map((number) => readPort(vmx, number, place)),
  accept: (device, wish) => {
    const number = device.key - PORTS.serial.key;
    const common = { ...portAt(number), connectable: acceptConnectable(device), yieldOnPoll: (device as VirtualSerialPort).yieldOnPoll };
    if (device.backing === undefined) return { ...common, deviceInfo: describe(`Serial port ${number + 1}`, "") };
    const given = backingOf(device, "VirtualSerialPortFileBackingInfo");
    if (given === undefined) throw backingNotSupported(device, `its output can go to a file only, not to ${device.backing.$type}`);
    const file = parseClientFile(given.fileName, wish.place);
    if (file.path === "" || VM_FILES.test(file.path))
      throw invalidBacking(wish, `A serial port cannot write to ${formatDatastorePath(file)}.`);
    const fileName = formatDatastorePath(file);
    return { ...common, deviceInfo: describe(`Serial port ${number + 1}`, `File ${fileName}`), backing: fileBacking(fileName) };
  },
  write: (device, place) => {
    const prefix = serialFamily.prefixOf(device);
    const file = fileOf(device);
    return {
      [`${prefix}.present`]: "TRUE",
      [`${prefix}.fileType`]: "file",
      [`${prefix}.fileName`]: file === undefined ? undefined : nameFile(file, place),
      [`${prefix}.yieldOnMsrRead`]: (device as VirtualSerialPort).yieldOnPoll ? "TRUE" : undefined,
      ...writeConnectable(prefix, device),
    };
  },
  prefixOf: ({ key }) => `serial${key - PORTS.serial.key}`,
  toMachine: (device, place) => {
    const at = { kind: "serial", key: device.key, unit: device.key - PORTS.serial.key } as const;
    if (device.backing === undefined || device.connectable?.startConnected === false) return at;
    const backing = backingOf(device, "VirtualSerialPortFileBackingInfo");
    if (backing === undefined) throw backingNotSupported(device, "its output can go to a file only");
    const file = fileOnHost(backing.fileName, place);
    if (file === undefined) {
      throw fault("FileNotFound", `${labelOf(device)}: the file ${backing.fileName} is in no datastore of this host`, {
        file: backing.fileName,
      });
    }
    if (VM_FILES.test(file.path)) throw backingNotSupported(device, `a serial port cannot write to ${backing.fileName}`);
    return { ...at, file };
  },
};

/** The file that a port writes to; undefined when it writes to none. */
export function fileOf(device: VirtualDevice): DatastorePath | undefined {
  return parseDatastorePath(backingOf(device, "VirtualSerialPortFileBackingInfo")?.fileName ?? "");
}

function readPort(vmx: Vmx, number: number, place: VmPlace): VirtualSerialPort {
  const prefix = `serial${number}`;
  const backing = readBacking(vmx, prefix, place);
  const summary = fileOf({ key: 0, ...(backing && { backing }) });
  return {
    ...portAt(number),
    deviceInfo: describe(`Serial port ${number + 1}`, summary === undefined ? "" : `File ${formatDatastorePath(summary)}`),
    connectable: readConnectable(vmx, prefix),
    ...(backing && { backing }),
    yieldOnPoll: readFlag(vmx, `${prefix}.yieldOnMsrRead`, false),
  };
}

function readBacking(vmx: Vmx, prefix: string, place: VmPlace): VirtualDeviceBackingInfo | undefined {
  const name = readVmx(vmx, `${prefix}.fileName`) ?? "";
  const endpoint = readVmx(vmx, `${prefix}.network.endPoint`) ?? readVmx(vmx, `${prefix}.pipe.endPoint`) ?? "server";
  switch (readVmx(vmx, `${prefix}.fileType`)?.toLowerCase() ?? "file") {
    case "network":
      return { $type: "VirtualSerialPortURIBackingInfo", serviceURI: name, direction: endpoint } as VirtualDeviceBackingInfo;
    case "pipe":
      return { $type: "VirtualSerialPortPipeBackingInfo", pipeName: name, endpoint } as VirtualDeviceBackingInfo;
    case "device":
      return { $type: "VirtualSerialPortDeviceBackingInfo", deviceName: name, useAutoDetect: false } as VirtualDeviceBackingInfo;
    case "thinprint":
      return { $type: "VirtualSerialPortThinPrintBackingInfo" };
    default:
      return name === "" ? undefined : fileBacking(showFile(name, place));
  }
}

function fileBacking(fileName: string): VirtualDeviceBackingInfo {
  return { $type: "VirtualSerialPortFileBackingInfo", fileName } as VirtualDeviceBackingInfo;
}

function portAt(number: number): VirtualSerialPort {
  const { key, unit, controllerKey } = PORTS.serial;
  return { $type: "VirtualSerialPort", key: key + number, controllerKey, unitNumber: unit + number, yieldOnPoll: false };
}
