/**
 * A hostile program stands in QEMU's place: same sandbox, same user, same cgroup, same descriptors. It tries every way out of
 * `hostile/ways-out.ts`, and what stopped it is asserted. The same calls by root outside show that each attempt is a real one.
 * Paper «Device Isolation», «Secure Virtual Machine Isolation».
 */
import { type ChildProcess, execFileSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { chmodSync, chownSync, closeSync, existsSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { type AddressInfo, createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  cgroupHierarchies,
  createCgroup,
  createMemoryFile,
  destroyCgroup,
  filesOfPrograms,
  findProcess,
  type ProcessEnd,
  processesOfCgroup,
  terminate,
} from "../src/system/index.ts";
import { FULL_ISOLATION, type Isolation, startSandboxed } from "../src/vmkernel/index.ts";
import { helpersInside, planSandbox } from "../src/vmkernel/vmm/sandbox.ts";
import { type Call, call, encodeCalls, outcomeOf, PROGRAM } from "./hostile/system-calls.ts";
import { type Targets, waysIn, waysOut } from "./hostile/ways-out.ts";

const OWN_UID = 200_001;
const OTHER_UID = 200_002;
const PARENT_CGROUP = `bulkhead-escape-${process.pid}`;
const LIMITS = { memoryBytes: 64 * 1024 * 1024, pids: 24 };
const isRoot = process.getuid?.() === 0;

const children: ChildProcess[] = [];
const servers: Server[] = [];
let folder = "";
let program = "";
let disk = -1;
let sharedMemory = "";
let cgroupsMade = 0;

async function sleeper(uid: number, descriptor: number): Promise<number> {
  const child = spawn("/usr/bin/setpriv", ["--reuid", String(uid), "--clear-groups", "/bin/sleep", "600"], {
    stdio: ["ignore", "ignore", "ignore", descriptor],
  });
  children.push(child);
  await once(child, "spawn");
  return child.pid ?? 0;
}

async function listening(where: string | { readonly port: number; readonly host: string }): Promise<Server> {
  const server = createServer((socket) => socket.on("error", () => {}).end());
  servers.push(server);
  await new Promise<void>((resolve, reject) => server.once("error", reject).listen(where, resolve));
  return server;
}

/** What a way out leads to must be there, or nothing was stopped. */
async function setUpTargets(): Promise<Targets> {
  const [otherDisk, readOnlyFile] = [join(folder, "other-flat.vmdk"), join(folder, "library")];
  for (const path of [otherDisk, readOnlyFile]) writeFileSync(path, "");
  chownSync(otherDisk, OWN_UID, OWN_UID); // not even its owner could open it from in there
  chmodSync(readOnlyFile, 0o666); // its mode does not keep it from being written
  const otherDescriptor = openSync(otherDisk, "r+");
  const [otherPid, ownUserPid] = [await sleeper(OTHER_UID, otherDescriptor), await sleeper(OWN_UID, otherDescriptor)];
  closeSync(otherDescriptor);
  const abstractName = `bulkhead-escape-${process.pid}`;
  const socketPath = join(folder, "vmkernel.sock");
  await listening(socketPath);
  await listening(`\0${abstractName}`);
  const tcp = await listening({ port: 0, host: "127.0.0.1" });
  chmodSync(socketPath, 0o666);
  sharedMemory = /id: (\d+)/.exec(execFileSync("ipcmk", ["-M", "4096", "-p", "0666"], { encoding: "utf8" }))?.[1] ?? "";
  const segment = readFileSync("/proc/sysvipc/shm", "utf8")
    .split("\n")
    .find((line) => line.trim().split(/\s+/)[1] === sharedMemory);
  return {
    ...{ otherDisk, otherPid, ownUserPid, socketPath, abstractName, readOnlyFile },
    tcpPort: (tcp.address() as AddressInfo).port,
    sharedMemoryKey: Number(segment?.trim().split(/\s+/)[0]),
    cgroupFolder: cgroupHierarchies()[0]?.root ?? "",
  };
}

/** A cgroup of its own, as each monitor has one. */
async function withCgroup<T>(use: (cgroup: string) => Promise<T>): Promise<T> {
  cgroupsMade += 1;
  const cgroup = `${PARENT_CGROUP}/vm-${cgroupsMade}`;
  await createCgroup(cgroup, LIMITS);
  try {
    return await use(cgroup);
  } finally {
    const left = (await processesOfCgroup(cgroup)).flatMap((pid) => findProcess(pid) ?? []);
    await terminate(left, 0);
    await destroyCgroup(cgroup);
  }
}

interface Attempt {
  readonly isolation: Isolation;
  readonly calls: readonly Call[];
  readonly readOnlyFile: string;
}

/** In the sandbox. @throws when the sandbox itself complains, for its exit code would be taken for an errno */
async function attemptIn(cgroup: string, { isolation, calls, readOnlyFile }: Attempt): Promise<string> {
  const log = createMemoryFile("escape-log");
  const readOnlyPaths = [program, readOnlyFile, ...(await filesOfPrograms(helpersInside(isolation)))];
  const plan = planSandbox({
    isolation,
    uid: OWN_UID,
    program,
    args: encodeCalls(calls),
    readOnlyPaths,
    devicePaths: [],
    descriptorCount: 1,
  });
  try {
    const started = await startSandboxed(plan, { descriptors: [disk], log, stdin: "null", cgroup });
    const end: ProcessEnd = await started.ended;
    const complaint = readFileSync(`/proc/self/fd/${log}`, "utf8");
    if (complaint !== "") throw new Error(complaint);
    if (end.kind === "killed") return end.signal;
    return end.code > 128 + 64 || end.code <= 128 ? outcomeOf(end.code) : `signal ${end.code - 128}`;
  } finally {
    closeSync(log);
  }
}

/** By root, outside; what it changes (mounts, the host's name) is its own. */
function attemptOutside(calls: readonly Call[]): string {
  const { status, signal } = spawnSync("/usr/bin/unshare", ["--mount", "--uts", program, ...encodeCalls(calls)], { stdio: "ignore" });
  return status === null ? String(signal) : outcomeOf(status);
}

describe.skipIf(!isRoot)("a hostile program in QEMU's place", () => {
  let targets: Targets;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "bulkhead-escape-"));
    chmodSync(folder, 0o755);
    program = join(folder, "hostile");
    writeFileSync(program, PROGRAM, { mode: 0o755 });
    disk = openSync(join(folder, "own-flat.vmdk"), "w+");
    targets = await setUpTargets();
  });

  afterAll(async () => {
    for (const child of children) child.kill("SIGKILL");
    await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
    if (sharedMemory !== "") execFileSync("ipcrm", ["-m", sharedMemory]);
    if (disk !== -1) closeSync(disk);
    await destroyCgroup(PARENT_CGROUP);
    rmSync(folder, { recursive: true, force: true });
  });

  const NOTHING: Targets = {
    ...{ otherDisk: "", otherPid: 0, ownUserPid: 0, socketPath: "", abstractName: "", tcpPort: 0, sharedMemoryKey: 0 },
    ...{ cgroupFolder: "", readOnlyFile: "" },
  };
  const rows = waysOut(NOTHING).map(({ name, by, stoppedWith, outside }, index) => ({ name, by, stoppedWith, outside, index }));
  const callsOf = (index: number) => waysOut(targets)[index]?.calls ?? [];

  test("has at least 25 ways out to try, each under its own name", () => {
    expect(new Set(rows.map(({ name }) => name)).size).toBe(rows.length);
    expect(rows.length).toBeGreaterThanOrEqual(25);
  });

  describe.each([
    ["walls that its own user builds", FULL_ISOLATION],
    ["walls that root builds (--degraded, no user namespaces)", { ...FULL_ISOLATION, userNamespace: false }],
  ])("within %s", (_, isolation) => {
    const attempt = (calls: readonly Call[]) =>
      withCgroup((cgroup) => attemptIn(cgroup, { isolation, calls, readOnlyFile: targets.readOnlyFile }));

    test.each(rows)("$name: stopped with $stoppedWith, for $by", async ({ index, stoppedWith }) => {
      const outcome = await attempt(callsOf(index));
      expect([stoppedWith].flat()).toContain(outcome);
    });

    test.each(waysIn(Buffer.from("written by the guest")))("$name works", async ({ calls }) => {
      expect(await attempt(calls)).toBe("done");
    });

    test("what it writes to its own disk is there, and the other VM's disk is as it was", async () => {
      const [own] = waysIn(Buffer.from("mine"));
      await attempt(own?.calls ?? []);
      expect(readFileSync(join(folder, "own-flat.vmdk"), "utf8")).toMatch(/^mine/);
      expect(readFileSync(targets.otherDisk, "utf8")).toBe("");
    });

    test("memory past its limit: it is killed in its own cgroup, and others go on", async () => {
      await withCgroup(async (cgroup) => {
        expect(await attemptIn(cgroup, { isolation, calls: TAKE_MEMORY, readOnlyFile: targets.readOnlyFile })).toBe("signal 9");
        expect(counter(cgroup, "memory", "oom_kill")).toBeGreaterThan(0);
      });
      expect(children.map(({ exitCode, signalCode }) => [exitCode, signalCode])).toEqual(children.map(() => [null, null]));
    });

    test("forking without end: its cgroup stays at its limit", async () => {
      await withCgroup(async (cgroup) => {
        const outcome = attemptIn(cgroup, { isolation, calls: FORK_MANY, readOnlyFile: targets.readOnlyFile });
        const most = await mostProcesses(cgroup, outcome);
        expect(["done", "EAGAIN"]).toContain(await outcome);
        expect(most).toBeLessThanOrEqual(LIMITS.pids);
        expect(counter(cgroup, "pids", "max")).toBeGreaterThan(0); // forks that the kernel refused, so it was at its limit
      });
    });
  });

  describe("outside the sandbox, by root, the same calls are not stopped", () => {
    const tried = rows.filter(({ outside }) => typeof outside === "string" || "errno" in outside);
    test.each(tried)("$name", ({ index, outside }) => {
      const expected = typeof outside === "string" ? outside : "errno" in outside ? outside.errno : "";
      expect(attemptOutside(callsOf(index))).toBe(expected);
    });

    test("taking that memory and forking that often work", () => {
      expect(attemptOutside(TAKE_MEMORY)).toBe("done");
      expect(attemptOutside(FORK_MANY)).toBe("done");
    });
  });
});

