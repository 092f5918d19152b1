/** The peer: the very same QEMU command line that the host gave a monitor, started by hand, with no sandbox and no host around it. */
import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describeProcess, listenUnix } from "../src/system/index.ts";

/** One of the descriptors that the command line counts on, by what it was in the monitor. */
type Opened = { readonly kind: "file"; readonly path: string; readonly flags: number } | { readonly kind: "socket" };

export interface CommandLine {
  readonly program: string;
  readonly args: readonly string[];
  /** What becomes descriptor 3, 4, 5 … */
  readonly descriptors: readonly Opened[];
}

/**
 * Reads the command line of a running monitor.
 * @param resolve where a file of the monitor lies on the host: its own view has no path
 */
export function commandLineOf(pid: number, resolve: (inode: number) => string | undefined): CommandLine {
  const { command, descriptors } = describeProcess(pid);
  const [program = "", ...args] = command;
  const named = [...args.join(" ").matchAll(/\bfd=(\d+)/g)].map(([, fd]) => Number(fd));
  const opened = named
    .sort((a, b) => a - b)
    .map((number): Opened => {
      const found = descriptors.find(({ fd }) => fd === number);
      if (found?.kind !== "file") return { kind: "socket" };
      const path = resolve(found.inode);
      if (path === undefined) throw new Error(`descriptor ${number} of ${pid} is a file that is not known: ${found.target}`);
      return { kind: "file", path, flags: found.flags };
    });
  // Started by hand it runs at once: nobody waits to unplug its cables and to let it go.
  return { program, args: args.filter((argument) => argument !== "-S"), descriptors: opened };
}

/** Starts it. @returns the process, and how to clear up after it */
export function startBare({ program, args, descriptors }: CommandLine): { readonly child: ChildProcess; stop(): Promise<void> } {
  const folder = mkdtempSync(join(tmpdir(), "bulkhead-bare-"));
  const fds = descriptors.map((opened, index) =>
    opened.kind === "socket" ? listenUnix(join(folder, `${index}.sock`), { mode: 0o600 }) : openSync(opened.path, opened.flags & 0o2003),
  );
  const child = spawn(program, args, { stdio: ["ignore", "ignore", "ignore", ...fds] });
  for (const fd of fds) closeSync(fd);
  const exited = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  return {
    child,
    async stop() {
      child.kill("SIGKILL");
      await exited;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Proportional set size of a process, in KiB: its private memory and its part of what it shares. Source: proc_pid_smaps(5). */
export function pssKiB(pid: number): number {
  return Number(/^Pss:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, "utf8"))?.[1]);
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const [low = Number.NaN, high = Number.NaN] = [sorted[Math.ceil(sorted.length / 2) - 1], sorted[middle]];
  return (low + high) / 2;
}
