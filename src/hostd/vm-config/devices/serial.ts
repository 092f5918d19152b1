/** Serial ports: to a file of a datastore, a named pipe, the network, or nowhere. A device of the host is not offered. Pure. */
import { type DatastorePath, formatDatastorePath, parseDatastorePath } from "../../../base/index.ts";
import {
  fault,
  readVmx,
  type VirtualDevice,
  type VirtualDeviceBackingInfo,
  type VirtualSerialPort,
  type Vmx,
  type VmxChanges,
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
import { readWire } from "./serial-wire.ts";

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
    const reading = readWire(device);
    if (reading?.kind === "notSupported") throw backingNotSupported(device, reading.because);
    if (reading?.kind === "invalid") throw invalidBacking(wish, `${reading.because}.`);
    if (reading !== undefined) {
      const backing = ownFields(device.backing);
      return { ...common, deviceInfo: describe(`Serial port ${number + 1}`, summaryOf(backing)), backing };
    }
    const given = backingOf(device, "VirtualSerialPortFileBackingInfo");
    if (given === undefined)
      throw backingNotSupported(device, `it can lead to a file, a pipe or the network, not to ${device.backing.$type}`);
    const file = parseClientFile(given.fileName, wish.place);
    if (file.path === "" || VM_FILES.test(file.path))
      throw invalidBacking(wish, `A serial port cannot write to ${formatDatastorePath(file)}.`);
    const fileName = formatDatastorePath(file);
    return { ...common, deviceInfo: describe(`Serial port ${number + 1}`, `File ${fileName}`), backing: fileBacking(fileName) };
  },
  write: (device, place) => {
    const prefix = serialFamily.prefixOf(device);
    return {
      [`${prefix}.present`]: "TRUE",
      ...writeBacking(prefix, device, place),
      [`${prefix}.yieldOnMsrRead`]: (device as VirtualSerialPort).yieldOnPoll ? "TRUE" : undefined,
      ...writeConnectable(prefix, device),
    };
  },
  prefixOf: ({ key }) => `serial${key - PORTS.serial.key}`,
  toMachine: (device, place) => {
    const at = { kind: "serial", key: device.key, unit: device.key - PORTS.serial.key } as const;
    if (device.backing === undefined || device.connectable?.startConnected === false) return at;
    const reading = readWire(device);
    if (reading?.kind === "nowhere") return at;
    if (reading?.kind === "wire") return { ...at, wire: reading.wire };
    if (reading !== undefined) throw backingNotSupported(device, reading.because);
    const backing = backingOf(device, "VirtualSerialPortFileBackingInfo");
    if (backing === undefined) throw backingNotSupported(device, "it can lead to a file, a pipe or the network");
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

function writeBacking(prefix: string, device: VirtualDevice, place: VmPlace): VmxChanges {
  const file = fileOf(device);
  const pipe = backingOf(device, "VirtualSerialPortPipeBackingInfo");
  const network = backingOf(device, "VirtualSerialPortURIBackingInfo");
  return {
    [`${prefix}.fileType`]: pipe !== undefined ? "pipe" : network !== undefined ? "network" : "file",
    [`${prefix}.fileName`]: pipe?.pipeName ?? network?.serviceURI ?? (file === undefined ? undefined : nameFile(file, place)),
    [`${prefix}.pipe.endPoint`]: pipe?.endpoint,
    [`${prefix}.tryNoRxLoss`]: pipe?.noRxLoss === true ? "TRUE" : undefined,
    [`${prefix}.network.endPoint`]: network?.direction,
    [`${prefix}.vspc`]: network?.proxyURI === "" ? undefined : network?.proxyURI,
  };
}

/** What a client may have sent beside the fields that are kept goes. */
function ownFields(given: VirtualDeviceBackingInfo): VirtualDeviceBackingInfo {
  const pipe = backingOf({ key: 0, backing: given }, "VirtualSerialPortPipeBackingInfo");
  if (pipe !== undefined) return pipeBacking(pipe.pipeName, pipe.endpoint, pipe.noRxLoss === true);
  const network = backingOf({ key: 0, backing: given }, "VirtualSerialPortURIBackingInfo");
  return networkBacking(network?.serviceURI ?? "", network?.direction ?? "", network?.proxyURI);
}

function pipeBacking(pipeName: string, endpoint: string, noRxLoss: boolean): VirtualDeviceBackingInfo {
  return { $type: "VirtualSerialPortPipeBackingInfo", pipeName, endpoint, noRxLoss } as VirtualDeviceBackingInfo;
}

function networkBacking(serviceURI: string, direction: string, proxyURI: string | undefined): VirtualDeviceBackingInfo {
  const proxy = proxyURI === "" ? undefined : proxyURI;
  return { $type: "VirtualSerialPortURIBackingInfo", serviceURI, direction, proxyURI: proxy } as VirtualDeviceBackingInfo;
}

function summaryOf(backing: VirtualDeviceBackingInfo | undefined): string {
  const device = { key: 0, ...(backing && { backing }) };
  const file = fileOf(device);
  if (file !== undefined) return `File ${formatDatastorePath(file)}`;
  const pipe = backingOf(device, "VirtualSerialPortPipeBackingInfo");
  if (pipe !== undefined) return `Pipe ${pipe.pipeName}`;
  const network = backingOf(device, "VirtualSerialPortURIBackingInfo");
  return network === undefined ? "" : `Remote ${network.serviceURI}`;
}

/** The file that a port writes to; undefined when it writes to none. */
export function fileOf(device: VirtualDevice): DatastorePath | undefined {
  return parseDatastorePath(backingOf(device, "VirtualSerialPortFileBackingInfo")?.fileName ?? "");
}

function readPort(vmx: Vmx, number: number, place: VmPlace): VirtualSerialPort {
  const prefix = `serial${number}`;
  const backing = readBacking(vmx, prefix, place);
  return {
    ...portAt(number),
    deviceInfo: describe(`Serial port ${number + 1}`, summaryOf(backing)),
    connectable: readConnectable(vmx, prefix),
    ...(backing && { backing }),
    yieldOnPoll: readFlag(vmx, `${prefix}.yieldOnMsrRead`, false),
  };
}

function readBacking(vmx: Vmx, prefix: string, place: VmPlace): VirtualDeviceBackingInfo | undefined {
  const name = readVmx(vmx, `${prefix}.fileName`) ?? "";
  const type = readVmx(vmx, `${prefix}.fileType`)?.toLowerCase() ?? "file";
  const endpoint = readVmx(vmx, `${prefix}.${type}.endPoint`) ?? "server";
  switch (type) {
    case "network":
      return networkBacking(name, endpoint, readVmx(vmx, `${prefix}.vspc`));
    case "pipe":
      return pipeBacking(name, endpoint, readFlag(vmx, `${prefix}.tryNoRxLoss`, false));
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
