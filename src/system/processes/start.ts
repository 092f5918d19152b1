/**
 * Starts a process that is confined from its first instruction on and outlives us.
 *
 * A shell waits at a gate; we put it into its cgroup; only then we open the gate and it becomes the command. If we die in
 * between, the gate closes and nothing is left: no process ever runs outside its cgroup, and none is ever forgotten.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import type { Readable, Writable } from "node:stream";
import { SystemError } from "../../base/index.ts";
import { LineSplitter, LineTooLong } from "../../wire/index.ts";
import { addToCgroup } from "../cgroups/index.ts";
import { systemCall } from "../libc.ts";
import { findProgram } from "./find.ts";
import { isAlive, type ProcessRef, processRef } from "./process-ref.ts";

export interface ConfinedCommand {
  /** The program by its absolute path, and its arguments. */
  readonly argv: readonly string[];
  /** They become descriptor 3, 4, 5 … of the command; it inherits no other. The caller closes its own. */
  readonly descriptors: readonly number[];
  /** Where standard output and error go: a file, or whoever listens to their lines. */
  readonly log: number | OutputListener;
  /** "lifeline": a pipe that the command reads the end of when we die or let go; see {@link ConfinedProcess.letGo}. */
  readonly stdin: "null" | "lifeline";
  /** A cgroup that is there, by name; undefined where the machine has none (--degraded). */
  readonly cgroup: string | undefined;
  /** Beside PATH. Nothing of our own environment is passed on. */
  readonly environment?: Readonly<Record<string, string>>;
  /** What it reads first on its lifeline. */
  readonly input?: string;
}

/** A line of a process's output, without its end. Told until we or the process end. */
export type OutputListener = (line: string, from: "stdout" | "stderr") => void;

export interface ConfinedProcess extends ProcessRef {
  /** Resolves when the started process has ended and was reaped. Does not keep us alive. */
  readonly ended: Promise<ProcessEnd>;
  /** Closes the lifeline. */
  letGo(): void;
  /** Writes a line to the lifeline. One that has ended does not hear it: `ended` tells. */
  tell(line: string): void;
}

export type ProcessEnd = { readonly kind: "exited"; readonly code: number } | { readonly kind: "killed"; readonly signal: NodeJS.Signals };

const closeRange = systemCall<[first: number, last: number, flags: number]>(
  436,
  "unsigned int first, unsigned int last, unsigned int flags",
);
const ALL_DESCRIPTORS = { first: 3, last: 0xffff_ffff };
const CLOSE_RANGE_CLOEXEC = 4;

const PATH = "/usr/sbin:/usr/bin:/sbin:/bin";
const GATE = {
  null: 'read -r _ || exit 1; exec "$@" </dev/null',
  // dash and bash read a pipe byte by byte: nothing after the line is taken from the command.
  lifeline: 'read -r _ || exit 1; exec "$@"',
} as const satisfies Record<ConfinedCommand["stdin"], string>;

/** @throws {SystemError} when it can't be started or put into its cgroup; then nothing of it runs */
export async function startConfined(command: ConfinedCommand): Promise<ConfinedProcess> {
  const { argv, descriptors, log, stdin, cgroup, environment = {}, input = "" } = command;
  const output = typeof log === "number" ? log : "pipe";
  // What Node opens is closed on exec; what we ourselves were started with may not be, and would be one more thing it inherits.
  closeRange(ALL_DESCRIPTORS.first, ALL_DESCRIPTORS.last, CLOSE_RANGE_CLOEXEC);
  const child = spawn("/bin/sh", ["-c", GATE[stdin], "sh", ...argv], {
    stdio: ["pipe", output, output, ...descriptors],
    // A session of its own: a Ctrl-C at our terminal, or our own end, is not its.
    detached: true,
    cwd: "/",
    env: { PATH, ...environment },
  });
  const ended = endOf(child);
  if (typeof log === "function") listenToOutput(child, log);
  try {
    await once(child, "spawn");
    const ref = processRef(pidOf(child));
    if (cgroup !== undefined) await addToCgroup(cgroup, ref.pid);
    openGate(child, stdin, input);
    return { ...ref, ended, letGo: () => child.stdin?.destroy(), tell: (line) => void child.stdin?.write(`${line}\n`) };
  } catch (cause) {
    child.stdin?.destroy(); // the gate closes
    ended.catch(() => {}); // the failure to start is what the caller hears of
    throw new SystemError(`starting ${argv[0] ?? "nothing"} in ${cgroup ?? "no cgroup"}`, { cause });
  } finally {
    child.unref();
  }
}

/** Well over any line of ours; what a process that has gone mad writes is cut there and let go. */
const OUTPUT_LINE_BYTES_MAX = 64 * 1024;

function listenToOutput({ stdout, stderr }: ChildProcess, listener: OutputListener): void {
  for (const [from, stream] of [["stdout", stdout] as const, ["stderr", stderr] as const]) {
    let splitter = new LineSplitter(OUTPUT_LINE_BYTES_MAX);
    stream?.on("data", (chunk: Buffer) => {
      try {
        for (const line of splitter.push(chunk)) listener(line, from);
      } catch (error) {
        if (!(error instanceof LineTooLong)) throw error;
        splitter = new LineSplitter(OUTPUT_LINE_BYTES_MAX);
      }
    });
    stream?.on("error", () => {}); // the process is gone: `ended` tells it
    unref(stream);
  }
}

/** A pipe to a process is no reason for us to stay. */
function unref(pipe: Readable | Writable | null): void {
  if (pipe !== null && "unref" in pipe && typeof pipe.unref === "function") pipe.unref();
}

function openGate({ stdin: pipe }: ChildProcess, kind: ConfinedCommand["stdin"], input: string): void {
  // A command that has already ended (EPIPE) is told by `ended`.
  pipe?.on("error", () => {});
  if (kind === "null") pipe?.end("\n");
  else pipe?.write(`\n${input}`);
  unref(pipe);
}

function pidOf({ pid }: ChildProcess): number {
  if (pid === undefined) throw new SystemError("the process that was spawned has no id");
  return pid;
}

function endOf(child: ChildProcess): Promise<ProcessEnd> {
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", (code, signal) => resolve(signal === null ? { kind: "exited", code: code ?? 0 } : { kind: "killed", signal }));
  });
}

/** The sandbox around a program is set up in some 20 ms; on a machine that is overloaded a hundred times slower. */
const PROGRAM_POLL_MS = 5;

/**
 * Waits until `program` runs in or beneath a started process: a sandbox runs it as its child's child.
 * @param program the file that it executes, absolute
 * @throws {SystemError} when the started process ends before, or it takes longer than `timeoutMs`
 */
export async function waitForProgram(started: ProcessRef, program: string, timeoutMs: number): Promise<ProcessRef> {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    const found = findProgram(started.pid, program);
    if (found !== undefined) return found;
    if (!isAlive(started)) throw new SystemError(`${program} ended before it was up`);
    if (Date.now() >= deadline) throw new SystemError(`${program} was not up within ${timeoutMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, PROGRAM_POLL_MS));
  }
}