/** 256 MiB, private and anonymous, every page of it at once. */
const TAKE_MEMORY = [call("mmap", 0, 256 * 1024 * 1024, 3, 0x2 | 0x20 | 0x8000, -1, 0)];
/** 64 processes, which then wait half a second. */
const FORK_MANY = [
  ...Array.from({ length: 6 }, () => call("fork")),
  call("clock_nanosleep", 1, 0, Buffer.from(BigUint64Array.from([0n, 500_000_000n]).buffer), 0),
];

/** The files that the kernel counts in, of v1 and of v2. */
const COUNTERS = { memory: ["memory.oom_control", "memory.events"], pids: ["pids.events"] } as const;

function counter(cgroup: string, controller: "memory" | "pids", name: string): number {
  const root = cgroupHierarchies().find(({ controllers }) => controllers.includes(controller))?.root ?? "";
  const path = COUNTERS[controller].map((file) => join(root, cgroup, file)).find((candidate) => existsSync(candidate)) ?? "";
  return Number(new RegExp(`^${name} (\\d+)$`, "m").exec(readFileSync(path, "utf8"))?.[1]);
}

async function mostProcesses(cgroup: string, until: Promise<unknown>): Promise<number> {
  let most = 0;
  for (let isOver = false; !isOver; ) {
    most = Math.max(most, (await processesOfCgroup(cgroup)).length);
    isOver = await Promise.race([until.then(() => true), new Promise<false>((resolve) => setTimeout(resolve, 20, false))]);
  }
  return most;
}
