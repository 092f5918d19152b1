/**
 * Reads a request to vmkernel out of JSON (untrusted: hostd parses hostile input, and may have been taken over by it). Pure.
 * Every kind has its case, every argument its reader with a bound.
 */
import { assertNever } from "../base/index.ts";
import { type KeyStroke, qcodeOf } from "../wire/index.ts";
import { readGuestVariables } from "./guest-variables.ts";
import { PAGE_RUNS_MAX } from "./memory/page-map.ts";
import { parseHostFirewall } from "./parse-host-firewall.ts";
import { parseNetworkConfig } from "./parse-network.ts";
import { parseResourceConfig } from "./parse-resources.ts";
import type { AdapterType, DiskChange, DiskCopy, LogName, NewDisk, StreamRequest, VmkernelRequest } from "./rpc.ts";
import { SERVICE_KEYS } from "./services/index.ts";
import {
  asShape,
  invalid,
  readInteger,
  readOneOf,
  readOptional,
  readOptionalFlag,
  readPath,
  readShape,
  readShapes,
  readText,
  readVmId,
  type Shape,
} from "./shape.ts";
import { GUEST_PASSWORD_LENGTH_MAX, GUEST_PASSWORD_PATTERN, GUEST_USER_PATTERN, type GuestLogin, parseMachine } from "./vmm/index.ts";

/** A .vmx is some kilobytes; the longest of the text files beside it (.vmsd with many snapshots) stays well under this. */
export const TEXT_LENGTH_MAX = 1024 * 1024;
const CAPACITY_BYTES = { min: 512, max: 62 * 1024 ** 4 }; // vSphere's largest virtual disk
const LOG_AGE = { min: 0, max: 9 }; // the host keeps fewer
const GUEST_ADDRESS = { min: 0, max: 2 ** 52 }; // as far as processors have physical addresses
const FROM_BYTE = { min: 0, max: Number.MAX_SAFE_INTEGER };
const PORT_ID = { min: 0, max: 0xffff_ffff };
const GRACE_MS = { min: 0, max: 3_600_000 };
/** At some twenty a second: nobody types a longer text than fits in a minute. */
export const STROKES_MAX = 1000;
const BYTE = { min: 0, max: 255 };

/** With a piece of a file in it, base64. */
const SCRIPT_LENGTH_MAX = 1024 * 1024;
const SHARING_GROUP_LENGTH_MAX = 1024;
/** Only shown. */
const COMMAND_LINE_LENGTH_MAX = 4096;

const KINDS = [
  "describeHost",
  "describeMachine",
  "listConnections",
  "listHostNeighbours",
  "listDatastores",
  "createDatastore",
  "renameDatastore",
  "removeDatastore",
  "readText",
  "writeText",
  "listFolder",
  "makeFolder",
  "remove",
  "createDisk",
  "describeDisk",
  "createChildDisk",
  "commitDisk",
  "deleteDisk",
  "copyFile",
  "moveFile",
  "copyDisk",
  "moveDisk",
  "changeDisk",
  "growDisk",
  "powerOn",
  "powerOff",
  "reset",
  "suspend",
  "shutdownGuest",
  "rebootGuest",
  "flushGuest",
  "sendNmi",
  "terminate",
  "retryWrite",
  "saveScreen",
  "pressKeys",
  "runInGuest",
  "startInGuest",
  "listGuestPrograms",
  "snapshotMonitor",
  "changeMonitor",
  "configureNetwork",
  "describeNetwork",
  "readNetworkState",
  "configureFirewall",
  "readFirewallState",
  "describeServices",
  "startService",
  "stopService",
  "showProgram",
  "configureResources",
  "listMonitors",
  "inspectMonitor",
  "mapMemory",
  "mapPages",
  "readClock",
  "sampleLoad",
  "describeSharing",
  "readLog",
  "shutdownHost",
] as const satisfies readonly VmkernelRequest["kind"][];

const DATASTORE_NAME_MAX = 42; // what the name is made of, storage looks at

