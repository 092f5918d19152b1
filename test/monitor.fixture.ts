/** A vmkernel process of its own on a folder of its own, and a VM on it that boots the tiny guest. Run from the built output. */
import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, copyFileSync, existsSync, mkdtempSync, openSync, readdirSync, readFileSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { buildGuest } from "../guest/build.mjs";
import { type DatastorePath, type HostPaths, hostPaths, type VmId } from "../src/base/index.ts";
import { type DeviceSpec, type MachineSpec, VmkernelClient, type VmkernelEvent } from "../src/vmkernel/index.ts";
import { removeFrozen, removeMounts } from "./harness.ts";

const PROGRAM = resolve(import.meta.dirname, "../dist/main/vmkernel.js");
const START_TIMEOUT_MS = 120_000; // also in a machine that is itself emulated
export const DISK_BYTES = 64 * 1024 * 1024;
const BARE_DISK_BYTES = 1024 * 1024;

export class TestKernel implements AsyncDisposable {
  readonly paths: HostPaths;
  readonly events: VmkernelEvent[] = [];
  #process: ChildProcess | undefined;
  #client: VmkernelClient | undefined;
  #errors = "";

  constructor(root = mkdtempSync(join(tmpdir(), "bulkhead-monitor-"))) {
    this.paths = hostPaths(root);
  }

