/**
 * What a vmkernel writes down of the network, so that the next one takes it over as it is: what is plugged in, and the numbers that
 * ports and switches have. What the kernel has it finds by itself. Gone at a reboot, as all of it is.
 */
import { readFile, rename, writeFile } from "node:fs/promises";
import { checkConfig } from "./check-config.ts";
import type { MachineAdapter } from "./machine-adapter.ts";
import type { NetworkState } from "./plan-network.ts";

export interface NetworkRecord extends NetworkState {
  /** Adapters as they were when they were taken from the machine. */
  readonly taken: readonly MachineAdapter[];
}

/** In one step: a reader finds the old record or the new one. */
export async function writeRecord(path: string, record: NetworkRecord): Promise<void> {
  await writeFile(`${path}.new`, JSON.stringify(record), { mode: 0o600 });
  await rename(`${path}.new`, path);
}

/** @returns undefined where there is none. @throws one that cannot be read */
export async function readRecord(path: string): Promise<NetworkRecord | undefined> {
  const text = await readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return undefined;
    throw error;
  });
  if (text === undefined) return undefined;
  const { takenUp = [], ...record } = JSON.parse(text) as NetworkRecord & { readonly takenUp?: readonly string[] };
  checkConfig(record.config);
  // One that was written before there was more to remember of an adapter.
  return { ...record, taken: record.taken ?? takenUp.map((name) => ({ name, isUp: true, addresses: [], routes: [] })) };
}
