import fc from "fast-check";
import { afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { connectVim, moRef } from "../src/interfaces/index.ts";
import type { MoRef, ObjectContent, ObjectSpec, PropertyChange, PropertySpec, SelectionSpec, UpdateSet } from "../src/wire/index.ts";
import { faultOf, SESSION_MANAGER, useAgent } from "./agent.fixture.ts";
import { ended, ROOT_POOL, read, succeeded, VM_FOLDER } from "./vm.ts";

/** The PropertyCollector as a client meets it: each request over the wire, against the host's real inventory. */
const COLLECTOR = moRef("PropertyCollector", "ha-property-collector");
const HOST = moRef("HostSystem", "ha-host");
const ROOT = moRef("Folder", "ha-folder-root");
const READ_ONLY = -2;
const NO_ACCESS = -5;
const NOW = { maxWaitSeconds: 0 };
const LONG = { maxWaitSeconds: 60 };

const { host, client } = await useAgent();
let vm: MoRef<"VirtualMachine">;
beforeAll(async () => {
  vm = await createVm("first");
});

async function createVm(name: string): Promise<MoRef<"VirtualMachine">> {
  const nic = {
    $type: "VirtualE1000e",
    key: -1,
    backing: { $type: "VirtualEthernetCardNetworkBackingInfo", deviceName: "VM Network" },
  } as const;
  const config = {
    name,
    guestId: "otherLinux64Guest",
    memoryMB: 64,
    files: { vmPathName: `[datastore1] ${name}/${name}.vmx` },
    deviceChange: [{ operation: "add" as const, device: nic }],
    extraConfig: [{ key: "guestinfo.b", value: { anyType: "string" as const, value: "x" } }],
  };
  return (await succeeded(client, await client.call(VM_FOLDER, "CreateVM_Task", { config, pool: ROOT_POOL }))) as MoRef<"VirtualMachine">;
}

const traverse = (type: string, path: string, more: object = {}): SelectionSpec =>
  ({ $type: "TraversalSpec", type, path, ...more }) as SelectionSpec;
const retrieve = async (
  propSet: readonly PropertySpec[],
  objectSet: readonly ObjectSpec[],
  by = client,
): Promise<readonly ObjectContent[]> => (await by.call(COLLECTOR, "RetrieveProperties", { specSet: [{ propSet, objectSet }] })) ?? [];
const valueAt = async (path: string): Promise<unknown> =>
  (await retrieve([{ type: "VirtualMachine", pathSet: [path] }], [{ obj: vm }]))[0]?.propSet?.[0]?.val;
const namesOf = (contents: readonly ObjectContent[]): readonly unknown[] =>
  contents.map(({ propSet }) => propSet?.find(({ name }) => name === "name")?.val.value);

describe("paths", () => {
  test.each([
    ["a nested one", "summary.runtime.powerState", { anyType: "VirtualMachinePowerState", value: "poweredOff" }],
    ["a device by its key", "config.hardware.device[4000].deviceInfo.label", { anyType: "string", value: "Network adapter 1" }],
    ["an option by its key", 'config.extraConfig["guestinfo.b"].value', { anyType: "string", value: "x" }],
    ["what only a subclass has", "config.hardware.device[4000].addressType", { anyType: "string", value: "generated" }],
    ["a key that is not there", "config.hardware.device[4999].deviceInfo", undefined],
    ["a value that is not set", "snapshot", undefined],
  ])("%s", async (_, path, value) => {
    expect(await valueAt(path)).toEqual(value);
  });

  test.each([
    ["into an array", "config.hardware.device.key"],
    ["with a bare key where keys are texts", "config.extraConfig[guestinfo.b]"],
    ["with a text where keys are numbers", 'config.hardware.device["4000"]'],
    ["to nothing", "config.hardware.flux"],
    ["that is empty", ""],
  ])("one %s is InvalidProperty", async (_, path) => {
    const asked = retrieve([{ type: "VirtualMachine", pathSet: [path] }], [{ obj: vm }]);
    expect(await faultOf(asked)).toMatchObject({ fault: "InvalidProperty", fields: { name: path } });
  });

  test("what may not be read is in missingSet, with the reason; an object that is gone is a fault, or left out when that is wished", async () => {
    const reader = await host.login(NO_ACCESS);
    const [content] = await retrieve([{ type: "VirtualMachine", pathSet: ["name"] }], [{ obj: vm }], reader);
    expect(content?.missingSet?.map(({ path, fault }) => [path, fault.fault.$type])).toEqual([["name", "NoPermission"]]);
    reader.close();
    const gone = moRef("VirtualMachine", "9999");
    const propSet = [{ type: "VirtualMachine", pathSet: ["name"] }];
    expect(await faultOf(retrieve(propSet, [{ obj: gone }]))).toMatchObject({ fault: "ManagedObjectNotFound", fields: { obj: gone } });
    const specSet = [{ propSet, objectSet: [{ obj: gone }, { obj: vm }], reportMissingObjectsInResults: true }];
    const contents = await client.call(COLLECTOR, "RetrieveProperties", { specSet });
    expect(contents?.map(({ obj }) => obj)).toEqual([vm]);
  });
});

describe("traversals", () => {
  const byName = (name: string): SelectionSpec => ({ name });

  test("from the root folder down by specs that name each other, each object once", async () => {
    const selectSet = [
      traverse("Folder", "childEntity", { name: "folder", selectSet: ["folder", "vms", "hosts", "machines"].map(byName) }),
      traverse("Datacenter", "vmFolder", { name: "vms", selectSet: [byName("folder")] }),
      traverse("Datacenter", "hostFolder", { name: "hosts", selectSet: [byName("folder")] }),
      traverse("ComputeResource", "host", { name: "machines" }),
    ];
    const contents = await retrieve([{ type: "ManagedEntity", pathSet: ["name"] }], [{ obj: ROOT, skip: true, selectSet }]);
    expect(namesOf(contents)).toEqual(expect.arrayContaining(["ha-datacenter", "vm", "first", "host", "host1"]));
    expect(new Set(contents.map(({ obj }) => obj.value)).size).toBe(contents.length);
  });

  test("up from a VM, as clients find its inventory path, skipping what is only on the way", async () => {
    const up = traverse("ManagedEntity", "parent", { name: "up", selectSet: [byName("up")] });
    const contents = await retrieve([{ type: "ManagedEntity", pathSet: ["name"] }], [{ obj: vm, skip: true, selectSet: [up] }]);
    expect(namesOf(contents)).toEqual(["vm", "ha-datacenter", "ha-folder-root"]);
    const skipping = traverse("VirtualMachine", "parent", { skip: true, selectSet: [traverse("Folder", "parent")] });
    const beyond = await retrieve([{ type: "ManagedEntity", pathSet: ["name"] }], [{ obj: vm, skip: true, selectSet: [skipping] }]);
    expect(namesOf(beyond)).toEqual(["ha-datacenter"]);
  });

  test.each([
    ["a name that no spec has", [{ name: "nobody" }], "InvalidArgument"],
    ["a property that leads nowhere", [traverse("Folder", "name")], "InvalidProperty"],
    ["a type whose objects are data and no managed ones", [traverse("VirtualDisk", "backing")], "InvalidArgument"],
  ])("%s is a fault", async (_, selectSet, name) => {
    const asked = retrieve([{ type: "ManagedEntity", pathSet: ["name"] }], [{ obj: ROOT, selectSet }]);
    expect((await faultOf(asked)).fault).toBe(name);
  });
});

describe("what the client's version knows", () => {
  test.each([
    ["6.7.1", false],
    ["8.0.3.0", true],
  ])("all=true is to a client of %s the properties of that version", async (version, isThere) => {
    const by = await connectVim({ url: `https://127.0.0.1:${host.port}/sdk`, insecure: true, version });
    await by.call(SESSION_MANAGER, "Login", { userName: "root", password: "Correct-Horse-9" });
    const collector = await by.call(moRef("EventManager", "ha-eventmgr"), "CreateCollectorForEvents", { filter: {} });
    const propSet = [{ type: "EventHistoryCollector", all: true }];
    const [content] = await retrieve(propSet, [{ obj: collector }], by);
    const names = content?.propSet?.map(({ name }) => name) ?? [];
    expect(names).toContain("latestPage");
    expect(names.includes("initialized")).toBe(isThere); // since 8.0.3
    await by.call(COLLECTOR, "CreateFilter", { spec: { propSet, objectSet: [{ obj: collector }] }, partialUpdates: false });
    const told = await by.call(COLLECTOR, "WaitForUpdatesEx", { version: "", options: NOW });
    expect(changesOf(told).some(({ name }) => name === "initialized")).toBe(isThere);
    await by.call(SESSION_MANAGER, "Logout", {});
    by.close();
  });
});

describe("pages", () => {
  const entities = [
    { propSet: [{ type: "ManagedEntity", pathSet: ["name"] }], objectSet: [ROOT, VM_FOLDER, HOST].map((obj) => ({ obj })) },
  ];
  const begin = (maxObjects?: number) =>
    client.call(COLLECTOR, "RetrievePropertiesEx", { specSet: entities, options: maxObjects === undefined ? {} : { maxObjects } });

  test("each has a token for the next, which is good for once", async () => {
    const pages = [await begin(1)];
    for (let token = pages[0]?.token; token !== undefined; token = pages.at(-1)?.token)
      pages.push(await client.call(COLLECTOR, "ContinueRetrievePropertiesEx", { token }));
    expect(pages.map((page) => page?.objects.map(({ obj }) => obj.value))).toEqual([["ha-folder-root"], ["ha-folder-vm"], ["ha-host"]]);
    const used = client.call(COLLECTOR, "ContinueRetrievePropertiesEx", { token: pages[0]?.token ?? "" });
    expect(await faultOf(used)).toMatchObject({ fault: "InvalidProperty", fields: { name: pages[0]?.token } });
    expect((await begin())?.token).toBeUndefined();
  });

  test("what is cancelled is over, and a token of another session is none", async () => {
    const token = (await begin(2))?.token ?? "";
    const other = await host.login();
    expect((await faultOf(other.call(COLLECTOR, "ContinueRetrievePropertiesEx", { token }))).fault).toBe("InvalidProperty");
    await client.call(COLLECTOR, "CancelRetrievePropertiesEx", { token });
    expect((await faultOf(client.call(COLLECTOR, "ContinueRetrievePropertiesEx", { token }))).fault).toBe("InvalidProperty");
    other.close();
  });
});

const changesOf = (set: UpdateSet | undefined): readonly PropertyChange[] =>
  (set?.filterSet ?? []).flatMap(({ objectSet }) => (objectSet ?? []).flatMap(({ changeSet }) => changeSet ?? []));
const kindsOf = (set: UpdateSet | undefined): readonly string[] =>
  (set?.filterSet ?? []).flatMap(({ objectSet }) => (objectSet ?? []).map(({ kind, obj }) => `${kind} ${obj.value}`));
const VMS_BELOW = [{ obj: VM_FOLDER, skip: true, selectSet: [traverse("Folder", "childEntity")] }];

describe("updates", () => {
  let collector: MoRef<"PropertyCollector">;
  beforeEach(async () => {
    collector = await client.call(COLLECTOR, "CreatePropertyCollector", {});
  });
  afterEach(async () => {
    await client.call(collector, "DestroyPropertyCollector", {});
  });
  const watch = (propSet: readonly PropertySpec[], objectSet: readonly ObjectSpec[], partialUpdates = false) =>
    client.call(collector, "CreateFilter", { spec: { propSet, objectSet }, partialUpdates });
  const wait = (version: string, options: object = LONG) => client.call(collector, "WaitForUpdatesEx", { version, options });
  const reconfigure = async (spec: object) => succeeded(client, await client.call(vm, "ReconfigVM_Task", { spec }));

  test("first everything, then nothing until something changes, then only that", async () => {
    await watch([{ type: "VirtualMachine", pathSet: ["name", "config.annotation", "config.memoryAllocation"] }], [{ obj: vm }]);
    const first = await wait("");
    expect(kindsOf(first)).toEqual([`enter ${vm.value}`]);
    expect(await wait(first?.version ?? "", NOW)).toBeUndefined();
    const next = wait(first?.version ?? "");
    await reconfigure({ annotation: "noted" });
    expect(kindsOf(await next)).toEqual([`modify ${vm.value}`]);
    expect(changesOf(await next)).toEqual([
      expect.objectContaining({ name: "config.annotation", op: "assign", val: { anyType: "string", value: "noted" } }),
    ]);
  });

  test("paths that overlap tell of a change once", async () => {
    await watch([{ type: "VirtualMachine", pathSet: ["config", "config.annotation", "config.hardware"] }], [{ obj: vm }], true);
    const first = await wait("");
    await reconfigure({ annotation: `at ${first?.version}`, memoryMB: 68 });
    const names = changesOf(await wait(first?.version ?? "")).map(({ name }) => name);
    expect(names).toEqual(expect.arrayContaining(["config.annotation", "config.hardware.memoryMB"]));
    expect(names.toSorted()).toEqual([...new Set(names)].toSorted());
  });

  test("objects enter and leave a filter as they come and go", async () => {
    await watch([{ type: "VirtualMachine", pathSet: ["name"] }], VMS_BELOW);
    const first = await wait("");
    const [came] = [await createVm("passing")];
    const entered = await wait(first?.version ?? "");
    expect(kindsOf(entered)).toEqual([`enter ${came.value}`]);
    await succeeded(client, await client.call(came, "Destroy_Task", {}));
    expect(kindsOf(await wait(entered?.version ?? ""))).toEqual([`leave ${came.value}`]);
  });

  test("more than the client takes at a time comes in parts", async () => {
    await watch(
      [{ type: "ManagedEntity", pathSet: ["name"] }],
      [ROOT, VM_FOLDER, HOST].map((obj) => ({ obj })),
    );
    const first = await wait("", { maxObjectUpdates: 2 });
    expect([first?.truncated, kindsOf(first).length]).toEqual([true, 2]);
    const rest = await wait(first?.version ?? "", { maxObjectUpdates: 2 });
    expect([rest?.truncated, kindsOf(rest).length]).toEqual([undefined, 1]);
  });

  test("several filters are told apart, and each collector has its own", async () => {
    const [one, other] = [
      await watch([{ type: "VirtualMachine", pathSet: ["name"] }], [{ obj: vm }]),
      await watch([{ type: "HostSystem", pathSet: ["name"] }], [{ obj: HOST }]),
    ];
    expect((await wait(""))?.filterSet?.map(({ filter }) => filter)).toEqual([one, other]);
    expect(await read(client, collector, "filter")).toEqual([one, other]);
    expect(await client.call(COLLECTOR, "WaitForUpdatesEx", { version: "", options: NOW })).toBeUndefined();
    await client.call(one, "DestroyPropertyFilter", {});
    expect(await read(client, collector, "filter")).toEqual([other]);
    expect((await faultOf(client.call(one, "DestroyPropertyFilter", {}))).fault).toBe("ManagedObjectNotFound");
  });

  test("an object that is named and missing is told as missing, when that is wished", async () => {
    const gone = moRef("VirtualMachine", "9999");
    const spec = {
      propSet: [{ type: "VirtualMachine", pathSet: ["name"] }],
      objectSet: [{ obj: gone }],
      reportMissingObjectsInResults: true,
    };
    await client.call(collector, "CreateFilter", { spec, partialUpdates: false });
    expect((await wait(""))?.filterSet?.[0]?.missingSet?.map(({ obj }) => obj)).toEqual([gone]);
  });

  test("who loses the right to read is told that the objects left, and nothing more of them", async () => {
    const reader = await host.login(READ_ONLY);
    const grant = (roleId: number) =>
      client.call(moRef("AuthorizationManager", "ha-authmgr"), "SetEntityPermissions", {
        entity: ROOT,
        permission: [{ principal: `role${READ_ONLY}`, group: false, roleId, propagate: true }],
      });
    const spec = { propSet: [{ type: "VirtualMachine", pathSet: ["name"] }], objectSet: VMS_BELOW };
    await reader.call(COLLECTOR, "CreateFilter", { spec, partialUpdates: false });
    const first = await reader.call(COLLECTOR, "WaitForUpdatesEx", { version: "", options: NOW });
    expect(kindsOf(first)).toEqual([`enter ${vm.value}`]);
    const next = reader.call(COLLECTOR, "WaitForUpdatesEx", { version: first?.version ?? "", options: LONG });
    await grant(NO_ACCESS);
    try {
      expect(kindsOf(await next)).toEqual([`leave ${vm.value}`]);
    } finally {
      await grant(READ_ONLY);
      reader.close();
    }
  });

  test("CancelWaitForUpdates ends who waits with RequestCanceled, and the version stays good", async () => {
    await watch([{ type: "VirtualMachine", pathSet: ["name"] }], [{ obj: vm }]);
    const first = await wait("");
    const waiting = faultOf(wait(first?.version ?? ""));
    await new Promise((resolve) => setTimeout(resolve, 200)); // until it waits
    await client.call(collector, "CancelWaitForUpdates", {});
    expect((await waiting).fault).toBe("RequestCanceled");
    expect(await wait(first?.version ?? "", NOW)).toBeUndefined();
    expect((await faultOf(wait("12345"))).fault).toBe("InvalidCollectorVersion");
  });

  test("the older methods tell the same", async () => {
    await watch([{ type: "VirtualMachine", pathSet: ["name"] }], [{ obj: vm }]);
    const first = await client.call(collector, "CheckForUpdates", { version: "" });
    expect(kindsOf(first)).toEqual([`enter ${vm.value}`]);
    expect(await client.call(collector, "CheckForUpdates", { version: first?.version ?? "" })).toBeUndefined();
    const waiting = client.call(collector, "WaitForUpdates", { version: first?.version ?? "" });
    await ended(client, await client.call(vm, "Rename_Task", { newName: "renamed" }));
    expect(changesOf(await waiting).map(({ val }) => val?.value)).toEqual(["renamed"]);
    await ended(client, await client.call(vm, "Rename_Task", { newName: "first" }));
  });
});

/** What may happen to a few VMs, as words for the test below. */
type Deed =
  | { readonly kind: "create" | "destroy" | "ask"; readonly slot: number }
  | { readonly kind: "annotate" | "option"; readonly slot: number; readonly text: string };
const deeds: fc.Arbitrary<Deed> = fc.oneof(
  fc.record({ kind: fc.constantFrom("create" as const, "destroy" as const, "ask" as const, "ask" as const), slot: fc.nat(2) }),
  fc.record({
    kind: fc.constantFrom("annotate" as const, "option" as const),
    slot: fc.nat(2),
    text: fc.constantFrom("", "a", "b", 'q"\\]'),
  }),
);

test.each([true, false])(
  "a client that keeps its copy by updates alone has what RetrieveProperties says (partialUpdates %s)",
  async (partialUpdates) => {
    const propSet = [{ type: "VirtualMachine", pathSet: ["name", "config", "config.annotation", "runtime.powerState"] }];
    await fc.assert(
      fc.asyncProperty(fc.array(deeds, { maxLength: 8 }), fc.integer({ min: 1, max: 3 }), async (list, maxObjectUpdates) => {
        const collector = await client.call(COLLECTOR, "CreatePropertyCollector", {});
        await client.call(collector, "CreateFilter", { spec: { propSet, objectSet: VMS_BELOW }, partialUpdates });
        const slots = new Map<number, MoRef<"VirtualMachine">>();
        const copy = new Copy();
        const ask = async (): Promise<boolean> => {
          const options = { maxWaitSeconds: 0, maxObjectUpdates };
          const set = await client.call(collector, "WaitForUpdatesEx", { version: copy.version, options });
          if (set !== undefined) copy.apply(set);
          return set !== undefined;
        };
        for (const deed of list) await perform(deed, slots, ask);
        while (await ask());
        const present = await retrieve(propSet, VMS_BELOW);
        expect(copy.contents()).toEqual(
          new Map(present.map(({ obj, propSet }) => [obj.value, new Map(propSet?.map(({ name, val }) => [name, val.value]))])),
        );
        for (const { ref } of [...slots.values()].map((ref) => ({ ref })))
          await succeeded(client, await client.call(ref, "Destroy_Task", {}));
        await client.call(collector, "DestroyPropertyCollector", {});
      }),
      { numRuns: 15 },
    );
  },
);

async function perform(deed: Deed, slots: Map<number, MoRef<"VirtualMachine">>, ask: () => Promise<boolean>): Promise<void> {
  const at = slots.get(deed.slot);
  const reconfigure = async (spec: object) => at && (await succeeded(client, await client.call(at, "ReconfigVM_Task", { spec })));
  switch (deed.kind) {
    case "ask":
      await ask();
      return;
    case "create":
      if (at === undefined) slots.set(deed.slot, await createVm(`slot-${deed.slot}`));
      return;
    case "destroy":
      if (at !== undefined) await succeeded(client, await client.call(at, "Destroy_Task", {}));
      slots.delete(deed.slot);
      return;
    case "annotate":
      await reconfigure({ annotation: deed.text });
      return;
    case "option":
      await reconfigure({ extraConfig: [{ key: `guestinfo.${deed.slot}`, value: { anyType: "string", value: deed.text } }] });
  }
}

type Tree = Record<string, unknown>;

/** A client's copy of what its filter reports, kept by the updates alone; written apart from the code under test. */
class Copy {
  version = "";
  readonly #objects = new Map<string, Map<string, unknown>>();

  contents(): ReadonlyMap<string, ReadonlyMap<string, unknown>> {
    return this.#objects;
  }

  apply(set: UpdateSet): void {
    this.version = set.version;
    for (const { kind, obj, changeSet } of (set.filterSet ?? []).flatMap(({ objectSet }) => objectSet ?? [])) {
      expect(this.#objects.has(obj.value)).toBe(kind !== "enter");
      if (kind === "leave") this.#objects.delete(obj.value);
      else this.#change(this.#objects.get(obj.value) ?? new Map(), obj.value, changeSet ?? []);
    }
  }

  /** A change of "config.annotation" is one of the property asked for by that name, and of that within "config". */
  #change(properties: Map<string, unknown>, moid: string, changes: readonly PropertyChange[]): void {
    this.#objects.set(moid, properties);
    for (const change of changes) {
      for (const asked of ["name", "config", "config.annotation", "runtime.powerState"]) {
        if (change.name === asked) {
          if (change.val === undefined) properties.delete(asked);
          else properties.set(asked, structuredClone(change.val.value));
        } else if (change.name.startsWith(`${asked}.`) && properties.has(asked)) {
          changeWithin(properties.get(asked) as Tree, change.name.slice(asked.length + 1), change);
        }
      }
    }
  }
}

/** `path` leads from `holder` to what changed: a member, or an item of an array by its key. */
function changeWithin(holder: Tree, path: string, { op, val }: PropertyChange): void {
  const [, name = "", key, rest] = /^(\w+)(?:\[(-?\d+|"(?:[^"\\]|\\.)*")\])?(?:\.(.+))?$/s.exec(path) ?? [];
  if (key === undefined) {
    if (rest !== undefined) changeWithin(holder[name] as Tree, rest, { name: rest, op, ...(val === undefined ? {} : { val }) });
    else if (val === undefined) delete holder[name];
    else holder[name] = name === "value" ? val : val.value; // OptionValue.value is declared anyType, and keeps its type
    return;
  }
  const items = (holder[name] ?? []) as Tree[];
  holder[name] = items;
  const text = (item: Tree): string => (typeof item.key === "number" ? String(item.key) : JSON.stringify(item.key));
  const place = items.findIndex((item) => text(item) === key);
  expect(place === -1, `${op} ${path}`).toBe(op === "add");
  if (rest !== undefined) changeWithin(items[place] as Tree, rest, { name: rest, op, ...(val === undefined ? {} : { val }) });
  else if (op === "add") items.push(val?.value as Tree);
  else if (op === "remove") items.splice(place, 1);
  else items[place] = val?.value as Tree;
}
