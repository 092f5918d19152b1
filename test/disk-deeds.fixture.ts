/** Every deed that this host does on disks, each with what it needs to be there before. They are the rows of tests that cut them short. */
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, rmSync } from "node:fs";
import { request } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { moRef } from "../src/interfaces/index.ts";
import type { HttpNfcLeaseInfo, MoRef, VirtualDevice, VirtualMachineImportSpec } from "../src/wire/index.ts";
import { ask, DISK_MIB, DISKS, diskSpec, fill, makeForeign, type Stage, vmSpec } from "./disk-stage.fixture.ts";
import { sleep } from "./harness.ts";
import { ovfDescriptor } from "./package.fixture.ts";
import { createVm, ROOT_POOL, read, VM_FOLDER } from "./vm.ts";

export interface DiskDeed {
  readonly name: string;
  /** It needs a monitor, so a whole host. */
  readonly runs?: true;
  /** What it makes takes space on the datastore: on a full one it fails. */
  readonly grows?: true;
  /** It is done step by step: cut short, every disk shows what it showed, and this does the rest. */
  readonly goOn?: (stage: Stage) => Promise<unknown>;
  /** Whoever dies over it, the guest that ran may be gone, or lie suspended. */
  readonly mayStop?: true;
  prepare(stage: Stage): Promise<unknown>;
  /** To its end, as a client does it that gives up when it fails. */
  perform(stage: Stage): Promise<unknown>;
}

const LINKED = "createNewChildDiskBacking";
const LEASE_MS = 60_000;

const disk = (method: string, args: (stage: Stage) => object) => (stage: Stage) => stage.task(DISKS, method, args(stage));
const create = (diskType: string) => disk("CreateVirtualDisk_Task", ({ path }) => ({ name: path("new.vmdk"), spec: diskSpec(diskType) }));
const change = (method: string, more: object = {}) => disk(method, ({ path }) => ({ name: path("a.vmdk"), ...more }));
const has = (diskType: string) => (stage: Stage) => stage.makeDisk("a.vmdk", diskType);
const toB = ({ path }: Stage) => ({ sourceName: path("a.vmdk"), destName: path("b.vmdk") });
const onVm = (method: string, args: object) => async (stage: Stage) => stage.task(await stage.vm(), method, args);
const onSnapshot = (name: string, method: string, args: object) => async (stage: Stage) =>
  stage.task(await stage.snapshotRef(name), method, args);
const then =
  (...steps: readonly ((stage: Stage) => Promise<unknown>)[]) =>
  async (stage: Stage): Promise<void> => {
    for (const step of steps) await step(stage);
  };

const makeVm = (stage: Stage) => stage.makeVm();
const powerOn = onVm("PowerOnVM_Task", {});
const takeSnapshot =
  (name: string, memory = false) =>
  (stage: Stage) =>
    stage.snapshot(name, memory);
/** One snapshot after another, each with something written since. */
const withSnapshots =
  (...names: readonly string[]) =>
  async (stage: Stage): Promise<void> => {
    await stage.makeVm();
    for (const [index, name] of names.entries()) {
      await stage.snapshot(name);
      stage.write(`${stage.name}-${String(index + 1).padStart(6, "0")}-delta.vmdk`, index + 1, 2 + 3 * index);
    }
  };
const consolidate = onVm("ConsolidateVMDisks_Task", {});
const clone =
  (location: object) =>
  async (stage: Stage): Promise<unknown> =>
    stage.task(await stage.vm(), "CloneVM_Task", {
      folder: VM_FOLDER,
      name: `${stage.name}c`,
      spec: { location, powerOn: false, template: false },
    });

