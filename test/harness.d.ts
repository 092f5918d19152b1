import { type VimClient } from "../src/interfaces/index.ts";
import { VmkernelClient } from "../src/vmkernel/index.ts";
export declare const REPOSITORY: string;
export declare const PASSWORD = "Correct-Horse-9";
export interface TestHost {
  readonly root: string;
  readonly port: number;
  /** From the start of the command to its answering, in steps of the poll. */
  readonly startedInMs: number;
  /** Of the supervisor, vmkernel and hostd, now. */
  pids(): Promise<{
    readonly vmkernel: number;
    readonly hostd: number;
  }>;
  /** A client that is logged in as root. */
  login(): Promise<VimClient>;
  vmkernel(): Promise<VmkernelClient>;
  /** Runs `bulkhead` with this host's --root. @returns exit code and output */
  command(...args: readonly string[]): Promise<{
    readonly code: number;
    readonly stdout: string;
    readonly stderr: string;
  }>;
  stop(): Promise<void>;
}
/** Starts a host and waits until it answers. @param env beyond the machine's own */
export declare function startHost(args?: readonly string[]): Promise<TestHost>;
/** Polls until `condition` holds; throws what it throws. */
export declare function waitFor(condition: () => Promise<boolean> | boolean, timeoutMs: number, intervalMs?: number): Promise<void>;
export declare const sleep: (ms: number) => Promise<void>;
/** The text of a file on datastore1, "" when it is not there. */
export declare function datastoreText(host: TestHost, path: string): Promise<string>;
/**
 * Puts the tiny guest's disk on datastore1, under a name of its own: a VM boots from it and may write it.
 * @returns its datastore path
 */
export declare function installGuestImage(host: TestHost, name: string): Promise<string>;
