/** Clones: linked ones, which are children of another's disks, and full ones, which have nothing in common with it. Through the API. */
import { execFileSync } from "node:child_process";
import { existsSync, openSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, expect, test } from "vitest";
import { moRef } from "../src/interfaces/index.ts";
import {
  findMethod,
  isSubtype,
  type MoRef,
  type VirtualDisk,
  type VirtualEthernetCard,
  type VirtualMachineConfigInfo,
} from "../src/wire/index.ts";
import { faultOf, useAgent } from "./agent.fixture.ts";
import { createVm, ended, read, succeeded } from "./vm.ts";

const DISKS = moRef("VirtualDiskManager", "ha-vdiskmanager");
const FOLDER = moRef("Folder", "ha-folder-vm");
/** Methods that the schema does not declare. */
const askDisks = (method: string, args: object): Promise<MoRef> =>
  (client.call as (ref: MoRef, method: string, args: object) => Promise<unknown>).call(client, DISKS, method, args) as Promise<MoRef>;
const LINKED = "createNewChildDiskBacking";
const CLONES = 12;
const { host: agent, client } = await useAgent();
let parent: MoRef<"VirtualMachine">;

beforeAll(async () => {
  parent = await createVm(client, spec("golden", [{ capacityInKB: 4096, backing: { fileName: "" } }]));
  execFileSync("qemu-io", ["-f", "raw", "-c", "write -P 9 0 64k", host("golden/golden-flat.vmdk")]);
});

const host = (name: string): string => join(agent.datastore, name);
function spec(name: string, disks: readonly { readonly capacityInKB: number; readonly backing: object }[]) {
  const add = (device: object, more: object = {}) => ({ operation: "add" as const, ...more, device: device as never });
  return {
    name,
    guestId: "otherLinux64Guest",
    numCPUs: 1,
    memoryMB: 64,
    files: { vmPathName: "[datastore1]" },
    deviceChange: [
      add({ $type: "ParaVirtualSCSIController", key: -1, busNumber: 0, sharedBus: "noSharing" }),
      ...disks.map(({ capacityInKB, backing }, unitNumber) =>
        add(
          {
            $type: "VirtualDisk",
            key: -10 - unitNumber,
            controllerKey: -1,
            unitNumber,
            capacityInKB,
            backing: { $type: "VirtualDiskFlatVer2BackingInfo", diskMode: "persistent", thinProvisioned: true, ...backing },
          },
          { fileOperation: "create" },
        ),
      ),
      add({ $type: "VirtualVmxnet3", key: -3, backing: { $type: "VirtualEthernetCardNetworkBackingInfo", deviceName: "VM Network" } }),
    ],
  };
}
const clone = (of: MoRef, name: string, location: object, more: object = {}) =>
  client.call(of as MoRef<"VirtualMachine">, "CloneVM_Task", {
    folder: FOLDER,
    name,
    spec: { location, powerOn: false, template: false, ...more },
  });
const configOf = async (vm: MoRef) => (await read(client, vm, "config")) as VirtualMachineConfigInfo;
const macOf = ({ hardware }: VirtualMachineConfigInfo) =>
  hardware.device?.map((device) => (device as VirtualEthernetCard).macAddress).find((mac) => mac !== undefined);

test(`${CLONES} linked clones of one VM are made at one time, and each is another VM on the same disk`, {
  timeout: 60_000,
}, async () => {
  const made: MoRef[] = [];
  for (let number = 1; number <= CLONES; number++)
    made.push((await succeeded(client, await clone(parent, `c${number}`, { diskMoveType: LINKED }))) as MoRef);

  const configs = await Promise.all([parent, ...made.slice(0, 5)].map(configOf));
  for (const property of [
    macOf,
    (config: VirtualMachineConfigInfo) => config.uuid,
    (config: VirtualMachineConfigInfo) => config.instanceUuid,
  ])
    expect(new Set(configs.map(property)).size).toBe(6);
  const disk = configs[1]?.hardware.device?.find(({ $type }) => $type === "VirtualDisk");
  expect(disk?.backing).toMatchObject({ fileName: "[datastore1] c1/c1.vmdk", parent: { fileName: "[datastore1] golden/golden.vmdk" } });
  expect(readdirSync(host("c1")).sort()).toEqual(["c1-delta.vmdk", "c1.vmdk", "c1.vmx"]);
});

