/**
 * Reads a {@link MachineSpec} out of JSON (untrusted: hostd may have been taken over, a run-time file may be damaged). Pure.
 * Here it gets its shape; whether such a machine can exist is `check-machine.ts`.
 */
import { assertNever } from "../../base/index.ts";
import type { CpuMaskBit, Device, DeviceSpec, LogRules, MachineSpec, MemoryHotAdd, SerialWire } from "../machine.ts";
import { MAC, parseFirewall } from "../parse-firewall.ts";
import { readPortGroupName } from "../parse-network.ts";
import {
  asShape,
  readInteger,
  readIntegers,
  readOneOf,
  readOptional,
  readOptionalFlag,
  readPath,
  readShape,
  readShapes,
  readText,
  readVmId,
  type Shape,
} from "../shape.ts";
import { CPU_FEATURES } from "./cpu-features.ts";

/** More than all buses together can hold. */
export const DEVICES_MAX = 400;
/** Slots for memory that is added while a VM runs: QEMU's board has up to 256; each takes a little room in the guest's tables. */
export const MEMORY_MODULES_MAX = 32;
const NAME_LENGTH_MAX = 80; // vim25 VirtualMachine.name
const KEY = { min: 1, max: 0x7fff_ffff }; // vim25 VirtualDevice.key is an int; hostd has given each device its own by now
const UNIT = { min: 0, max: 0xffff };
const COUNT = { min: 0, max: 0x7fff_ffff };
/** All logs of a VM together stay below a GiB and a half, whatever its .vmx says. */
export const LOG_KEEP_OLD = { min: 0, max: 100 };
export const LOG_ROTATE_BYTES = { min: 4096, max: 16_000_000 };
const WAIT_MS = { min: 0, max: 0xffff }; // of QEMU's -boot
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** @throws {Fault} InvalidArgument, which names the field */
export function parseMachine(value: unknown, at: string): MachineSpec {
  const shape = asShape(value, at);
  const resumeFrom = readOptional(shape, "resumeFrom", readPath);
  const instanceUuid = readOptional(shape, "instanceUuid", (from, name) => readText(from, name, { max: 36, pattern: UUID }));
  const memoryHotAdd = readOptional(shape, "memoryHotAdd", readShape);
  const vcpusMax = readOptional(shape, "vcpusMax", (from, name) => readInteger(from, name, COUNT));
  const bootDelayMs = readOptional(shape, "bootDelayMs", (from, name) => readInteger(from, name, WAIT_MS));
  const bootRetryMs = readOptional(shape, "bootRetryMs", (from, name) => readInteger(from, name, WAIT_MS));
  const latency = readOptional(shape, "latency", (from, name) => readOneOf(from, name, ["low", "medium", "high"]));
  const log = readOptional(shape, "log", readShape);
  const cpuMask = readOptional(shape, "cpuMask", (from, name) => readShapes(from, name, CPU_FEATURES.length).map(parseMaskBit));
  return {
    vm: readVmId(shape, "vm"),
    name: readText(shape, "name", { max: NAME_LENGTH_MAX, pattern: /^[^\p{Cc}]+$/u }),
    home: readPath(shape, "home"),
    biosUuid: readText(shape, "biosUuid", { max: 36, pattern: UUID }),
    ...(instanceUuid && { instanceUuid }),
    memoryMiB: readInteger(shape, "memoryMiB", COUNT),
    ...(memoryHotAdd && { memoryHotAdd: parseMemoryHotAdd(memoryHotAdd) }),
    vcpus: readInteger(shape, "vcpus", COUNT),
    ...(vcpusMax !== undefined && { vcpusMax }),
    coresPerSocket: readInteger(shape, "coresPerSocket", COUNT),
    ...(latency && { latency }),
    ...(cpuMask && { cpuMask }),
    firmware: parseFirmware(readShape(shape, "firmware")),
    ...(bootDelayMs !== undefined && { bootDelayMs }),
    ...(bootRetryMs !== undefined && { bootRetryMs }),
    bootOrder: readIntegers(shape, "bootOrder", { ...KEY, countMax: DEVICES_MAX }),
    devices: readShapes(shape, "devices", DEVICES_MAX).map(parseDevice),
    ...(log && { log: parseLogRules(log) }),
    ...(resumeFrom && { resumeFrom }),
  };
}

function parseLogRules(shape: Shape): LogRules {
  return { keepOld: readInteger(shape, "keepOld", LOG_KEEP_OLD), rotateBytes: readInteger(shape, "rotateBytes", LOG_ROTATE_BYTES) };
}

function parseMaskBit(shape: Shape): CpuMaskBit {
  return { feature: readOneOf(shape, "feature", CPU_FEATURES), shown: readOptionalFlag(shape, "shown") };
}

function parseMemoryHotAdd(shape: Shape): MemoryHotAdd {
  return {
    maxMiB: readInteger(shape, "maxMiB", COUNT),
    addedMiB: readIntegers(shape, "addedMiB", { ...COUNT, countMax: MEMORY_MODULES_MAX }),
  };
}

