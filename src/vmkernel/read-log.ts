/** The logs that only root can read, a chunk at a time: the host's own, and what a running monitor has said. */
import { join } from "node:path";
import type { HostPaths } from "../base/index.ts";
import { readChunk } from "../system/index.ts";
import type { Monitors } from "./monitors.ts";
import type { LogChunk, LogName } from "./rpc.ts";

/** In base64 well under the longest line of the RPC. */
const CHUNK_BYTES = 1024 * 1024;

/** What the supervisor, vmkernel and hostd say; `age` 0 is the newest file. */
export function hostLogFile({ state }: Pick<HostPaths, "state">, age = 0): string {
  return join(state, "log", age === 0 ? "host.log" : `host.log.${age}`);
}

/** @throws {Fault} InvalidPowerState for a VM without a monitor */
export async function readLog(
  { log, fromByte }: { readonly log: LogName; readonly fromByte: number },
  { paths, monitors }: { readonly paths: Pick<HostPaths, "state">; readonly monitors: Pick<Monitors, "logFile"> },
): Promise<LogChunk> {
  const file = log.name === "host" ? hostLogFile(paths, log.age) : monitors.logFile(log.vm);
  const { bytes, sizeBytes } = await readChunk(file, fromByte, CHUNK_BYTES);
  return { base64: Buffer.from(bytes).toString("base64"), sizeBytes };
}