  get client(): VmkernelClient {
    if (this.#client === undefined) throw new Error("vmkernel has not been started");
    return this.#client;
  }

  /** What it told on standard error since the first start. */
  get log(): string {
    return this.#errors;
  }

  /** @returns its line on standard output, and how long that took */
  async start(...args: readonly string[]): Promise<{ readonly ready: string; readonly tookMs: number }> {
    const began = performance.now();
    const child = spawn(
      process.execPath,
      ["--jitless", "--no-expose-wasm", PROGRAM, "--root", this.paths.root, "--api-port", "443", ...args],
      {
        stdio: ["pipe", "pipe", "pipe"],
      },
    );
    this.#process = child;
    child.stderr.on("data", (chunk) => {
      this.#errors += chunk;
    });
    const ready = await new Promise<string>((resolveLine, reject) => {
      const late = setTimeout(() => reject(new Error(`vmkernel was not ready in time: ${this.#errors}`)), START_TIMEOUT_MS);
      child.stdout.once("data", (chunk: Buffer) => resolveLine(chunk.toString()));
      child.once("exit", () => reject(new Error(`vmkernel ended: ${this.#errors}`)));
      child.once("exit", () => clearTimeout(late));
      child.stdout.once("data", () => clearTimeout(late));
    });
    const tookMs = performance.now() - began;
    if (this.#client === undefined) {
      this.#client = await VmkernelClient.connect(this.paths.vmkernelSocket);
      this.#client.onEvent((event) => this.events.push(event));
    }
    return { ready, tookMs };
  }

  get process(): ChildProcess {
    if (this.#process === undefined) throw new Error("vmkernel has not been started");
    return this.#process;
  }

  async kill(signal: NodeJS.Signals): Promise<void> {
    const child = this.process;
    if (child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolveEnd) => child.once("exit", resolveEnd));
    child.kill(signal);
    await ended;
  }

  /** Ends what a failed test left as well: a new vmkernel adopts it and powers it off. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#process === undefined) return;
    if (this.process.exitCode !== null || this.process.signalCode !== null) await this.start();
    const ended = new Promise((resolveEnd) => this.process.once("exit", resolveEnd));
    await this.client.request({ kind: "shutdownHost", graceMs: 0 }).catch(() => this.process.kill("SIGKILL"));
    await ended;
    this.client.close();
    removeMounts(this.paths.root);
    removeFrozen(this.paths.root);
  }

  /** A folder with a disk of the tiny guest, and the machine that boots it; `devices` beside the usual ones. */
  async makeGuest(
    id: string,
    changes: Partial<MachineSpec> = {},
    devices: readonly DeviceSpec[] = [],
    image = buildGuest().image,
  ): Promise<MachineSpec> {
    copyFileSync(image, await this.#makeDisk(id, DISK_BYTES));
    return machineOf(id, changes, devices);
  }

  /** The same with a program of one sector in the guest's place, and 16 MiB for it. */
  async makeBareGuest(id: string, bootSector: Buffer): Promise<MachineSpec> {
    const disk = openSync(await this.#makeDisk(id, BARE_DISK_BYTES), "r+");
    writeSync(disk, bootSector, 0, bootSector.length, 0);
    closeSync(disk);
    return machineOf(id, { memoryMiB: 16 });
  }

  /** @returns where it is on the machine */
  async #makeDisk(id: string, capacityBytes: number): Promise<string> {
    await this.client.request({ kind: "listDatastores" });
    await this.client.request({ kind: "makeFolder", folder: inDatastore(id) });
    await this.client.request({
      kind: "createDisk",
      descriptor: inDatastore(`${id}/disk.vmdk`),
      disk: { capacityBytes, provisioning: "thin", adapterType: "lsilogic", uuid: `6000c29${id.padStart(25, "0")}` },
    });
    return this.hostPath(`${id}/disk-flat.vmdk`);
  }

  hostPath(path: string): string {
    return join(this.paths.volumes, "datastore1", path);
  }

  console(id: string): string {
    const path = this.hostPath(`${id}/console.log`);
    return existsSync(path) ? readFileSync(path, "latin1") : "";
  }

  async runningVms(): Promise<readonly string[]> {
    return (await this.client.request({ kind: "listMonitors" })).map(({ vm }) => vm);
  }

  /** The last number that the guest has counted to. */
  tick(id: string): number {
    return Number(
      this.console(id)
        .match(/tick (\d+)/g)
        ?.at(-1)
        ?.slice("tick ".length) ?? 0,
    );
  }

  /** For a person who has to find out why a test failed: the VM's monitor, the end of its console, and what vmkernel told. */
  async describeState(id: string): Promise<string> {
    const monitors = await this.client.request({ kind: "listMonitors" }).catch(String);
    const inspection = await this.client.request({ kind: "inspectMonitor", vm: id as VmId }).catch(String);
    const events = this.events.slice(-10);
    return [{ monitors, inspection, events }, this.console(id).slice(-3000), this.log.slice(-3000)]
      .map((part) => (typeof part === "string" ? part : JSON.stringify(part, undefined, 1)))
      .join("\n────\n");
  }

  /** Names of the run-time folders of monitors. */
  runFolders(): string[] {
    return existsSync(this.paths.monitors) ? readdirSync(this.paths.monitors) : [];
  }

  /** Processes of this host's monitors, whoever knows of them, as the kernel has them. */
  processes(id = ""): number[] {
    return readdirSync("/proc")
      .filter((name) => /^\d+$/.test(name))
      .map(Number)
      .filter((pid) => {
        try {
          return readFileSync(`/proc/${pid}/cgroup`, "utf8").includes(`bulkhead-${this.paths.hostId}/vm-${id}`);
        } catch {
          return false; // it ended meanwhile
        }
      });
  }
}

export function inDatastore(path: string): DatastorePath {
  return { datastore: "datastore1", path };
}

export function machineOf(id: string, changes: Partial<MachineSpec> = {}, devices: readonly DeviceSpec[] = []): MachineSpec {
  return {
    vm: id as VmId,
    name: `guest ${id}`,
    home: inDatastore(id),
    biosUuid: `564d1f2e-3c4b-5a69-7887-${id.padStart(12, "0")}`,
    memoryMiB: 128,
    vcpus: 1,
    coresPerSocket: 1,
    firmware: { kind: "bios" },
    bootOrder: [],
    devices: [
      { kind: "scsi", key: 1000, bus: 0, model: "pvscsi" },
      { kind: "disk", key: 2000, controllerKey: 1000, unit: 0, descriptor: inDatastore(`${id}/disk.vmdk`), mode: "persistent" },
      { kind: "video", key: 500, vramKiB: 4096 },
      { kind: "serial", key: 9000, unit: 0, file: inDatastore(`${id}/console.log`) },
      ...devices,
    ],
    ...changes,
  };
}

export async function until(what: string, isSo: () => boolean | Promise<boolean>, timeoutMs = 60_000, intervalMs = 50): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (!(await isSo())) {
    if (performance.now() > deadline) throw new Error(`${what}: not within ${timeoutMs} ms`);
    await sleep(intervalMs);
  }
}

export function sleep(delayMs: number): Promise<void> {
  return new Promise((resolveLater) => setTimeout(resolveLater, delayMs));
}