export const DISK_DEEDS: readonly DiskDeed[] = [
  { name: "create thin", prepare: async () => {}, perform: create("thin") },
  { name: "create lazily zeroed", grows: true, prepare: async () => {}, perform: create("preallocated") },
  { name: "create eagerly zeroed", grows: true, prepare: async () => {}, perform: create("eagerZeroedThick") },
  { name: "copy", grows: true, prepare: has("thin"), perform: disk("CopyVirtualDisk_Task", toB) },
  {
    name: "copy from a foreign disk",
    grows: true,
    prepare: async ({ at }) => makeForeign(at("a.vmdk"), "monolithicSparse"),
    perform: disk("CopyVirtualDisk_Task", (stage) => ({ ...toB(stage), destSpec: { diskType: "thin", adapterType: "lsiLogic" } })),
  },
  { name: "move", prepare: has("thin"), perform: disk("MoveVirtualDisk_Task", toB) },
  {
    name: "move over another",
    prepare: then(has("thin"), (stage) => stage.makeDisk("b.vmdk", "preallocated")),
    perform: disk("MoveVirtualDisk_Task", (stage) => ({ ...toB(stage), force: true })),
  },
  { name: "delete", prepare: has("thin"), perform: change("DeleteVirtualDisk_Task") },
  { name: "extend thin", prepare: has("thin"), perform: change("ExtendVirtualDisk_Task", { newCapacityKb: 2 * DISK_MIB * 1024 }) },
  {
    name: "extend eagerly zeroed",
    grows: true,
    prepare: has("eagerZeroedThick"),
    perform: change("ExtendVirtualDisk_Task", { newCapacityKb: 3 * DISK_MIB * 1024, eagerZero: true }),
  },
  { name: "inflate", grows: true, prepare: has("thin"), perform: change("InflateVirtualDisk_Task") },
  { name: "eager zero", prepare: has("preallocated"), perform: change("EagerZeroVirtualDisk_Task") },
  { name: "shrink", prepare: has("thin"), perform: change("ShrinkVirtualDisk_Task") },
  {
    name: "power on with a foreign disk",
    grows: true,
    mayStop: true,
    prepare: async ({ at, client, name, path }) => {
      makeForeign(at("a.vmdk"), "monolithicSparse");
      await createVm(client, vmSpec(name, path("a.vmdk")));
    },
    perform: onVm("PowerOnVM_Task", {}),
  },
  {
    name: "copy a folder",
    grows: true,
    prepare: async (stage) => {
      mkdirSync(stage.at("in"));
      await stage.makeDisk("in/a.vmdk");
    },
    perform: ({ path, task }) =>
      task(moRef("FileManager", "ha-nfc-file-manager"), "CopyDatastoreFile_Task", { sourceName: path("in"), destinationName: path("out") }),
  },
  {
    name: "CreateChildDisk",
    prepare: has("thin"),
    perform: (stage) =>
      stage.task(DISKS, "CreateChildDisk_Task", {
        childName: stage.path("child.vmdk"),
        parentName: stage.path("a.vmdk"),
        isLinkedClone: true,
      }),
  },
  { name: "snapshot", prepare: makeVm, perform: takeSnapshot("one") },
  { name: "revert", prepare: withSnapshots("one", "two"), perform: onSnapshot("one", "RevertToSnapshot_Task", {}) },
  {
    name: "remove a snapshot",
    prepare: withSnapshots("one", "two", "three"),
    perform: onSnapshot("two", "RemoveSnapshot_Task", { removeChildren: false }),
    goOn: consolidate,
  },
  {
    name: "remove all snapshots",
    prepare: withSnapshots("one", "two", "three"),
    perform: onVm("RemoveAllSnapshots_Task", {}),
    goOn: consolidate,
  },
  {
    name: "consolidate",
    prepare: then(withSnapshots("one", "two"), onVm("RemoveAllSnapshots_Task", { consolidate: false })),
    perform: consolidate,
    goOn: consolidate,
  },
  { name: "linked clone", prepare: makeVm, perform: clone({ diskMoveType: LINKED }) },
  { name: "full clone", grows: true, prepare: makeVm, perform: clone({}) },
  { name: "import by NFC", grows: true, prepare: async () => {}, perform: importPackage },
  { name: "export", prepare: makeVm, perform: exportPackage },
  { name: "abort of a lease", prepare: async () => {}, perform: abortImport },
  { name: "snapshot of what runs", runs: true, prepare: then(makeVm, powerOn), perform: takeSnapshot("one") },
  { name: "snapshot with memory", runs: true, grows: true, prepare: then(makeVm, powerOn), perform: takeSnapshot("one", true) },
  {
    name: "revert to memory",
    runs: true,
    mayStop: true,
    prepare: then(makeVm, powerOn, takeSnapshot("one", true)),
    perform: onSnapshot("one", "RevertToSnapshot_Task", {}),
  },
  {
    name: "remove a snapshot of what runs",
    runs: true,
    prepare: then(withSnapshots("one", "two", "three"), powerOn),
    perform: onSnapshot("two", "RemoveSnapshot_Task", { removeChildren: false }),
  },
  { name: "extend what runs", runs: true, prepare: then(makeVm, powerOn), perform: growRunning },
  {
    name: "remove all snapshots of what runs",
    runs: true,
    prepare: then(withSnapshots("one", "two"), powerOn),
    perform: onVm("RemoveAllSnapshots_Task", {}),
  },
];

async function growRunning(stage: Stage): Promise<void> {
  const vm = await stage.vm();
  const devices = (await read(stage.client, vm, "config.hardware.device")) as readonly VirtualDevice[];
  const disk = devices.find(({ $type }) => $type === "VirtualDisk");
  const device = { ...disk, capacityInKB: 2 * DISK_MIB * 1024, capacityInBytes: 2 * DISK_MIB * 1024 * 1024 };
  await stage.task(vm, "ReconfigVM_Task", { spec: { deviceChange: [{ operation: "edit", device }] } });
}

