import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, constants, fstatSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { cgroupControllers, createCgroup, destroyCgroup } from "../cgroups/index.ts";
import {
  type ConfinedCommand,
  type ConfinedProcess,
  descendants,
  describeProcess,
  filesOfPrograms,
  findProcess,
  isAlive,
  processesOfUid,
  processRef,
  signalProcess,
  startConfined,
  terminate,
  uidsInUse,
  waitForProgram,
} from "./index.ts";

let folder: string;
let log: number;
const started: ConfinedProcess[] = [];
const children: ChildProcess[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "bulkhead-processes-"));
  log = openSync(join(folder, "log"), "a");
});
afterEach(async () => {
  await terminate(started.splice(0), 0);
  for (const child of children.splice(0)) child.kill("SIGKILL");
  closeSync(log);
  rmSync(folder, { recursive: true });
});

async function start(script: string, how: Partial<ConfinedCommand> = {}): Promise<ConfinedProcess> {
  const argv = ["/bin/sh", "-c", script];
  const process = await startConfined({ argv, descriptors: [], log, stdin: "null", cgroup: undefined, ...how });
  started.push(process);
  return process;
}
const output = () => readFileSync(join(folder, "log"), "utf8");

async function child(...command: readonly [string, ...string[]]): Promise<ChildProcess> {
  const [program, ...args] = command;
  const spawned = spawn(program, args, { stdio: "ignore" });
  children.push(spawned);
  await once(spawned, "spawn");
  return spawned;
}

describe("starting", () => {
  test("the command's own exit code is its end", async () => {
    const { ended } = await start("echo to-the-log; exit 67");
    expect(await ended).toEqual({ kind: "exited", code: 67 });
    expect(output()).toBe("to-the-log\n");
  });

  test("a command that is killed says by which signal", async () => {
    expect(await (await start("kill -9 $$")).ended).toEqual({ kind: "killed", signal: "SIGKILL" });
  });

  test("it inherits the descriptors that it is given from 3 on, and no other, and no environment", async () => {
    process.env.BULKHEAD_SECRET = "x";
    const [a, b] = [join(folder, "a"), join(folder, "b")].map((path) => openSync(path, "w+"));
    if (a === undefined || b === undefined) throw new Error("two files");
    const { pid, ended } = await start('env; read -r _ <&3; echo "$PPID" >&4; exec sleep 30', { descriptors: [a, b] });
    await expect.poll(() => readFileSync(join(folder, "b"), "utf8")).not.toBe("");
    const { descriptors } = describeProcess(pid);
    expect(descriptors.map(({ fd }) => fd)).toEqual([0, 1, 2, 3, 4]);
    expect(descriptors[0]).toMatchObject({ target: "/dev/null", access: "read", deviceNumber: "1:3" });
    expect(descriptors[4]).toMatchObject({ target: join(folder, "b"), kind: "file", access: "readWrite", inode: fstatSync(b).ino });
    expect(output()).not.toContain("BULKHEAD_SECRET");
    for (const fd of [a, b]) closeSync(fd);
    delete process.env.BULKHEAD_SECRET;
    void ended;
  });

  test("it has a session of its own", async () => {
    const { pid } = await start("sleep 30");
    const session = readFileSync(`/proc/${pid}/stat`, "utf8").split(" ")[5];
    expect(Number(session)).toBe(pid);
  });

  test("on a lifeline it reads what it is given, then the end when it is let go", async () => {
    const process = await start("read -r line; echo got $line; cat; echo over", { stdin: "lifeline", input: "hello\n" });
    await expect.poll(output).toBe("got hello\n");
    process.letGo();
    expect(await process.ended).toEqual({ kind: "exited", code: 0 });
    expect(output()).toBe("got hello\nover\n");
  });

  test("a program that is not there ends with 127, in the log", async () => {
    const { ended } = await start("", { argv: ["/no/such/program"] });
    expect(await ended).toEqual({ kind: "exited", code: 127 });
    expect(output()).toContain("/no/such/program");
  });

  const hasCgroups = process.getuid?.() === 0 && cgroupControllers().includes("pids");

  test.skipIf(!hasCgroups)("it is in its cgroup from its first instruction on", async () => {
    const cgroup = `bulkhead-start-${process.pid}/vm-1`;
    await createCgroup(cgroup, { memoryBytes: 64 * 1024 * 1024, pids: 8 });
    try {
      const { ended } = await start("cat /proc/self/cgroup", { cgroup });
      await ended;
      expect(output()).toMatch(/pids:\/bulkhead-start-\d+\/vm-1/);
      expect(output()).toMatch(/memory:\/bulkhead-start-\d+\/vm-1|^0::\/bulkhead-start-\d+\/vm-1$/m);
    } finally {
      await destroyCgroup(cgroup);
    }
  });

  test.skipIf(!hasCgroups)("when its cgroup is not there, nothing of it runs", async () => {
    const touched = join(folder, "touched");
    const cgroup = `bulkhead-no-such-${process.pid}`;
    await expect(start(`echo > ${touched}`, { cgroup })).rejects.toThrow(`starting /bin/sh in ${cgroup}`);
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(() => readFileSync(touched)).toThrow("ENOENT");
  });

  test("a program beneath it is waited for, and one that never comes is told", async () => {
    const process = await start("sleep 0.1; /usr/bin/sleep 30; true");
    const found = await waitForProgram(process, "/usr/bin/sleep", 5000);
    expect(descendants(process.pid)).toContain(found.pid);
    await expect(waitForProgram(process, "/usr/bin/qemu", 50)).rejects.toThrow("/usr/bin/qemu was not up within 50 ms");
    const short = await start("exit 0");
    await expect(waitForProgram(short, "/usr/bin/qemu", 5000)).rejects.toThrow("/usr/bin/qemu ended before it was up");
  });
});

