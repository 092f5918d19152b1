/** A whole host for a test: the real command, vmkernel, hostd and guests, in a folder of its own and on a port of its own. */
import { type ChildProcess, execFile, execFileSync, spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { mkdir, readFile, stat, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { buildGuest } from "../guest/build.mjs";
import { hostPaths } from "../src/base/index.ts";
import type { Evidence } from "../src/evidence/index.ts";
import { connectVim, type VimClient } from "../src/interfaces/index.ts";
import { readHostStatus } from "../src/main/host-status.ts";
import { hostRuns, readRunFile } from "../src/main/run-file.ts";
import { tableName, VmkernelClient } from "../src/vmkernel/index.ts";
import { formatVmdkDescriptor, makeBaseDescriptor } from "../src/wire/index.ts";

const run = promisify(execFile);
export const REPOSITORY = resolve(import.meta.dirname, "..");
export const COMMAND = join(REPOSITORY, "bin/bulkhead");
export const PASSWORD = "Correct-Horse-9";
const READY_MS = 60_000; // the first start proves the accelerator and makes a certificate on a busy machine

export interface TestHost {
  readonly root: string;
  readonly port: number;
  /** From the start of the command to its answering, in steps of the poll. */
  readonly startedInMs: number;
  /** Whether it runs, all of it. */
  isUp(): Promise<boolean>;
  /** Of vmkernel and hostd; while one is being started anew, it is waited for. */
  pids(): Promise<{ readonly vmkernel: number; readonly hostd: number }>;
  /** A client that is logged in as root. */
  login(): Promise<VimClient>;
  vmkernel(): Promise<VmkernelClient>;
  /** Runs `bulkhead` with this host's --root. @returns exit code and output */
  command(...args: readonly string[]): Promise<{ readonly code: number; readonly stdout: string; readonly stderr: string }>;
  /** @param keepRoot so that it can be started again */
  stop(keepRoot?: boolean): Promise<void>;
}

export interface HostStart {
  /** To `host run`, beyond --root and --listen. */
  readonly args?: readonly string[];
  /** Of a host that ran before; a new one otherwise. */
  readonly root?: string;
  /** A command that runs the host: one that makes it a smaller machine. */
  readonly within?: readonly string[];
  /** Where its API listens and is asked for. */
  readonly address?: string;
}

/** Starts a host and waits until it answers. */
export async function startHost({ args = [], root = newRoot(), within = [], address = "127.0.0.1" }: HostStart = {}): Promise<TestHost> {
  const port = await freePort();
  const [program = "", ...rest] = [...within, COMMAND, "host", "run", "--root", root, "--listen", `${address}:${port}`, ...args];
  const supervisor = spawn(program, rest, {
    env: { ...process.env, BULKHEAD_ROOT_PASSWORD: PASSWORD },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  supervisor.stdout?.on("data", (chunk) => (output += chunk));
  supervisor.stderr?.on("data", (chunk) => (output += chunk));
  const startedAt = performance.now();
  const host = hostAt({ root, address, port }, supervisor);
  try {
    await waitFor(async () => {
      if (supervisor.exitCode !== null) throw new Error(`the host ended:\n${output}`);
      return host.isUp();
    }, READY_MS);
  } catch (error) {
    await host.stop();
    throw new Error(`the host did not start:\n${output}`, { cause: error });
  }
  return { ...host, startedInMs: performance.now() - startedAt };
}

export const newRoot = (): string => mkdtempSync(join(tmpdir(), "bulkhead-test-"));

interface HostPlace {
  readonly root: string;
  readonly address: string;
  readonly port: number;
}

function hostAt({ root, address, port }: HostPlace, supervisor: ChildProcess): Omit<TestHost, "startedInMs"> {
  const paths = hostPaths(root);
  const host: Omit<TestHost, "startedInMs"> = {
    root,
    port,
    // Not by its command: that is a process more, each time that one waits.
    isUp: async () => (await readHostStatus(paths, hostRuns(paths))).kind === "running",
    async pids() {
      for (const deadline = Date.now() + READY_MS; Date.now() < deadline; await sleep(20)) {
        const { vmkernelPid: vmkernel, hostdPid: hostd } = (hostRuns(paths) && readRunFile(paths)) || {};
        if (vmkernel !== undefined && hostd !== undefined) return { vmkernel, hostd };
      }
      throw new Error(`the host on ${root} is not up`);
    },
    async login() {
      const client = await connectVim({ url: `https://${address}:${port}/sdk`, insecure: true });
      await client.call({ type: "SessionManager", value: "ha-sessionmgr" }, "Login", { userName: "root", password: PASSWORD });
      return client;
    },
    vmkernel: () => VmkernelClient.connect(paths.vmkernelSocket, READY_MS),
    async command(...args) {
      try {
        const { stdout, stderr } = await run(COMMAND, [...args, "--root", root], { env: process.env });
        return { code: 0, stdout, stderr };
      } catch (error) {
        const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string };
        return { code, stdout, stderr };
      }
    },
    async stop(keepRoot = false) {
      if (supervisor.exitCode === null && supervisor.signalCode === null) {
        const ended = new Promise((resolve) => supervisor.once("exit", resolve));
        supervisor.kill("SIGTERM");
        await ended;
      }
      removeFirewall(root);
      removeMounts(root);
      if (!keepRoot) removeFrozen(root);
    },
  };
  return host;
}

/** A host that has stopped has no table in the kernel's packet filter. @throws when it has, and then it is deleted */
function removeFirewall(root: string): void {
  const table = tableName(hostPaths(root).hostId);
  try {
    execFileSync("nft", ["list", "table", "inet", table], { stdio: "ignore" });
  } catch {
    return;
  }
  execFileSync("nft", ["delete", "table", "inet", table]);
  throw new Error(`still in the packet filter when the host had stopped: ${table}`);
}

/** Removes a folder with all in it, parents of disks too: the file system itself keeps those, until it is told otherwise. */
export function removeFrozen(folder: string): void {
  spawnSync("chattr", ["-R", "-f", "-i", folder]); // its failures are at files that have no such mark
  rmSync(folder, { recursive: true, force: true });
}

/** A host that has stopped has mounted nothing: datastores may be, by others. @throws when one has, and then it is unmounted */
export function removeMounts(root: string): void {
  const left = mountsBeneath(hostPaths(root).run);
  for (const path of left) execFileSync("umount", ["-l", path]);
  if (left.length > 0) throw new Error(`still mounted when the host had stopped: ${left.join(", ")}`);
}

/** The innermost first. */
export function mountsBeneath(root: string): readonly string[] {
  const points = readFileSync("/proc/self/mountinfo", "utf8")
    .split("\n")
    .map((line) => line.split(" ")[4] ?? "");
  return points.filter((path) => path.startsWith(`${root}/`)).reverse();
}

/**
 * The claims that do not pass. One that only a machine of the host's own can show does not count: what is tested here shares its machine.
 * Nor does one of hyperthreads, which is not shown on a machine that has them and was not told to keep VMs off each other's cores.
 */
export function notPassed<E extends Pick<Evidence, "claim" | "verdict">>(evidence: readonly E[]): readonly E[] {
  const isOfOwnMachine = ({ claim, verdict }: E) => verdict === "not shown" && claim.includes("a port that no enabled rule set names");
  const isOfThreads = ({ claim, verdict }: E) => verdict === "not shown" && claim.includes("the threads of one core");
  return evidence.filter((one) => one.verdict !== "pass" && !isOfOwnMachine(one) && !isOfThreads(one));
}

/** Polls until `condition` holds; throws what it throws. */
export async function waitFor(condition: () => Promise<boolean> | boolean, timeoutMs: number, intervalMs = 100): Promise<void> {
  for (const deadline = Date.now() + timeoutMs; Date.now() < deadline; await sleep(intervalMs)) if (await condition()) return;
  throw new Error(`not so within ${timeoutMs} ms: ${condition}`);
}

export const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** The text of a file on datastore1, "" when it is not there. */
export async function datastoreText(host: TestHost, path: string): Promise<string> {
  return readFile(join(hostPaths(host.root).volumes, "datastore1", path), "utf8").catch(() => "");
}

export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => (address !== null && typeof address === "object" ? resolve(address.port) : reject(new Error("no port"))));
    });
  });
}

