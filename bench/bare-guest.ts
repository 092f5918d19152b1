/**
 * The same guest beside the host's own: the QEMU command line of a running monitor, with its files given by path as one gives them by hand,
 * and no sandbox. It has a cgroup like the monitor's, with the same limits and weight, so that what else the machine does takes as much
 * from both. What differs is what the host puts between a guest and its disk. Its guest agent is spoken to directly.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { readFileSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { Undo } from "../src/base/index.ts";
import { writeSettings } from "../src/system/cgroups/settings.ts";
import { addToCgroup, cgroupHierarchies, createCgroup, describeProcess, destroyCgroup } from "../src/system/index.ts";

export interface BareGuest {
  /** Runs a script in the guest and does not wait for its end. */
  run(script: string): Promise<void>;
  stop(): Promise<void>;
}

/** Of a monitor's cgroup, by the file of each setting: what both of them can be given. */
const SETTINGS = { memory: { v1: "memory.limit_in_bytes", v2: "memory.max" }, cpu: { v1: "cpu.shares", v2: "cpu.weight" } } as const;
const MEMORY_BYTES_MAX = 2 ** 40; // where the monitor's has no limit
const PIDS_MAX = 1024;
type Hierarchy = ReturnType<typeof cgroupHierarchies>[number];

interface BareFiles {
  /** For sockets. */
  readonly folder: string;
  readonly serialLog: string;
  /** By the key of their device: raw files. */
  readonly disks: ReadonlyMap<number, string>;
}

/** @param pid of the monitor whose guest is to stand beside it */
export async function startBareGuest(pid: number, files: BareFiles): Promise<BareGuest> {
  const [program = "", ...command] = describeProcess(pid).command;
  const agent = join(files.folder, "bare-agent.sock");
  rmSync(agent, { force: true });
  const args = command.flatMap((argument, index) => {
    if (argument === "-add-fd" || command[index - 1] === "-add-fd" || argument === "-S") return [];
    return [byPath(argument, files, agent)];
  });
  const child: ChildProcess = spawn(program, args, { stdio: ["ignore", "ignore", "inherit"] });
  const exited = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  const leave = await joinLike(pid, child.pid ?? 0);
  return {
    run: (script) => runByAgent(agent, script),
    async stop() {
      child.kill("SIGKILL");
      await exited;
      await leave();
    },
  };
}

/** @returns takes the cgroup away again, when nobody is in it */
async function joinLike(monitor: number, pid: number): Promise<() => Promise<void>> {
  const theirs = /\/(bulkhead-[^/]+\/[^/\n]+)$/m.exec(readFileSync(`/proc/${monitor}/cgroup`, "utf8"))?.[1];
  if (theirs === undefined) return async () => {}; // on a machine without cgroups neither has one
  const ours = theirs.replace("/", "-bench/");
  await using undo = new Undo();
  undo.add(() => destroyCgroup(ours));
  const settingOf = ({ root, kind }: Hierarchy, controller: keyof typeof SETTINGS) =>
    readFileSync(join(root, theirs, SETTINGS[controller][kind]), "utf8").trim();
  const trees = cgroupHierarchies();
  const memory = trees.find(({ controllers }) => controllers.includes("memory"));
  const memoryBytes = memory === undefined ? Number.NaN : Number(settingOf(memory, "memory"));
  await createCgroup(ours, { memoryBytes: Number.isNaN(memoryBytes) ? MEMORY_BYTES_MAX : memoryBytes, pids: PIDS_MAX });
  for (const tree of trees)
    if (tree.controllers.includes("cpu"))
      await writeSettings(join(tree.root, ours), [{ file: SETTINGS.cpu[tree.kind], value: settingOf(tree, "cpu") }]);
  await addToCgroup(ours, pid);
  undo.release();
  return () => destroyCgroup(ours);
}

function byPath(argument: string, { folder, serialLog, disks }: BareFiles, agent: string): string {
  const key = Number(/node-name=drive(\d+)-/.exec(argument)?.[1] ?? Number.NaN);
  const disk = disks.get(key);
  const node = /node-name=([^,]+)/.exec(argument)?.[1];
  if (disk !== undefined) return `driver=raw,node-name=${node},file.driver=file,file.filename=${disk}`;
  const socket = argument.includes("id=qmp") ? join(folder, "bare-qmp.sock") : agent;
  return argument.replace(/^socket,(id=[^,]+),fd=\d+/, `socket,$1,path=${socket}`).replace(/path=\/dev\/fdset\/\d+/, `path=${serialLog}`);
}

/** One exchange, as soon as the agent answers. */
async function runByAgent(path: string, script: string): Promise<void> {
  for (;;) {
    const answer = await ask(path, { execute: "guest-exec", arguments: { path: "/bin/sh", arg: ["-c", script] } });
    if (answer !== undefined) return;
    await delay(500);
  }
}

const ANSWER_MS = 5000;

function ask(path: string, command: object): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = connect(path, () => socket.write(`${JSON.stringify(command)}\n`));
    const end = (answer: string | undefined) => {
      socket.destroy();
      resolve(answer);
    };
    socket.setTimeout(ANSWER_MS, () => end(undefined));
    socket.on("error", () => end(undefined));
    socket.on("data", (bytes) => end(bytes.toString()));
  });
}