describe("looking", () => {
  test("a description of ourselves says what we know", () => {
    const own = describeProcess(process.pid);
    expect(own).toMatchObject({ pid: process.pid, parentPid: process.ppid, executable: process.execPath });
    expect(own.uids.effective).toBe(process.geteuid?.());
    expect(own.rootEntries).toContain("proc");
    expect(own.mappedFiles.map(({ path }) => path)).toContain(process.execPath);
    expect(own.namespaces.net).toBeGreaterThan(0);
    expect(own.startTicks).toBe(processRef(process.pid).startTicks);
  });

  test("rights and offset of a descriptor are what it was opened with", () => {
    const path = join(folder, "file");
    writeFileSync(path, "12345");
    const fd = openSync(path, constants.O_WRONLY | constants.O_APPEND);
    const found = describeProcess(process.pid).descriptors.find((descriptor) => descriptor.fd === fd);
    expect(found).toMatchObject({ target: path, kind: "file", access: "write", offset: 0, deviceNumber: undefined });
    expect((found?.flags ?? 0) & constants.O_APPEND).toBe(constants.O_APPEND);
    closeSync(fd);
  });

  test("a process that is not there can't be described", () => {
    expect(() => describeProcess(2 ** 22 + 1)).toThrow("looking at process");
    expect(findProcess(2 ** 22 + 1)).toBeUndefined();
  });

  test.skipIf(process.getuid?.() !== 0)("a process is found by its uid while it lives", async () => {
    const uid = 265_432;
    const { pid = 0 } = await child("/usr/bin/setpriv", "--reuid", String(uid), "--clear-groups", "/bin/sleep", "30");
    await expect.poll(() => processesOfUid(uid)).toEqual([pid]);
    expect(uidsInUse()).toContain(uid);
    process.kill(pid, "SIGKILL");
    await expect.poll(() => processesOfUid(uid)).toEqual([]);
  });

  test("a program's files hold itself, its libraries and its loader", async () => {
    const files = await filesOfPrograms([process.execPath]);
    expect(files[0]).toBe(process.execPath);
    expect(files.join(" ")).toMatch(/libc\.so\.6/);
    await expect(filesOfPrograms(["/no/such/program"])).rejects.toThrow("/no/such/program");
  });
});

describe("ending", () => {
  test("a process that listens is only asked", async () => {
    const process = await start('trap "echo asked; exit 3" TERM; while :; do sleep 0.02; done');
    await expect.poll(() => descendants(process.pid).length).toBeGreaterThan(1); // its trap is set by then
    await terminate([process], 5000);
    expect(await process.ended).toEqual({ kind: "exited", code: 3 });
    expect(output()).toContain("asked");
  });

  test("one that does not listen is killed after the grace", async () => {
    const process = await start('trap "" TERM; while :; do sleep 0.02; done');
    await expect.poll(() => descendants(process.pid).length).toBeGreaterThan(1);
    const began = performance.now();
    await terminate([process], 150);
    expect(performance.now() - began).toBeGreaterThanOrEqual(140);
    expect(await process.ended).toEqual({ kind: "killed", signal: "SIGKILL" });
  });

  test("a process with the number but not the start time is left alone", async () => {
    const { pid = 0 } = await child("/bin/sleep", "30");
    const real = processRef(pid);
    const earlier = { pid, startTicks: real.startTicks - 1 };
    expect(isAlive(earlier)).toBe(false);
    expect(signalProcess(earlier, "SIGKILL")).toBe(false);
    await terminate([earlier], 0);
    expect(isAlive(real)).toBe(true);
  });

  test("one that is gone is no error", async () => {
    const process = await start("exit 0");
    await process.ended;
    await terminate([process], 0);
    expect(signalProcess(process, "SIGTERM")).toBe(false);
  });
});
