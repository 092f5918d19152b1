/** What a fault is at a door without vim25: an HTTP status, and its text. Pure. */
import { Fault } from "../../base/index.ts";
import type { HttpAnswer } from "./refuse.ts";

const statuses: Readonly<Record<string, number>> = {
  NotAuthenticated: 401,
  InvalidLogin: 401,
  NoPermission: 403,
  CannotAccessFile: 403,
  FileNotWritable: 403,
  FileNotFound: 404,
  InvalidDatastore: 404,
  ManagedObjectNotFound: 404,
  InvalidDatastorePath: 400,
  InvalidArgument: 400,
  FileNameTooLong: 400,
  DirectoryNotEmpty: 409,
  InvalidPowerState: 409,
  InvalidState: 409,
  InvalidRequest: 405,
  InvalidDiskFormat: 422,
  Timedout: 410,
  FileAlreadyExists: 412, // only who said «Overwrite: F» is told so: RFC 4918 §10.6
  FileLocked: 423,
  NoDiskSpace: 507,
  MksConnectionLimitReached: 503,
  ResourceInUse: 503,
  HostCommunication: 503,
};

function statusOf({ fault }: Fault, method: string | undefined): number {
  if (fault === "FileAlreadyExists" && method === "POST") return 409; // which asked for a new file by being a POST
  return Object.hasOwn(statuses, fault) ? (statuses[fault] ?? 500) : 500;
}

/** In seconds: a part of the host that died is back by then, and others have ended what they did. */
const RETRY_AFTER = "5";
const REALM = 'Basic realm="VMware HTTP server"'; // as ESXi calls it

/**
 * @param thrown a Fault, or a bug of ours, of which a client is told no more than that
 * @param method of the request, where it makes a difference
 */
export function answerTo(thrown: unknown, method?: string): HttpAnswer {
  if (!(thrown instanceof Fault)) return { status: 500, text: "Internal error" };
  const status = statusOf(thrown, method);
  return { status, text: thrown.message, headers: headersOf(status) };
}

function headersOf(status: number): Readonly<Record<string, string>> {
  if (status === 401) return { "WWW-Authenticate": REALM };
  return status === 503 ? { "Retry-After": RETRY_AFTER } : {};
}
