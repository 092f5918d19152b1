/** Snapshots of a VM that is off, through the API: the tree, the files, what is gone back to, and how the disks become one again. */
import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, expect, test } from "vitest";
import {
  formatVmsd,
  type MoRef,
  parseVmsd,
  type VirtualMachineFileLayoutEx,
  type VirtualMachineSnapshotInfo,
  type VirtualMachineSnapshotTree,
} from "../src/wire/index.ts";
import { faultOf, useAgent } from "./agent.fixture.ts";
import { createVm, read, succeeded } from "./vm.ts";

const { host: agent, client } = await useAgent();
let vm: MoRef<"VirtualMachine">;

beforeAll(async () => {
  vm = await createVm(client, spec("web"));
});

const spec = (name: string) => {
  const add = (device: object, fileOperation?: "create") => ({
    operation: "add" as const,
    ...(fileOperation && { fileOperation }),
    device: device as never,
  });
  const disk = (unitNumber: number, diskMode: string) => ({
    $type: "VirtualDisk",
    key: -10 - unitNumber,
    controllerKey: -1,
    unitNumber,
    capacityInKB: 4096,
    backing: { $type: "VirtualDiskFlatVer2BackingInfo", fileName: "", diskMode, thinProvisioned: true },
  });
  return {
    name,
    guestId: "otherLinux64Guest",
    numCPUs: 1,
    memoryMB: 64,
    files: { vmPathName: "[datastore1]" },
    deviceChange: [
      add({ $type: "ParaVirtualSCSIController", key: -1, busNumber: 0, sharedBus: "noSharing" }),
      add(disk(0, "persistent"), "create"),
      add(disk(1, "independent_persistent"), "create"),
    ],
  };
};
const host = (name: string): string => join(agent.datastore, name);
const disksIn = (folder: string): string[] =>
  readdirSync(host(folder))
    .filter((name) => /vmdk$/.test(name))
    .sort();
const mark = (file: string, byte: number, atKib = 0): void =>
  void execFileSync("qemu-io", ["-f", file.includes("delta") ? "qcow2" : "raw", "-c", `write -P ${byte} ${atKib}k 64k`, host(file)]);
const byteAt = (file: string, atKib = 0): number => readFileSync(host(file))[atKib * 1024] ?? 0;

async function snapshot(name: string, options: object = {}): Promise<MoRef<"VirtualMachineSnapshot">> {
  const task = await client.call(vm, "CreateSnapshot_Task", {
    name,
    description: `before ${name}`,
    memory: false,
    quiesce: false,
    ...options,
  });
  return (await succeeded(client, task)) as MoRef<"VirtualMachineSnapshot">;
}
async function tree(): Promise<string> {
  const info = (await read(client, vm, "snapshot")) as VirtualMachineSnapshotInfo | undefined;
  const show = (one: VirtualMachineSnapshotTree): string => {
    const children = (one.childSnapshotList ?? []).map(show).join(" ");
    const current = one.snapshot.value === info?.currentSnapshot?.value ? "*" : "";
    return `${one.name}${current}${children === "" ? "" : `(${children})`}`;
  };
  return (info?.rootSnapshotList ?? []).map(show).join(" ");
}
async function diskFiles(): Promise<readonly string[]> {
  const devices = (await read(client, vm, "config.hardware.device")) as readonly {
    $type: string;
    backing: { fileName: string; parent?: { fileName: string } };
  }[];
  return devices.filter(({ $type }) => $type === "VirtualDisk").map(({ backing }) => backing.fileName);
}

test("a snapshot keeps the VM's disks as they are; what is independent has no part in it", async () => {
  mark("web/web-flat.vmdk", 1);
  const first = await snapshot("one");
  expect(first.value).toBe(`${vm.value}-snapshot-1`);
  expect(await tree()).toBe("one*");
  expect(await diskFiles()).toEqual(["[datastore1] web/web-000001.vmdk", "[datastore1] web/web_1.vmdk"]);
  const list = parseVmsd(readFileSync(host("web/web.vmsd"), "utf8"), "web.vmsd");
  expect(list.snapshots).toMatchObject([
    {
      uid: 1,
      name: "one",
      description: "before one",
      file: "web-Snapshot1.vmsn",
      memory: false,
      disks: [{ node: "scsi0:0", file: "web.vmdk" }],
    },
  ]);
  expect(await read(client, first, "config")).toMatchObject({ name: "web" });
  const files = { type: "FileManager", value: "ha-nfc-file-manager" } as const;
  for (const name of ["web-flat.vmdk", "web.vmdk", "web-000001-delta.vmdk", "web.vmsd", "web-Snapshot1.vmsn"])
    expect(await faultOf(client.call(files, "DeleteDatastoreFile_Task", { name: `[datastore1] web/${name}` }))).toMatchObject({
      fault: "FileLocked",
    });
});

test("an event tells that a snapshot was begun, and by whom", async () => {
  const filter = { entity: { entity: vm, recursion: "self" as const }, type: ["TaskEvent"] };
  const events = (await client.call({ type: "EventManager", value: "ha-eventmgr" } as const, "QueryEvents", { filter })) ?? [];
  expect(events.at(-1)).toMatchObject({
    userName: "root",
    fullFormattedMessage: "Task: Create snapshot one of web",
    info: { descriptionId: "VirtualMachine.createSnapshot", entity: vm },
  });
});

