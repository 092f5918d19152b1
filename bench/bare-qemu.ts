/** The peer: the very same QEMU command line that the host gave a monitor, started by hand, with no sandbox and no host around it. */
import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, constants, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { assertNever } from "../src/base/index.ts";
import { createTap, describeProcess, inNamespace, listenUnix, makeNamespace, removeNamespace } from "../src/system/index.ts";

/** One of the descriptors that the command line counts on, by what it was in the monitor. */
type Opened =
  | { readonly kind: "file"; readonly path: string; readonly flags: number }
  | { readonly kind: "socket" }
  | { readonly kind: "tap" };

export interface CommandLine {
  readonly program: string;
  readonly args: readonly string[];
  /** What becomes descriptor 3, 4, 5 … */
  readonly descriptors: readonly Opened[];
}

/** Reads the command line of a running monitor. @param files what the host opened for it: the guest's serial log and its one disk */
export function commandLineOf(pid: number, files: { readonly serialLog: string; readonly disk: string }): CommandLine {
  const { command } = describeProcess(pid);
  const [program = "", ...args] = command;
  const text = args.join("\n");
  const numbers = [...text.matchAll(/\bfd=(\d+)/g)].map(([, fd]) => Number(fd)).sort((a, b) => a - b);
  const opened = numbers.map((fd): Opened => {
    if (new RegExp(`^tap,.*\\bfd=${fd}\\b`, "m").test(text)) return { kind: "tap" };
    if (!text.includes(`/dev/fdset/${fd}`)) return { kind: "socket" };
    return text.includes(`path=/dev/fdset/${fd},append=on`)
      ? { kind: "file", path: files.serialLog, flags: constants.O_WRONLY | constants.O_APPEND }
      : { kind: "file", path: files.disk, flags: constants.O_RDWR };
  });
  // Started by hand it runs at once: nobody waits to unplug its cables and to let it go.
  return { program, args: args.filter((argument) => argument !== "-S"), descriptors: opened };
}

/** Starts it. @returns the process, and how to clear up after it */
export function startBare({ program, args, descriptors }: CommandLine): { readonly child: ChildProcess; stop(): Promise<void> } {
  const folder = mkdtempSync(join(tmpdir(), "bulkhead-bare-"));
  const network = join(folder, "network");
  if (descriptors.some(({ kind }) => kind === "tap")) makeNamespace(network);
  const fds = descriptors.map((opened, index) => {
    switch (opened.kind) {
      case "tap":
        return inNamespace(network, () => createTap(`bare${index}`, { vnetHeader: true }));
      case "socket":
        return listenUnix(join(folder, `${index}.sock`), { mode: 0o600 });
      case "file":
        return openSync(opened.path, opened.flags);
      default:
        return assertNever(opened);
    }
  });
  const child = spawn(program, args, { stdio: ["ignore", "ignore", "ignore", ...fds] });
  for (const fd of fds) closeSync(fd);
  const exited = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  return {
    child,
    async stop() {
      child.kill("SIGKILL");
      await exited;
      removeNamespace(network);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Proportional set size of a process, in KiB: its private memory and its part of what it shares. Source: proc_pid_smaps(5). */
export function pssKiB(pid: number): number {
  return Number(/^Pss:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, "utf8"))?.[1]);
}