/** @throws {Fault} InvalidArgument, which names the field */
export function parseRequest(value: unknown): VmkernelRequest {
  const shape = asShape(value, "request");
  const kind: VmkernelRequest["kind"] = readOneOf(shape, "kind", KINDS);
  switch (kind) {
    case "describeHost":
    case "describeMachine":
    case "listConnections":
    case "listHostNeighbours":
    case "listDatastores":
    case "describeNetwork":
    case "readNetworkState":
    case "readFirewallState":
    case "describeServices":
    case "listMonitors":
    case "readClock":
    case "sampleLoad":
    case "describeSharing":
      return { kind };
    case "createDatastore":
    case "removeDatastore":
      return { kind, name: readText(shape, "name", { max: DATASTORE_NAME_MAX }) };
    case "renameDatastore": {
      const max = DATASTORE_NAME_MAX;
      return { kind, from: readText(shape, "from", { max }), to: readText(shape, "to", { max }) };
    }
    case "readText":
      return { kind, file: readPath(shape, "file"), ...readEncoding(shape) };
    case "writeText": {
      const text = readText(shape, "text", { max: TEXT_LENGTH_MAX });
      return { kind, file: readPath(shape, "file"), text, mustBeNew: readOptionalFlag(shape, "mustBeNew"), ...readEncoding(shape) };
    }
    case "listFolder":
    case "makeFolder":
      return { kind, folder: readPath(shape, "folder") };
    case "remove":
      return { kind, path: readPath(shape, "path") };
    case "createDisk":
      return { kind, descriptor: readPath(shape, "descriptor"), disk: parseNewDisk(readShape(shape, "disk")) };
    case "describeDisk":
    case "deleteDisk":
      return { kind, descriptor: readPath(shape, "descriptor") };
    case "createChildDisk": {
      const uuid = readOptional(shape, "uuid", readUuid);
      const vm = readOptional(shape, "vm", readVmId);
      const places = { descriptor: readPath(shape, "descriptor"), parent: readPath(shape, "parent") };
      return { kind, ...places, ...(uuid !== undefined && { uuid }), ...(vm !== undefined && { vm }) };
    }
    case "commitDisk": {
      const vm = readOptional(shape, "vm", readVmId);
      return { kind, descriptor: readPath(shape, "descriptor"), ...(vm !== undefined && { vm }) };
    }
    case "snapshotMonitor": {
      const memory = readOptional(shape, "memory", readPath);
      const machine = parseMachine(shape.fields.machine, "request.machine");
      return { kind, machine, ...(memory !== undefined && { memory }), quiesce: readOptionalFlag(shape, "quiesce") };
    }
    case "copyFile":
    case "moveFile":
    case "moveDisk":
      return { kind, from: readPath(shape, "from"), to: readPath(shape, "to"), replace: readOptionalFlag(shape, "replace") };
    case "copyDisk": {
      const copy = parseDiskCopy(readShape(shape, "copy"));
      return { kind, from: readPath(shape, "from"), to: readPath(shape, "to"), replace: readOptionalFlag(shape, "replace"), copy };
    }
    case "changeDisk":
      return { kind, descriptor: readPath(shape, "descriptor"), change: parseDiskChange(readShape(shape, "change")) };
    case "growDisk": {
      const capacityBytes = readInteger(shape, "capacityBytes", CAPACITY_BYTES);
      return { kind, vm: readVmId(shape, "vm"), descriptor: readPath(shape, "descriptor"), capacityBytes };
    }
    case "powerOn": {
      const guestVariables = readOptional(shape, "guestVariables", readGuestVariables);
      const sharingGroup = readOptional(shape, "sharingGroup", (from, name) => readText(from, name, { max: SHARING_GROUP_LENGTH_MAX }));
      const machine = parseMachine(shape.fields.machine, "request.machine");
      return { kind, machine, ...(guestVariables && { guestVariables }), ...(sharingGroup !== undefined && { sharingGroup }) };
    }
    case "changeMonitor":
      return { kind, machine: parseMachine(shape.fields.machine, "request.machine") };
    case "powerOff":
    case "reset":
    case "shutdownGuest":
    case "rebootGuest":
    case "flushGuest":
    case "sendNmi":
    case "terminate":
    case "retryWrite":
    case "listGuestPrograms":
    case "inspectMonitor":
    case "mapMemory":
      return { kind, vm: readVmId(shape, "vm") };
    case "mapPages": {
      const runsMax = readInteger(shape, "runsMax", { min: 1, max: PAGE_RUNS_MAX });
      return { kind, vm: readVmId(shape, "vm"), fromByte: readInteger(shape, "fromByte", GUEST_ADDRESS), runsMax };
    }
    case "suspend":
    case "saveScreen":
      return { kind, vm: readVmId(shape, "vm"), to: readPath(shape, "to") };
    case "pressKeys":
      return { kind, vm: readVmId(shape, "vm"), strokes: readShapes(shape, "strokes", STROKES_MAX).map(parseStroke) };
    case "runInGuest":
      return { kind, vm: readVmId(shape, "vm"), login: parseLogin(readShape(shape, "login")), script: readScript(shape) };
    case "startInGuest": {
      const commandLine = readText(shape, "commandLine", { max: COMMAND_LINE_LENGTH_MAX });
      return { kind, vm: readVmId(shape, "vm"), login: parseLogin(readShape(shape, "login")), script: readScript(shape), commandLine };
    }
    case "configureNetwork":
      return { kind, network: parseNetworkConfig(readShape(shape, "network")), mayCutOff: readOptionalFlag(shape, "mayCutOff") };
    case "configureResources":
      return { kind, resources: parseResourceConfig(readShape(shape, "resources")) };
    case "startService":
    case "stopService":
      return { kind, service: readOneOf(shape, "service", SERVICE_KEYS) };
    case "configureFirewall":
      return { kind, firewall: parseHostFirewall(readShape(shape, "firewall")) };
    case "showProgram":
      return { kind, port: readInteger(shape, "port", PORT_ID) };
    case "readLog":
      return { kind, log: parseLogName(readShape(shape, "log")), fromByte: readInteger(shape, "fromByte", FROM_BYTE) };
    case "shutdownHost":
      return { kind, graceMs: readInteger(shape, "graceMs", GRACE_MS) };
    default:
      return assertNever(kind);
  }
}