test("a tree grows where it was gone back to, and what was given up is gone", async () => {
  mark("web/web-000001-delta.vmdk", 2);
  const second = await snapshot("two");
  await snapshot("three");
  expect(await tree()).toBe("one(two(three*))");
  const refused = await faultOf(client.call(second, "RenameSnapshot", { name: "" }));
  expect(refused.fault).toBe("InvalidName");
  await client.call(second, "RenameSnapshot", { name: "zwei", description: "renamed" });
  const layout = (await read(client, vm, "layoutEx")) as VirtualMachineFileLayoutEx;
  expect(layout.disk?.[0]?.chain).toHaveLength(4);
  expect(layout.snapshot?.map(({ key }) => key.value)).toEqual([1, 2, 3].map((uid) => `${vm.value}-snapshot-${uid}`));
  const first = { type: "VirtualMachineSnapshot", value: `${vm.value}-snapshot-1` } as const;
  await succeeded(client, await client.call(first, "RevertToSnapshot_Task", {}));
  expect(await tree()).toBe("one*(zwei(three))");
  await snapshot("four");
  expect(await tree()).toBe("one(zwei(three) four*)");
  expect(await read(client, first, "childSnapshot")).toHaveLength(2);
});

test("a snapshot that is removed leaves what came after it, and every disk as it was", async () => {
  const second = { type: "VirtualMachineSnapshot", value: `${vm.value}-snapshot-2` } as const;
  await succeeded(client, await client.call(second, "RevertToSnapshot_Task", {}));
  await succeeded(client, await client.call(second, "RemoveSnapshot_Task", { removeChildren: false }));
  expect(await tree()).toBe("one*(three four)");
  const third = { type: "VirtualMachineSnapshot", value: `${vm.value}-snapshot-3` } as const;
  await succeeded(client, await client.call(third, "RemoveSnapshot_Task", { removeChildren: true }));
  expect(await tree()).toBe("one*(four)");
  expect(await faultOf(client.call(third, "RemoveSnapshot_Task", { removeChildren: false }))).toMatchObject({
    fault: "ManagedObjectNotFound",
  });
});

test("when all are removed, the VM has the disks that it had, with what it had written by then", async () => {
  await succeeded(client, await client.call(vm, "RemoveAllSnapshots_Task", {}));
  expect(await tree()).toBe("");
  expect(await diskFiles()).toEqual(["[datastore1] web/web.vmdk", "[datastore1] web/web_1.vmdk"]);
  expect(disksIn("web")).toEqual(["web-flat.vmdk", "web.vmdk", "web_1-flat.vmdk", "web_1.vmdk"]);
  expect(byteAt("web/web-flat.vmdk")).toBe(2);
  expect(readdirSync(host("web")).filter((name) => /Snapshot/.test(name))).toEqual([]);
  expect(await read(client, vm, "runtime.consolidationNeeded")).toBe(false);
});

test("disks that were left apart are told of, and become one when it is asked for", async () => {
  await succeeded(client, await client.call(vm, "CreateSnapshotEx_Task", { name: "left", memory: false }));
  await succeeded(client, await client.call(vm, "RevertToCurrentSnapshot_Task", {}));
  mark("web/web-000002-delta.vmdk", 7, 128);
  await succeeded(client, await client.call(vm, "RemoveAllSnapshots_Task", { consolidate: false }));
  expect(await read(client, vm, "runtime.consolidationNeeded")).toBe(true);
  await succeeded(client, await client.call(vm, "ConsolidateVMDisks_Task", {}));
  expect(await read(client, vm, "runtime.consolidationNeeded")).toBe(false);
  expect([byteAt("web/web-flat.vmdk"), byteAt("web/web-flat.vmdk", 128)]).toEqual([2, 7]);
});

test("a VM that is registered again has its snapshots; one that is destroyed leaves nothing", async () => {
  await snapshot("kept");
  await client.call(vm, "UnregisterVM", {});
  const task = await client.call({ type: "Folder", value: "ha-folder-vm" }, "RegisterVM_Task", {
    path: "[datastore1] web/web.vmx",
    asTemplate: false,
    pool: { type: "ResourcePool", value: "ha-root-pool" },
  });
  vm = (await succeeded(client, task)) as MoRef<"VirtualMachine">;
  expect(await tree()).toBe("kept*");
  await snapshot("on top");
  await succeeded(client, await client.call(vm, "Destroy_Task", {}));
  expect(existsSync(host("web"))).toBe(false);
});

test("there are 32 snapshots one after another, and no more", async () => {
  vm = await createVm(client, spec("deep"));
  const snapshots = Array.from({ length: 32 }, (_, index) => ({
    ...{ uid: index + 1, ...(index > 0 && { parent: index }), name: `s${index}`, description: "", file: `deep-Snapshot${index + 1}.vmsn` },
    ...{ memory: false, quiesced: false, createdAtMs: 0, disks: [] },
  }));
  writeFileSync(host("deep/deep.vmsd"), formatVmsd({ lastUid: 32, current: 32, snapshots }));
  await client.call(vm, "RefreshStorageInfo", {});
  expect(await faultOf(snapshot("x"))).toMatchObject({ fault: "TooManySnapshotLevels" });
});