let packed: Buffer | undefined;
/** A disk as packages have it. */
function packedDisk(): Buffer {
  if (packed !== undefined) return packed;
  const [raw, stream] = ["raw", "stream"].map((name) => join(tmpdir(), `disk-deeds-${process.pid}-${name}`)) as [string, string];
  try {
    execFileSync("truncate", ["-s", `${DISK_MIB}M`, raw]);
    fill(raw);
    execFileSync("qemu-img", ["convert", "-f", "raw", "-O", "vmdk", "-o", "subformat=streamOptimized", raw, stream]);
    packed = readFileSync(stream);
    return packed;
  } finally {
    for (const file of [raw, stream]) rmSync(file, { force: true });
  }
}

async function ready({ client }: Stage, lease: MoRef): Promise<HttpNfcLeaseInfo> {
  for (const deadline = Date.now() + LEASE_MS; Date.now() < deadline; await sleep(20)) {
    const state = await read(client, lease, "state");
    if (state === "ready") return (await read(client, lease, "info")) as HttpNfcLeaseInfo;
    if (state === "error") throw new Error(JSON.stringify(await read(client, lease, "error")));
  }
  throw new Error("the lease never became ready");
}

async function openImport({ client, name }: Stage): Promise<MoRef> {
  const [datastore] = (await read(client, moRef("ComputeResource", "ha-compute-res"), "datastore")) as MoRef<"Datastore">[];
  const { importSpec } = await client.call(moRef("OvfManager", "ha-ovf-manager"), "CreateImportSpec", {
    ovfDescriptor: ovfDescriptor({ bytes: packedDisk().length, capacityMib: DISK_MIB }),
    resourcePool: ROOT_POOL,
    datastore: datastore as MoRef<"Datastore">,
    cisp: { entityName: `${name}i`, diskProvisioning: "thin", locale: "", deploymentOption: "" },
  });
  return client.call(ROOT_POOL, "ImportVApp", { spec: importSpec as VirtualMachineImportSpec });
}

/** As clients do: what fails is aborted. */
async function overLease(
  stage: Stage,
  lease: MoRef,
  deed: (info: HttpNfcLeaseInfo) => Promise<void>,
  end: "HttpNfcLeaseComplete" | "HttpNfcLeaseAbort" = "HttpNfcLeaseComplete",
): Promise<void> {
  try {
    await deed(await ready(stage, lease));
    await ask(stage.client, lease, end, {});
  } catch (cause) {
    const why = await read(stage.client, lease, "error").catch(() => undefined);
    await ask(stage.client, lease, "HttpNfcLeaseAbort", {}).catch(() => {}); // it may have ended by itself, or its host
    throw new Error(`the lease failed: ${JSON.stringify(why)}`, { cause });
  }
}

async function importPackage(stage: Stage): Promise<void> {
  const lease = await openImport(stage);
  await overLease(stage, lease, async ({ deviceUrl }) => void (await move(stage, "POST", deviceUrl?.[0]?.url ?? "", packedDisk())));
}

async function exportPackage(stage: Stage): Promise<void> {
  const lease = await ask(stage.client, await stage.vm(), "ExportVm", {});
  await overLease(stage, lease, async ({ deviceUrl }) => void (await move(stage, "GET", deviceUrl?.[0]?.url ?? "")));
}

async function abortImport(stage: Stage): Promise<void> {
  const lease = await openImport(stage);
  const send = async ({ deviceUrl }: HttpNfcLeaseInfo) => void (await move(stage, "POST", deviceUrl?.[0]?.url ?? "", packedDisk()));
  await overLease(stage, lease, send, "HttpNfcLeaseAbort");
}

/** Both ways of a lease's file. */
function move({ port }: Stage, method: "GET" | "POST", url: string, body?: Buffer): Promise<number> {
  const { pathname } = new URL(url.replace("*", "127.0.0.1"));
  const headers = body === undefined ? {} : { "Content-Length": body.length, "Content-Type": "application/x-vnd.vmware-streamVmdk" };
  return new Promise((resolve, reject) => {
    const options = { host: "127.0.0.1", port, path: pathname, method, headers, rejectUnauthorized: false };
    const sent = request(options, (response) => {
      const { statusCode = 0 } = response;
      response.resume();
      response.on("error", reject);
      response.on("end", () => (statusCode === 200 ? resolve(statusCode) : reject(new Error(`${method} ${url}: ${statusCode}`))));
    });
    sent.on("error", reject);
    sent.end(body);
  });
}