const STREAM_KINDS = ["openConsole", "captureScreen"] as const satisfies readonly StreamRequest["kind"][];

/** @returns undefined when it is no request for a stream. @throws {Fault} InvalidArgument, which names the field */
export function parseStreamRequest(value: unknown): StreamRequest | undefined {
  const shape = asShape(value, "request");
  const kind: StreamRequest["kind"] | undefined = STREAM_KINDS.find((candidate) => candidate === shape.fields.kind);
  return kind && { kind, vm: readVmId(shape, "vm") };
}

function readEncoding(shape: Shape): { readonly encoding?: "latin1" } {
  const encoding = readOptional(shape, "encoding", (from, name) => readOneOf(from, name, ["latin1"]));
  return encoding === undefined ? {} : { encoding };
}

function parseStroke(shape: Shape): KeyStroke {
  const usage = readInteger(shape, "usage", BYTE);
  if (qcodeOf(usage) === undefined) throw invalid(`${shape.at}.usage`, "is no key of a keyboard");
  return { usage, modifiers: readInteger(shape, "modifiers", BYTE) };
}

function parseLogin(shape: Shape): GuestLogin {
  return {
    user: readText(shape, "user", { max: 256, pattern: GUEST_USER_PATTERN }),
    password: readText(shape, "password", { max: GUEST_PASSWORD_LENGTH_MAX, pattern: GUEST_PASSWORD_PATTERN }),
  };
}

function readScript(shape: Shape): string {
  return readText(shape, "script", { max: SCRIPT_LENGTH_MAX, pattern: /^[^\0]*$/ });
}

function parseLogName(shape: Shape): LogName {
  const name = readOneOf(shape, "name", ["host", "monitor", "vm"]);
  return name === "host" ? { name, age: readInteger(shape, "age", LOG_AGE) } : { name, vm: readVmId(shape, "vm") };
}

function parseNewDisk(shape: Shape): NewDisk {
  return {
    capacityBytes: readInteger(shape, "capacityBytes", CAPACITY_BYTES),
    provisioning: readProvisioning(shape, "provisioning"),
    adapterType: readAdapterType(shape, "adapterType"),
    uuid: readUuid(shape, "uuid"),
  };
}

const HOSTED_FORMATS = ["monolithicSparse", "monolithicFlat", "twoGbMaxExtentSparse", "twoGbMaxExtentFlat"] as const;

function parseDiskCopy(shape: Shape): DiskCopy {
  const provisioning = readOptional(shape, "provisioning", readProvisioning);
  const adapterType = readOptional(shape, "adapterType", readAdapterType);
  const uuid = readOptional(shape, "uuid", readUuid);
  const format = readOptional(shape, "format", (from, name) => readOneOf(from, name, HOSTED_FORMATS));
  return {
    ...(provisioning === undefined ? {} : { provisioning }),
    ...(format === undefined ? {} : { format }),
    ...(adapterType === undefined ? {} : { adapterType }),
    ...(uuid === undefined ? {} : { uuid }),
  };
}

function parseDiskChange(shape: Shape): DiskChange {
  const kind = readOneOf(shape, "kind", ["extend", "inflate", "eagerZero", "shrink", "zeroFill", "setUuid", "trim", "convert"]);
  switch (kind) {
    case "inflate":
    case "eagerZero":
    case "shrink":
    case "zeroFill":
    case "trim":
    case "convert":
      return { kind };
    case "extend": {
      const eager = readOptional(shape, "eager", readOptionalFlag);
      return { kind, capacityBytes: readInteger(shape, "capacityBytes", CAPACITY_BYTES), ...(eager === undefined ? {} : { eager }) };
    }
    case "setUuid":
      return { kind, uuid: readUuid(shape, "uuid") };
    default:
      return assertNever(kind);
  }
}

const readProvisioning = (shape: Shape, name: string): NewDisk["provisioning"] =>
  readOneOf(shape, name, ["thin", "thick", "eagerZeroedThick"]);
const readAdapterType = (shape: Shape, name: string): AdapterType => readOneOf(shape, name, ["lsilogic", "buslogic", "ide"]);
const readUuid = (shape: Shape, name: string): string => readText(shape, name, { max: 32, pattern: /^[0-9a-f]{32}$/ });
