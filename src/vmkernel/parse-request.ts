/**
 * Reads a request to vmkernel out of JSON (untrusted: hostd parses hostile input, and may have been taken over by it). Pure.
 * Every kind has its case, every argument its reader with a bound.
 */
import { assertNever } from "../base/index.ts";
import type { NewDisk, VmkernelRequest } from "./rpc.ts";
import { asShape, readInteger, readOneOf, readOptionalFlag, readPath, readShape, readText, readVmId, type Shape } from "./shape.ts";
import { parseMachine } from "./vmm/index.ts";

/** A .vmx is some kilobytes; the longest of the text files beside it (.vmsd with many snapshots) stays well under this. */
export const TEXT_LENGTH_MAX = 1024 * 1024;
const CAPACITY_BYTES = { min: 512, max: 62 * 1024 ** 4 }; // vSphere's largest virtual disk
const GRACE_MS = { min: 0, max: 3_600_000 };

const KINDS = [
  "describeHost",
  "listDatastores",
  "readText",
  "writeText",
  "listFolder",
  "makeFolder",
  "remove",
  "createDisk",
  "describeDisk",
  "deleteDisk",
  "powerOn",
  "powerOff",
  "reset",
  "suspend",
  "shutdownGuest",
  "rebootGuest",
  "listMonitors",
  "inspectMonitor",
  "shutdownHost",
] as const satisfies readonly VmkernelRequest["kind"][];

/** @throws {Fault} InvalidArgument, which names the field */
export function parseRequest(value: unknown): VmkernelRequest {
  const shape = asShape(value, "request");
  const kind: VmkernelRequest["kind"] = readOneOf(shape, "kind", KINDS);
  switch (kind) {
    case "describeHost":
    case "listDatastores":
    case "listMonitors":
      return { kind };
    case "readText":
      return { kind, file: readPath(shape, "file") };
    case "writeText": {
      const text = readText(shape, "text", { max: TEXT_LENGTH_MAX });
      return { kind, file: readPath(shape, "file"), text, mustBeNew: readOptionalFlag(shape, "mustBeNew") };
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
    case "powerOn":
      return { kind, machine: parseMachine(shape.fields.machine, "request.machine") };
    case "powerOff":
    case "reset":
    case "shutdownGuest":
    case "rebootGuest":
    case "inspectMonitor":
      return { kind, vm: readVmId(shape, "vm") };
    case "suspend":
      return { kind, vm: readVmId(shape, "vm"), to: readPath(shape, "to") };
    case "shutdownHost":
      return { kind, graceMs: readInteger(shape, "graceMs", GRACE_MS) };
    default:
      return assertNever(kind);
  }
}

function parseNewDisk(shape: Shape): NewDisk {
  return {
    capacityBytes: readInteger(shape, "capacityBytes", CAPACITY_BYTES),
    provisioning: readOneOf(shape, "provisioning", ["thin", "thick", "eagerZeroedThick"]),
    adapterType: readOneOf(shape, "adapterType", ["lsilogic", "ide"]),
    uuid: readText(shape, "uuid", { max: 32, pattern: /^[0-9a-f]{32}$/ }),
  };
}
