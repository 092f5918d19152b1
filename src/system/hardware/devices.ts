/** What devices this machine has and how it is set up, as its kernel tells now: Linux's sysfs-bus-pci, sysfs-class-net, sysfs block. */
import { readdir, readFile, readlink, realpath } from "node:fs/promises";
import { networkInterfaces } from "node:os";
import { basename, join } from "node:path";
import { controllerOf, parseCpuList, parseDefaultGateway, parseResolvConf, type Resolver, timeZoneOf } from "./parse-machine.ts";

export interface PciDevice {
  /** "0000:00:1f.2": domain, bus, slot, function. */
  readonly address: string;
  readonly classId: number;
  readonly vendorId: number;
  readonly deviceId: number;
  readonly subVendorId: number;
  readonly subDeviceId: number;
}

/** A disk of the machine itself, and no layer on top of one. */
export interface BlockDevice {
  readonly name: string;
  readonly sizeBytes: number;
  readonly vendor: string;
  readonly model: string;
  readonly serial: string;
  readonly isRotational: boolean;
  /** Whom it hangs at; undefined where it is no PCI device. */
  readonly controller: string | undefined;
  readonly driver: string;
}

/** A network adapter of the machine itself. */
export interface NetworkDevice {
  readonly name: string;
  readonly mac: string;
  readonly driver: string;
  readonly controller: string | undefined;
  /** Whether the machine has it switched on. */
  readonly isUp: boolean;
  /** Undefined while nothing is plugged in; 0 where the adapter does not tell. */
  readonly linkMbps: number | undefined;
  readonly isFullDuplex: boolean;
  /** The machine's own, at which it is reached through this adapter. */
  readonly addresses: readonly string[];
}

export interface NumaNode {
  readonly id: number;
  readonly cpus: readonly number[];
  readonly memoryBytes: number;
}

export interface Machine {
  readonly pciDevices: readonly PciDevice[];
  readonly disks: readonly BlockDevice[];
  readonly nics: readonly NetworkDevice[];
  readonly numaNodes: readonly NumaNode[];
  readonly firmware: { readonly vendor: string; readonly version: string; readonly date: string };
  readonly resolver: Resolver;
  /** "" where the machine has none. */
  readonly defaultGateway: { readonly address: string; readonly device: string } | undefined;
  /** As the tz database names it: "Europe/Vienna". */
  readonly timeZone: string;
}

const SECTOR_BYTES = 512; // of /sys/block/*/size, whatever the disk's own are
const DEVICES_MAX = 1024; // more than any machine has; the answer stays within a message

/** The addresses of an adapter that the machine itself uses. */
type AddressesOf = (name: string) => readonly string[];
const ownAddresses: AddressesOf = (name) => (networkInterfaces()[name] ?? []).map(({ address }) => address);

/** @param root another root folder, for tests */
export async function readMachine(root = "/", addressesOf = ownAddresses): Promise<Machine> {
  const [pciDevices, disks, nics, numaNodes, vendor, version, date, resolvConf, route, localtime] = await Promise.all([
    each(join(root, "sys/bus/pci/devices"), readPciDevice),
    each(join(root, "sys/block"), readBlockDevice),
    each(join(root, "sys/class/net"), (path) => readNetworkDevice(path, addressesOf)),
    each(join(root, "sys/devices/system/node"), readNumaNode),
    text(join(root, "sys/class/dmi/id/bios_vendor")),
    text(join(root, "sys/class/dmi/id/bios_version")),
    text(join(root, "sys/class/dmi/id/bios_date")),
    text(join(root, "etc/resolv.conf")),
    text(join(root, "proc/net/route")),
    readlink(join(root, "etc/localtime")).catch(() => ""),
  ]);
  const resolver = parseResolvConf(resolvConf);
  const defaultGateway = parseDefaultGateway(route);
  const firmware = { vendor, version, date };
  return { pciDevices, disks, nics, numaNodes, firmware, resolver, defaultGateway, timeZone: timeZoneOf(localtime) };
}

/** Reads each entry of a folder, in the order of their names; those that `read` does not take for one are left out. */
async function each<T>(folder: string, read: (path: string) => Promise<T | undefined>): Promise<readonly T[]> {
  const names = (await readdir(folder).catch(() => [])).sort().slice(0, DEVICES_MAX); // no such folder: no such devices
  const found = await Promise.all(names.map((name) => read(join(folder, name))));
  return found.filter((entry) => entry !== undefined) as readonly T[];
}

async function readPciDevice(path: string): Promise<PciDevice> {
  const id = async (name: string): Promise<number> => Number(await text(join(path, name))) || 0;
  const [classId, vendorId, deviceId, subVendorId, subDeviceId] = await Promise.all([
    id("class"),
    id("vendor"),
    id("device"),
    id("subsystem_vendor"),
    id("subsystem_device"),
  ]);
  return { address: basename(path), classId: classId >> 8, vendorId, deviceId, subVendorId, subDeviceId };
}

async function readBlockDevice(path: string): Promise<BlockDevice | undefined> {
  const device = await realpath(join(path, "device")).catch(() => undefined);
  const isRemovable = (await text(join(path, "removable"))) === "1"; // a CD drive, a card reader
  if (device === undefined || isRemovable) return undefined;
  const [size, vendor, model, serial, rotational, driver] = await Promise.all([
    text(join(path, "size")),
    text(join(device, "vendor")),
    text(join(device, "model")),
    text(join(path, "serial")),
    text(join(path, "queue/rotational")),
    driverOf(device),
  ]);
  const sizeBytes = Number(size) * SECTOR_BYTES;
  if (!(sizeBytes > 0)) return undefined;
  const controller = controllerOf(device);
  return { name: basename(path), sizeBytes, vendor, model, serial, isRotational: rotational === "1", controller, driver };
}

/** Of /sys/class/net/NAME/flags, hexadecimal: netdevice(7). */
const IFF_UP = 1;

async function readNetworkDevice(path: string, addressesOf: AddressesOf): Promise<NetworkDevice | undefined> {
  const device = await realpath(join(path, "device")).catch(() => undefined);
  if (device === undefined) return undefined; // lo, bridges, taps: made of software
  const [mac, flags, carrier, speed, duplex, driver] = await Promise.all([
    text(join(path, "address")),
    text(join(path, "flags")),
    text(join(path, "carrier")),
    text(join(path, "speed")),
    text(join(path, "duplex")),
    driverOf(device),
  ]);
  const linkMbps = carrier === "1" ? Math.max(0, Number(speed) || 0) : undefined;
  const [name, isUp] = [basename(path), (Number(flags) & IFF_UP) !== 0];
  const link = { isUp, linkMbps, isFullDuplex: duplex !== "half" };
  return { name, mac, driver, controller: controllerOf(device), ...link, addresses: addressesOf(name) };
}

async function readNumaNode(path: string): Promise<NumaNode | undefined> {
  const id = /^node(\d+)$/.exec(basename(path))?.[1];
  if (id === undefined) return undefined;
  const [cpulist, meminfo] = await Promise.all([text(join(path, "cpulist")), text(join(path, "meminfo"))]);
  const totalKib = Number(/MemTotal:\s+(\d+) kB/.exec(meminfo)?.[1] ?? 0);
  return { id: Number(id), cpus: parseCpuList(cpulist), memoryBytes: totalKib * 1024 };
}

async function driverOf(device: string): Promise<string> {
  return basename(await readlink(join(device, "driver")).catch(() => ""));
}

/** "" where there is no such file, and where the driver does not tell. */
async function text(path: string): Promise<string> {
  return (await readFile(path, "utf8").catch(() => "")).trim();
}