/**
 * Puts the tiny guest's disk on datastore1, under a name of its own: a VM boots from it and may write it.
 * @param image another disk's
 * @returns its datastore path
 */
export async function installGuestImage(host: TestHost, name: string, image = buildGuest().image): Promise<string> {
  const folder = join(hostPaths(host.root).volumes, "datastore1", "images");
  await mkdir(folder, { recursive: true });
  await run("cp", ["--sparse=always", image, join(folder, `${name}-flat.vmdk`)]);
  const digest = createHash("sha256").update(name).digest("hex");
  const descriptor = makeBaseDescriptor({
    capacityBytes: (await stat(image)).size,
    thin: true,
    adapterType: "lsilogic",
    uuid: `6000c29${digest.slice(0, 25)}`,
    longContentId: digest.slice(0, 32),
    hardwareVersion: 21,
    extentFile: `${name}-flat.vmdk`,
  });
  await writeFile(join(folder, `${name}.vmdk`), formatVmdkDescriptor(descriptor));
  return `[datastore1] images/${name}.vmdk`;
}

/** A client of a host whose processes were killed: it answers once they run anew. */
export async function loginAgain(host: TestHost, withinMs: number): Promise<VimClient> {
  for (const deadline = Date.now() + withinMs; ; await sleep(100)) {
    try {
      return await host.login();
    } catch (error) {
      if (Date.now() > deadline) throw error;
    }
  }
}

export async function killSome(host: TestHost, which: "hostd" | "vmkernel" | "both"): Promise<void> {
  const { hostd, vmkernel } = await host.pids();
  if (which !== "vmkernel") process.kill(hostd, "SIGKILL");
  if (which !== "hostd") process.kill(vmkernel, "SIGKILL");
}
