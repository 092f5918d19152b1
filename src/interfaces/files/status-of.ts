/** The HTTP status that a fault has at a door without vim25. Pure. */
import type { Fault } from "../../base/index.ts";

const statuses: Readonly<Record<string, number>> = {
  NotAuthenticated: 401,
  InvalidLogin: 401,
  NoPermission: 403,
  CannotAccessFile: 403,
  FileNotWritable: 403,
  FileNotFound: 404,
  InvalidDatastore: 404,
  InvalidDatastorePath: 400,
  InvalidArgument: 400,
  FileNameTooLong: 400,
  DirectoryNotEmpty: 409,
  FileAlreadyExists: 412, // only who said «Overwrite: F» is told so: RFC 4918 §10.6
  FileLocked: 423,
  NoDiskSpace: 507,
  ResourceInUse: 503,
};

export function statusOf({ fault }: Fault): number {
  return Object.hasOwn(statuses, fault) ? (statuses[fault] ?? 500) : 500;
}