test("events tell of each clone, when it is begun and when it is there", async () => {
  const filter = { type: ["VmBeingClonedEvent", "VmClonedEvent"] };
  const events = (await client.call({ type: "EventManager", value: "ha-eventmgr" } as const, "QueryEvents", { filter })) ?? [];
  expect(events.filter(({ $type }) => $type === "VmBeingClonedEvent")).toHaveLength(CLONES);
  expect(events.at(-1)).toMatchObject({ $type: "VmClonedEvent", sourceVm: { name: "golden", vm: parent } });
});

test("the VM that they are clones of is neither powered on nor destroyed, and its disk is written by no process", async () => {
  expect(await faultOf(client.call(parent, "Destroy_Task", {}))).toMatchObject({ fault: "FileLocked" });
  await expect(agent.storage.openDisk({ datastore: "datastore1", path: "golden/golden.vmdk" }, { writable: true })).rejects.toMatchObject({
    fault: "FileLocked",
  });
  const { error } = await ended(
    client,
    await client.call(DISKS, "ExtendVirtualDisk_Task", { name: "[datastore1] golden/golden.vmdk", newCapacityKb: 8192 }),
  );
  expect(error?.fault.$type).toBe("FileLocked");
  expect(() => openSync(host("golden/golden-flat.vmdk"), "r+")).toThrow();
});

test("a clone of a clone is one; a full clone of it has what all of them show, and depends on none", async () => {
  const [first] = ((await read(client, FOLDER, "childEntity")) as MoRef[]).filter(({ value }) => value !== parent.value);
  const full = (await succeeded(
    client,
    await clone(first as MoRef, "full", {}, { config: { memoryMB: 96, annotation: "mine" } }),
  )) as MoRef;
  expect(await configOf(full)).toMatchObject({ name: "full", annotation: "mine", hardware: { memoryMB: 96 } });
  expect(readFileSync(host("full/full-flat.vmdk"))[100]).toBe(9);
  const second = (await succeeded(client, await clone(first as MoRef, "second", { diskMoveType: LINKED }))) as MoRef;
  expect(await faultOf(client.call(first as MoRef<"VirtualMachine">, "Destroy_Task", {}))).toMatchObject({ fault: "FileLocked" });
  await succeeded(client, await client.call(second as MoRef<"VirtualMachine">, "Destroy_Task", {}));
  await succeeded(client, await client.call(full as MoRef<"VirtualMachine">, "Destroy_Task", {}));
});

test("a full clone's disk is larger where its spec says so, a VM's own grows with it, and a child's does not", async () => {
  const sized = ({ hardware }: VirtualMachineConfigInfo, capacityInKB: number) => {
    const disk = hardware.device?.find(({ $type }) => $type === "VirtualDisk");
    return { deviceChange: [{ operation: "edit" as const, device: { ...disk, capacityInKB } as VirtualDisk }] };
  };
  const diskOf = ({ hardware }: VirtualMachineConfigInfo) => hardware.device?.find(({ $type }) => $type === "VirtualDisk") as VirtualDisk;
  const larger = sized(await configOf(parent), 8192);
  const grown = (await succeeded(client, await clone(parent, "grown", {}, { config: larger }))) as MoRef<"VirtualMachine">;
  expect(statSync(host("grown/grown-flat.vmdk")).size).toBe(8192 * 1024);
  await succeeded(client, await client.call(grown, "ReconfigVM_Task", { spec: sized(await configOf(grown), 12_288) }));
  expect(diskOf(await configOf(grown)).capacityInKB).toBe(12_288);
  expect(statSync(host("grown/grown-flat.vmdk")).size).toBe(12_288 * 1024);
  const child = await ended(client, await clone(parent, "never", { diskMoveType: LINKED }, { config: larger }));
  expect(child.error?.fault.$type).toBe("InvalidDiskFormat");
  expect(existsSync(host("never"))).toBe(false);
  await succeeded(client, await client.call(grown, "Destroy_Task", {}));
});

