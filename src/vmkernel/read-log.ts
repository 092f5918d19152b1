/** The logs that only root can read, a chunk at a time: the host's own, what a running monitor has said, and the log of its VM. */
import { join } from "node:path";
import type { DatastorePath, HostPaths } from "../base/index.ts";
import { readAt, readChunk } from "../system/index.ts";
import type { Monitors } from "./monitors.ts";
import type { LogChunk, LogName } from "./rpc.ts";
import type { Storage } from "./storage/index.ts";

/** In base64 well under the longest line of the RPC. */
const CHUNK_BYTES = 1024 * 1024;

/** What the supervisor, vmkernel and hostd say; `age` 0 is the newest file. */
export function hostLogFile({ state }: Pick<HostPaths, "state">, age = 0): string {
  return join(state, "log", age === 0 ? "host.log" : `host.log.${age}`);
}

interface LogParts {
  readonly paths: Pick<HostPaths, "state">;
  readonly monitors: Pick<Monitors, "logFile" | "vmLog">;
  readonly storage: Pick<Storage, "openLog">;
}

/** @throws {Fault} InvalidPowerState for a VM without a monitor */
export async function readLog(
  { log, fromByte }: { readonly log: LogName; readonly fromByte: number },
  { paths, monitors, storage }: LogParts,
): Promise<LogChunk> {
  if (log.name === "vm") return readVmLog(monitors.vmLog(log.vm), fromByte, storage);
  const file = log.name === "host" ? hostLogFile(paths, log.age) : monitors.logFile(log.vm);
  const { bytes, sizeBytes } = await readChunk(file, fromByte, CHUNK_BYTES);
  return { base64: Buffer.from(bytes).toString("base64"), sizeBytes };
}

async function readVmLog(file: DatastorePath | undefined, fromByte: number, storage: Pick<Storage, "openLog">): Promise<LogChunk> {
  if (file === undefined) return { base64: "", sizeBytes: 0 };
  using log = await storage.openLog(file);
  const piece = Buffer.alloc(Math.max(0, Math.min(CHUNK_BYTES, log.sizeBytes - fromByte)));
  const length = piece.length === 0 ? 0 : await readAt(log.fd, piece, fromByte);
  return { base64: piece.subarray(0, length).toString("base64"), sizeBytes: log.sizeBytes };
}
