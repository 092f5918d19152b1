/** How much swap a host must have so that no guest is ever ended because others grew. Pure; bytes. */
import type { VmId } from "../../base/index.ts";
import type { ResourceConfig } from "./config.ts";
import { overLimit } from "./plan-memory.ts";

export interface SwappableVm {
  readonly vm: VmId;
  /** What its guest has been given. */
  readonly sizeBytes: number;
  /** With its monitor, the most that it can ever take. */
  readonly mostBytes: number;
}

export interface SwapQuestion {
  readonly config: ResourceConfig;
  /** Those that run, and those that are to. */
  readonly vms: readonly SwappableVm[];
  /** What the host may use of the machine's memory. */
  readonly totalBytes: number;
}

/** What the machine itself keeps. */
const SYSTEM_BYTES = 512 * 2 ** 20;
/** A host that has less is one of tests, or in a cgroup: the machine around it keeps its own. */
const SYSTEM_PART_MAX = 0.1;

/**
 * @returns what is to be swapped when all take all they can: what limits leave no room for, and what is more than there is
 */
export function swapNeeded({ config, vms, totalBytes }: SwapQuestion): number {
  const system = Math.min(SYSTEM_BYTES, totalBytes * SYSTEM_PART_MAX);
  const limited = [...overLimit(config, vms).values()].reduce((sum, bytes) => sum + bytes, 0);
  const taken = vms.reduce((sum, { mostBytes }) => sum + mostBytes, 0);
  return limited + Math.max(0, taken - limited - (totalBytes - system));
}
