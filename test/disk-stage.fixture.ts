/**
 * A stage for deeds on disks: a host, a name of its own for each scene, and what there is on datastore1 afterwards, told in a way in
 * which two scenes can be compared. Disks are read by qemu-img and by plain reads, as their descriptors say: not by the host.
 */
import { execFileSync } from "node:child_process";
import { createCipheriv, createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { moRef, type VimClient } from "../src/interfaces/index.ts";
import type { MoRef, VirtualMachineSnapshotInfo, VirtualMachineSnapshotTree } from "../src/wire/index.ts";
import { createVm, read, succeeded, VM_FOLDER } from "./vm.ts";

export const DISKS = moRef("VirtualDiskManager", "ha-vdiskmanager");
export const MIB = 1024 * 1024;
export const DISK_MIB = 24;

type Vm = MoRef<"VirtualMachine">;

/** A method by a name that the types of a client do not know. */
export const ask = (client: VimClient, on: MoRef, method: string, args: object): Promise<MoRef> =>
  (client.call as (on: MoRef, method: string, args: object) => Promise<MoRef>).call(client, on, method, args);

export class Stage {
  readonly client: VimClient;
  /** Of its folder, its VM, and the beginning of the name of whatever else belongs to it. */
  readonly name: string;
  /** The folder that is datastore1. */
  readonly datastore: string;
  /** Where the host listens for files of packages. */
  readonly port: number;

  constructor(parts: Pick<Stage, "client" | "name" | "datastore" | "port">) {
    this.client = parts.client;
    this.name = parts.name;
    this.datastore = parts.datastore;
    this.port = parts.port;
    mkdirSync(this.at(""), { recursive: true });
  }

  at = (file: string): string => join(this.datastore, this.name, file);
  path = (file: string): string => `[datastore1] ${this.name}/${file}`;
  task = async (on: MoRef, method: string, args: object): Promise<unknown> =>
    succeeded(this.client, await ask(this.client, on, method, args));

  async makeDisk(file: string, diskType = "thin"): Promise<void> {
    await this.task(DISKS, "CreateVirtualDisk_Task", { name: this.path(file), spec: diskSpec(diskType) });
    if (diskType !== "preallocated") fill(this.at(file.replace(".vmdk", "-flat.vmdk")));
  }

  /** A VM with that disk, which has data, and no system: what its monitor runs is the BIOS. */
  async makeVm(file = `${this.name}.vmdk`): Promise<Vm> {
    if (!existsSync(this.at(file))) await this.makeDisk(file);
    return createVm(this.client, vmSpec(this.name, this.path(file)));
  }

  async vm(): Promise<Vm> {
    const [own] = (await this.#vms()).filter(({ name }) => name === this.name);
    if (own === undefined) throw new Error(`${this.name} has no VM`);
    return own.vm;
  }

  async snapshot(name: string, memory = false): Promise<void> {
    await this.task(await this.vm(), "CreateSnapshot_Task", { name, memory, quiesce: false });
  }

  async snapshotRef(name: string): Promise<MoRef> {
    const info = (await read(this.client, await this.vm(), "snapshot")) as VirtualMachineSnapshotInfo;
    const all = (trees: readonly VirtualMachineSnapshotTree[]): VirtualMachineSnapshotTree[] =>
      trees.flatMap((tree) => [tree, ...all(tree.childSnapshotList ?? [])]);
    const found = all(info.rootSnapshotList ?? []).find((tree) => tree.name === name);
    if (found === undefined) throw new Error(`there is no snapshot ${name}`);
    return found.snapshot;
  }

  /** Data in a delta, as a guest would have written it. */
  write(delta: string, byte: number, atMib: number): void {
    execFileSync("qemu-io", ["-f", "qcow2", "-c", `write -P ${byte} ${atMib}M 4M`, this.at(delta)], { stdio: "ignore" });
  }

  async #vms(): Promise<{ readonly vm: Vm; readonly name: string }[]> {
    const vms = (await read(this.client, VM_FOLDER, "childEntity")) as readonly Vm[];
    const named = await Promise.all(vms.map(async (vm) => ({ vm, name: (await read(this.client, vm, "name")) as string })));
    return named.filter(({ name }) => name.startsWith(this.name));
  }

  /** What there is: the VMs, every file, and what is on every disk. The scene's own name is left out of it. */
  async look(): Promise<readonly string[]> {
    const vms = await Promise.all((await this.#vms()).map(({ vm, name }) => this.#tellVm(vm, name)));
    const files = readdirSync(this.datastore, { recursive: true, encoding: "utf8" })
      .filter((file) => !/^(images|running|\.datastore-uuid)|\.log$/.test(file) && statSync(join(this.datastore, file)).isFile())
      .map((file) => `${file} ${this.#tellFile(join(this.datastore, file))}`);
    return [...vms, ...files].map((line) => line.trim().replaceAll(this.name, "@")).sort();
  }

  async #tellVm(vm: Vm, name: string): Promise<string> {
    const of = (property: string) => read(this.client, vm, property);
    const info = (await of("snapshot")) as VirtualMachineSnapshotInfo | undefined;
    const tell = ({ name, snapshot, childSnapshotList = [] }: VirtualMachineSnapshotTree): string =>
      `${name}${snapshot.value === info?.currentSnapshot?.value ? "*" : ""}(${childSnapshotList.map(tell).join(" ")})`;
    const tree = (info?.rootSnapshotList ?? []).map(tell).join(" ");
    const devices = (await of("config.hardware.device")) as readonly { readonly $type: string; readonly backing?: { fileName?: string } }[];
    const disks = devices.flatMap(({ $type, backing }) => ($type === "VirtualDisk" ? [backing?.fileName] : []));
    const left = (await of("runtime.consolidationNeeded")) === true ? " and disks that are left" : "";
    return `VM ${name} is ${await of("runtime.powerState")}, has ${disks.join(", ")}, snapshots: ${tree}${left}`;
  }

  /** What the VMs' own disks hold, whatever they are called. */
  shown(there: readonly string[]): readonly string[] {
    const disks = there.flatMap((line) => [...line.matchAll(/^VM .* has \[datastore1\] (\S+),/g)].map(([, file]) => file));
    return disks.map((file) => there.find((line) => line.startsWith(`${file} `))?.slice(`${file} `.length) ?? "nothing");
  }

  #tellFile(file: string): string {
    if (/-(flat|delta)\.vmdk$/.test(file)) return file.includes("-flat") ? `${statSync(file).size} bytes` : "";
    return file.endsWith(".vmdk") ? tellDisk(file) : "";
  }

  /** All of it goes, by what the API offers: also what a deed left that was cut short can be worked with. */
  async clear(): Promise<void> {
    for (const { vm } of (await this.#vms()).reverse()) {
      if ((await read(this.client, vm, "runtime.powerState")) === "poweredOn") await this.task(vm, "PowerOffVM_Task", {});
      await this.task(vm, "Destroy_Task", {});
    }
    // Children were made after their parents, and have longer names here.
    if (existsSync(this.at("")))
      for (const file of readdirSync(this.at("")).sort((a, b) => b.length - a.length))
        if (file.endsWith(".vmdk") && !/-(flat|delta)\.vmdk$/.test(file))
          await this.task(DISKS, "DeleteVirtualDisk_Task", { name: this.path(file) });
    rmSync(this.at(""), { recursive: true, force: true });
  }
}

export const diskSpec = (diskType: string) => ({
  $type: "FileBackedVirtualDiskSpec",
  diskType,
  adapterType: "lsiLogic",
  capacityKb: DISK_MIB * 1024,
});

export function vmSpec(name: string, disk: string) {
  const backing = { $type: "VirtualDiskFlatVer2BackingInfo", fileName: disk, diskMode: "persistent" };
  const add = (device: object) => ({ operation: "add" as const, device: device as never });
  return {
    name,
    guestId: "otherLinux64Guest",
    numCPUs: 1,
    memoryMB: 32,
    files: { vmPathName: `[datastore1] ${name}/${name}.vmx` },
    deviceChange: [
      add({ $type: "ParaVirtualSCSIController", key: -1, busNumber: 0, sharedBus: "noSharing" }),
      add({ $type: "VirtualDisk", key: -2, controllerKey: -1, unitNumber: 0, capacityInKB: 0, backing }),
    ],
  };
}

/** Bytes that look like nothing else, zeros that were written, and a hole at the end. */
export function fill(flat: string): void {
  writeFileSync(flat, Buffer.concat([patternOf(8), Buffer.alloc(8 * MIB), patternOf(4)]), { flag: "r+" });
}

/** Its boot sector is none, so that the BIOS finds nothing to start. */
function patternOf(mib: number): Buffer {
  return createCipheriv("aes-128-ctr", Buffer.alloc(16, 7), Buffer.alloc(16, 9)).update(Buffer.alloc(mib * MIB));
}

/** A disk of another product, with the same on it. */
export function makeForeign(to: string, subformat: string): void {
  const raw = `${to}.raw`;
  execFileSync("truncate", ["-s", `${DISK_MIB}M`, raw]);
  fill(raw);
  execFileSync("qemu-img", ["convert", "-f", "raw", "-O", "vmdk", "-o", `subformat=${subformat}`, raw, to]);
  rmSync(raw);
}

/** Capacity, kind and content; what it is read from are the files that its descriptor names. */
function tellDisk(descriptor: string): string {
  if (readFileSync(descriptor).subarray(0, 4).toString() === "KDMV")
    return `sparse ${hashOf({ driver: "vmdk", file: { driver: "file", filename: descriptor } })}`;
  const { capacityMib, thin, node } = chainOf(descriptor);
  return `${capacityMib} MiB${thin ? " thin" : ""} ${hashOf(node)}`;
}

interface Chain {
  readonly capacityMib: number;
  readonly thin: boolean;
  readonly node: object;
}

/** As an outsider would read it: the extent's line, and the parent's name. */
function chainOf(descriptor: string): Chain {
  const text = readFileSync(descriptor, "utf8");
  const value = (key: string) => new RegExp(`^${key}\\s*=\\s*"?([^"\\n]*)"?$`, "m").exec(text)?.[1];
  const alias = value("ddb.aliasOf");
  if (alias !== undefined) return { ...chainOf(resolve(dirname(descriptor), alias)), thin: false };
  const [, sectors, type, extent = ""] = /^RW (\d+) (\w+) "([^"]+)"/m.exec(text) ?? [];
  const file = { driver: "file", filename: join(dirname(descriptor), extent) };
  const parent = value("parentFileNameHint");
  const capacityBytes = Number(sectors) * 512;
  const backing = type === "QCOW2" && parent !== undefined ? { backing: chainOf(parentFile(descriptor, parent)).node } : {};
  const node = type === "QCOW2" ? { driver: "qcow2", file, ...backing } : { driver: "raw", size: capacityBytes, file };
  return { capacityMib: capacityBytes / MIB, thin: value("ddb.thinProvisioned") === "1", node };
}

/** Absolute ones are /vmfs/volumes/<uuid>/…, all of them on datastore1. */
function parentFile(child: string, hint: string): string {
  const absolute = /^\/vmfs\/volumes\/[^/]+\/(.*)$/.exec(hint)?.[1];
  return absolute === undefined ? resolve(dirname(child), hint) : join(dirname(dirname(child)), absolute);
}

function hashOf(node: object): string {
  const out = `/dev/shm/disk-stage-${process.pid}`;
  try {
    execFileSync("qemu-img", ["convert", "-U", "-O", "raw", `json:${JSON.stringify(node)}`, out], { stdio: ["ignore", "ignore", "pipe"] });
    return createHash("sha256").update(readFileSync(out)).digest("hex").slice(0, 12);
  } finally {
    rmSync(out, { force: true });
  }
}
