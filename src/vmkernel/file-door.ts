/**
 * What hostd may ask vmkernel's file door: an open file of a datastore, to read it or to write it anew, or a socket that listens. Pure.
 * A door of its own beside the RPC, because a descriptor travels beside the bytes of a connection, and because what is being
 * received lives exactly as long as that connection: one connection a file. The lines are the RPC's.
 */
import { assertNever, type DatastorePath } from "../base/index.ts";
import { HOST_DEVICE } from "./network/index.ts";
import { asShape, readInteger, readOneOf, readOptional, readOptionalFlag, readPath, readText } from "./shape.ts";

export type FileRequest =
  /** To read. It cannot change meanwhile, and no monitor can be started that would write it. FileLocked while one is, unless it only
   * writes at its end. */
  | { readonly kind: "openDownload"; readonly file: DatastorePath }
  /** To write. The file has no name before `commit`, and is gone when the connection ends without it. */
  | { readonly kind: "beginUpload"; readonly file: DatastorePath; readonly sizeBytes?: number; readonly mustBeNew: boolean }
  /** To write at the end of what came of it already. That is kept when the connection ends. */
  | {
      readonly kind: "resumeUpload";
      readonly file: DatastorePath;
      readonly sizeBytes: number;
      readonly mustBeNew: boolean;
      /** Whether it is no matter that nothing came of it yet. */
      readonly mayBegin: boolean;
    }
  /** A listening socket on one of the host's own interfaces that the API is served on. */
  | { readonly kind: "listen"; readonly device: string; readonly port: number }
  /** What a disk has of its own, to read. It cannot change meanwhile. FileLocked while a monitor writes it. */
  | { readonly kind: "openLayer"; readonly descriptor: DatastorePath }
  /** The data of a flat disk to write anew, which reads as zeros now; `commit` makes it another disk than it was. */
  | { readonly kind: "beginDiskImport"; readonly descriptor: DatastorePath; readonly eager: boolean }
  /** Names what was uploaded on this connection. */
  | { readonly kind: "commit" };

/** All but the last come with a descriptor. */
export interface FileResults {
  openDownload: null;
  beginUpload: null;
  resumeUpload: null;
  listen: null;
  openLayer: { readonly format: "raw" | "qcow2" };
  beginDiskImport: null;
  commit: { readonly replaced: boolean };
}

/** Longest line either way: two paths, a message that names both. */
export const FILE_LINE_BYTES_MAX = 64 * 1024;
const FILE_BYTES = { min: 0, max: 62 * 1024 ** 4 }; // vSphere's largest virtual disk
const TCP_PORT = { min: 1, max: 65_535 };
const KINDS = [
  "openDownload",
  "beginUpload",
  "resumeUpload",
  "openLayer",
  "beginDiskImport",
  "listen",
  "commit",
] as const satisfies readonly FileRequest["kind"][];

/** @param value untrusted: hostd parses hostile input, and may have been taken over by it. @throws {Fault} InvalidArgument */
export function parseFileRequest(value: unknown): FileRequest {
  const shape = asShape(value, "request");
  const kind: FileRequest["kind"] = readOneOf(shape, "kind", KINDS);
  const mustBeNew = readOptionalFlag(shape, "mustBeNew");
  switch (kind) {
    case "openDownload":
      return { kind, file: readPath(shape, "file") };
    case "beginUpload": {
      const sizeBytes = readOptional(shape, "sizeBytes", (at, name) => readInteger(at, name, FILE_BYTES));
      return { kind, file: readPath(shape, "file"), mustBeNew, ...(sizeBytes === undefined ? {} : { sizeBytes }) };
    }
    case "resumeUpload": {
      const sizeBytes = readInteger(shape, "sizeBytes", FILE_BYTES);
      return { kind, file: readPath(shape, "file"), sizeBytes, mustBeNew, mayBegin: readOptionalFlag(shape, "mayBegin") };
    }
    case "listen":
      return { kind, device: readText(shape, "device", { max: 8, pattern: HOST_DEVICE }), port: readInteger(shape, "port", TCP_PORT) };
    case "beginDiskImport":
      return { kind, descriptor: readPath(shape, "descriptor"), eager: readOptionalFlag(shape, "eager") };
    case "openLayer":
      return { kind, descriptor: readPath(shape, "descriptor") };
    case "commit":
      return { kind };
    default:
      return assertNever(kind);
  }
}