function parseFirmware(shape: Shape): MachineSpec["firmware"] {
  const kind = readOneOf(shape, "kind", ["bios", "efi"]);
  return kind === "bios" ? { kind } : { kind, nvram: readPath(shape, "nvram") };
}

const KINDS = ["scsi", "ahci", "ide", "nvme", "disk", "cdrom", "floppy", "nic", "video", "xhci", "usb", "serial", "toolsChannel"] as const;

function parseDevice(shape: Shape): DeviceSpec {
  const kind = readOneOf(shape, "kind", KINDS);
  const key = readInteger(shape, "key", KEY);
  switch (kind) {
    case "scsi":
      return { kind, key, bus: readInteger(shape, "bus", UNIT), model: readOneOf(shape, "model", ["lsilogic", "lsisas1068", "pvscsi"]) };
    case "ahci":
    case "ide":
    case "nvme":
      return { kind, key, bus: readInteger(shape, "bus", UNIT) };
    case "disk":
      return {
        kind,
        key,
        ...parsePlace(shape),
        descriptor: readPath(shape, "descriptor"),
        mode: readOneOf(shape, "mode", ["persistent", "independent_persistent", "independent_nonpersistent"]),
        ...parseAllocation(shape),
      };
    case "cdrom":
      return { kind, key, ...parsePlace(shape), ...parseOptionalFile(shape, "image") };
    case "floppy":
      return { kind, key, unit: readInteger(shape, "unit", UNIT), ...parseOptionalFile(shape, "image") };
    case "nic":
      return {
        kind,
        key,
        model: readOneOf(shape, "model", ["e1000", "e1000e", "vmxnet3", "virtio"]),
        mac: readText(shape, "mac", { max: 17, pattern: MAC }),
        ...(readOptionalFlag(shape, "connected") && { connected: true }),
        ...parsePlug(shape),
      };
    case "video":
      return { kind, key, vramKiB: readInteger(shape, "vramKiB", COUNT) };
    case "serial":
      return { kind, key, unit: readInteger(shape, "unit", UNIT), ...parseOptionalFile(shape, "file"), ...parseWire(shape) };
    case "usb":
      return { kind, key, model: readOneOf(shape, "model", ["uhci", "ehci"]) };
    case "xhci":
    case "toolsChannel":
      return { kind, key };
    default:
      return assertNever(kind);
  }
}

const IOPS = { min: 1, max: 2 ** 31 };
const IO_SHARES = { min: 1, max: 1_000_000 };

function parseAllocation(disk: Shape): Pick<Device<"disk">, "iopsMax" | "ioShares"> {
  const iopsMax = readOptional(disk, "iopsMax", (shape, name) => readInteger(shape, name, IOPS));
  const ioShares = readOptional(disk, "ioShares", (shape, name) => readInteger(shape, name, IO_SHARES));
  return { ...(iopsMax !== undefined && { iopsMax }), ...(ioShares !== undefined && { ioShares }) };
}

function parsePlug(nic: Shape): Pick<Device<"nic">, "network" | "firewall"> {
  const network = readOptional(nic, "network", readPortGroupName);
  const firewall = readOptional(nic, "firewall", readShape);
  return { ...(network !== undefined && { network }), ...(firewall && { firewall: parseFirewall(firewall) }) };
}

const PIPE_NAME = /^[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}$/; // no path, and nothing hidden
const HOST = /^[A-Za-z0-9.:-]{1,253}$/; // a name or an address
const PORT = { min: 1, max: 65_535 };
const URI = { max: 1024, pattern: /^[\x20-\x7e]*$/ };

function parseWire(port: Shape): { readonly wire?: SerialWire } {
  const shape = readOptional(port, "wire", readShape);
  if (shape === undefined) return {};
  const kind = readOneOf(shape, "kind", ["pipe", "listen", "connect", "proxy"]);
  if (kind === "pipe") {
    const name = readText(shape, "name", { max: 64, pattern: PIPE_NAME });
    return { wire: { kind, name, endpoint: readOneOf(shape, "endpoint", ["server", "client"]) } };
  }
  const at = { host: readText(shape, "host", { max: 253, pattern: HOST }), port: readInteger(shape, "port", PORT) };
  if (kind !== "proxy") return { wire: { kind, ...at, telnet: readOptionalFlag(shape, "telnet") } };
  const direction = readOneOf(shape, "direction", ["server", "client"]);
  return { wire: { kind, ...at, direction, serviceUri: readText(shape, "serviceUri", URI) } };
}

function parsePlace(shape: Shape): { readonly controllerKey: number; readonly unit: number } {
  return { controllerKey: readInteger(shape, "controllerKey", KEY), unit: readInteger(shape, "unit", UNIT) };
}

function parseOptionalFile<Name extends string>(shape: Shape, name: Name): { readonly [N in Name]?: ReturnType<typeof readPath> } {
  const path = readOptional(shape, name, readPath);
  return (path === undefined ? {} : { [name]: path }) as { readonly [N in Name]?: ReturnType<typeof readPath> };
}