test("the roads of clients without CloneVM_Task: a disk with a parent in CreateVM_Task, and CreateChildDisk_Task", async () => {
  const vm = await createVm(
    client,
    spec("byspec", [
      {
        capacityInKB: 0,
        backing: {
          fileName: "",
          parent: { $type: "VirtualDiskFlatVer2BackingInfo", fileName: "[datastore1] golden/golden.vmdk", diskMode: "persistent" },
        },
      },
    ]),
  );
  expect(readdirSync(host("byspec"))).toContain("byspec-delta.vmdk");
  await succeeded(client, await client.call(vm, "Destroy_Task", {}));
  const names = { childName: "[datastore1] golden/child.vmdk", parentName: "[datastore1] golden/golden.vmdk", isLinkedClone: true };
  await succeeded(client, await askDisks("CreateChildDisk_Task", names));
  const info = (await succeeded(
    client,
    await askDisks("QueryVirtualDiskInfo_Task", { name: names.childName, includeParents: true }),
  )) as readonly object[];
  expect(info).toMatchObject([
    { diskType: "delta", parent: names.parentName },
    { unit: { name: names.parentName }, diskType: "thin" },
  ]);
  await succeeded(client, await client.call(DISKS, "DeleteVirtualDisk_Task", { name: names.childName }));
});

test.each<[string, object, string]>([
  [
    "customization",
    {
      customization: {
        $type: "CustomizationSpec",
        options: { $type: "CustomizationLinuxOptions" },
        identity: { $type: "CustomizationIdentitySettings" },
        globalIPSettings: {},
      },
    },
    "NotSupported",
  ],
  ["a template", { template: true }, "NotSupported"],
  ["a way to move disks that there is not", { location: { diskMoveType: "moveChildMostDiskBacking" } }, "InvalidArgument"],
  ["another VM's snapshot", { snapshot: { type: "VirtualMachineSnapshot", value: "9999-snapshot-1" } }, "InvalidArgument"],
])("a clone with %s is refused, and nothing is made", async (_, more, fault) => {
  expect(await faultOf(clone(parent, "refused", {}, more))).toMatchObject({ fault });
  expect(existsSync(host("refused"))).toBe(false);
});

test.each([
  ["that is none", "a\nb"],
  ["that another VM has", "golden"],
])("a clone by a name %s is refused by a fault that CloneVM_Task declares, and nothing is made", async (_, name) => {
  const files = readdirSync(host(""));
  const { fault } = await faultOf(clone(parent, name, {}));
  expect(
    ["RuntimeFault", ...(findMethod("CloneVM_Task")?.faults ?? [])].some((base) => isSubtype(fault, base)),
    fault,
  ).toBe(true);
  expect(readdirSync(host(""))).toEqual(files);
});

test("when the last clone has gone, the VM is free again", { timeout: 60_000 }, async () => {
  const clones = ((await read(client, FOLDER, "childEntity")) as MoRef<"VirtualMachine">[]).filter(({ value }) => value !== parent.value);
  for (const vm of clones) await succeeded(client, await client.call(vm, "Destroy_Task", {}));
  (await agent.storage.openDisk({ datastore: "datastore1", path: "golden/golden.vmdk" }, { writable: true }))[Symbol.dispose]();
  await succeeded(client, await client.call(parent, "Destroy_Task", {}));
});
