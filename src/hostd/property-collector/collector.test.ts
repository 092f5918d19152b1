import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { ObjectUpdate, UpdateSet } from "../../wire/index.ts";
import { collectorOf, FOLDER, NOW, never, rename, told, VM, vmNames, vmsIn, watch } from "./collector.fixture.ts";
import { type SourceInMemory, smallHost, vmProperties } from "./source-in-memory.ts";

describe("versions", () => {
  test("the empty version answers at once with everything", async () => {
    const collector = collectorOf(smallHost());
    const filter = collector.createFilter(vmNames, false);
    const set = await collector.waitForUpdatesEx("", undefined, never);
    expect(set?.filterSet?.map((update) => update.filter)).toEqual([filter.ref]);
    expect(told(set)).toEqual(['enter 1: assign name="vm-1"', 'enter 2: assign name="vm-2"']);
    expect(set).not.toHaveProperty("truncated");
  });

  test("an absent version is the empty one", async () => {
    const collector = collectorOf(smallHost());
    collector.createFilter(watch(VM, "name"), false);
    expect(told(await collector.waitForUpdates(undefined, never))).toEqual(['enter 1: assign name="vm-1"']);
  });

  test("nothing changed is no answer, and the version stays good", async () => {
    const source = smallHost();
    const collector = collectorOf(source);
    collector.createFilter(watch(VM, "name"), false);
    const version = (await collector.waitForUpdatesEx("", NOW, never))?.version;
    expect(await collector.waitForUpdatesEx(version, NOW, never)).toBeUndefined();
    expect(collector.checkForUpdates(version)).toBeUndefined();
    rename(source, "1", "renamed");
    expect(told(collector.checkForUpdates(version))).toEqual(['modify 1: assign name="renamed"']);
  });

  test("a version whose answer was lost can be asked from again", () => {
    const source = smallHost();
    const collector = collectorOf(source);
    collector.createFilter(watch(VM, "name"), false);
    const first = collector.checkForUpdates("");
    rename(source, "1", "a");
    const lost = collector.checkForUpdates(first?.version);
    rename(source, "1", "b");
    expect(told(collector.checkForUpdates(first?.version))).toEqual(['modify 1: assign name="b"']);
    expect(told(collector.checkForUpdates(lost?.version))).toEqual(['modify 1: assign name="b"']);
  });

  test("an empty version tells everything again", () => {
    const collector = collectorOf(smallHost());
    collector.createFilter(watch(VM, "name"), false);
    collector.checkForUpdates("");
    expect(told(collector.checkForUpdates(""))).toEqual(['enter 1: assign name="vm-1"']);
  });

  test.each(["7", "0", "01", "__proto__", "x".repeat(10_000)])(
    "version %.10s, which was never given out, is InvalidCollectorVersion",
    async (version) => {
      const collector = collectorOf(smallHost());
      await expect(collector.waitForUpdatesEx(version, NOW, never)).rejects.toThrow(
        expect.objectContaining({ fault: "InvalidCollectorVersion" }),
      );
    },
  );

  test("a version given out long ago is InvalidCollectorVersion, and the empty one is still good", () => {
    const source = smallHost();
    const collector = collectorOf(source);
    collector.createFilter(watch(VM, "name"), false);
    const first = collector.checkForUpdates("")?.version;
    for (let version = first, i = 0; i < 40; i++) {
      rename(source, "1", `name-${i}`);
      version = collector.checkForUpdates(version)?.version;
    }
    expect(() => collector.checkForUpdates(first)).toThrow(expect.objectContaining({ fault: "InvalidCollectorVersion" }));
    expect(told(collector.checkForUpdates(""))).toHaveLength(1);
  });

  test("versions of one collector mean nothing to another, and filters of one are not told by another", () => {
    const source = smallHost();
    const [one, other] = [collectorOf(source), collectorOf(source)];
    one.createFilter(watch(VM, "name"), false);
    const version = one.checkForUpdates("")?.version;
    expect(other.checkForUpdates("")).toBeUndefined();
    expect(() => other.checkForUpdates(version)).toThrow(expect.objectContaining({ fault: "InvalidCollectorVersion" }));
  });
});

describe("changes", () => {
  test("an object that comes enters, one that goes leaves", () => {
    const source = smallHost();
    const collector = collectorOf(source);
    collector.createFilter(vmNames, false);
    const version = collector.checkForUpdates("")?.version;
    source.put("VirtualMachine", "3", vmProperties("3"));
    source.put("Folder", "vm", { childEntity: ["2", "3"].map((value) => ({ type: "VirtualMachine", value })) });
    expect(told(collector.checkForUpdates(version))).toEqual(["leave 1", 'enter 3: assign name="vm-3"']);
  });

  test("an object that is named and destroyed leaves, and enters when it is back", () => {
    const source = smallHost();
    const collector = collectorOf(source);
    collector.createFilter(watch(VM, "name"), false);
    const first = collector.checkForUpdates("")?.version;
    source.remove("1");
    const gone = collector.checkForUpdates(first);
    expect(told(gone)).toEqual(["leave 1"]);
    source.put("VirtualMachine", "1", vmProperties("1"));
    expect(told(collector.checkForUpdates(gone?.version))).toEqual(['enter 1: assign name="vm-1"']);
  });

  test("what changed and changed back is not told", () => {
    const source = smallHost();
    const collector = collectorOf(source);
    collector.createFilter(watch(VM, "name"), false);
    const version = collector.checkForUpdates("")?.version;
    rename(source, "1", "other");
    rename(source, "1", "vm-1");
    expect(collector.checkForUpdates(version)).toBeUndefined();
  });

  test("a value that its owner changes in place is a change", () => {
    const source = smallHost();
    const owned = { host: FOLDER, powerState: "poweredOff", connectionState: "connected" };
    source.put("VirtualMachine", "1", { runtime: owned });
    const collector = collectorOf(source);
    collector.createFilter(watch(VM, "runtime"), true);
    const version = collector.checkForUpdates("")?.version;
    owned.powerState = "poweredOn";
    source.changes.changed(VM);
    expect(told(collector.checkForUpdates(version))).toEqual(['modify 1: assign runtime.powerState="poweredOn"']);
  });

  test("without partial updates a change within is told as the property that was asked for", () => {
    const source = smallHost();
    const collector = collectorOf(source);
    collector.createFilter(watch(VM, "runtime"), false);
    const version = collector.checkForUpdates("")?.version;
    source.put("VirtualMachine", "1", { runtime: { powerState: "poweredOn" } });
    expect(told(collector.checkForUpdates(version))).toEqual(['modify 1: assign runtime={"powerState":"poweredOn"}']);
  });

  test("an object that nothing told of a change is not read again", () => {
    const source = smallHost();
    const collector = collectorOf(source);
    collector.createFilter(vmNames, false);
    const version = collector.checkForUpdates("")?.version;
    rename(source, "2", "renamed");
    expect(told(collector.checkForUpdates(version))).toEqual(['modify 2: assign name="renamed"']);
    expect([source.reads.get("1.name"), source.reads.get("2.name")]).toEqual([1, 2]);
  });

  test("a failure while reading loses no change", () => {
    const source = smallHost();
    const collector = collectorOf(source);
    collector.createFilter(watch(VM, "name"), false);
    const version = collector.checkForUpdates("")?.version;
    let broken = true;
    source.put("VirtualMachine", "1", {
      name: () => {
        if (broken) throw new TypeError("a bug");
        return "mended";
      },
    });
    expect(() => collector.checkForUpdates(version)).toThrow(TypeError);
    broken = false;
    expect(told(collector.checkForUpdates(version))).toEqual(['modify 1: assign name="mended"']);
  });

  test("an object that is missing is told as such, once, when the client wants to know", () => {
    const source = smallHost();
    const collector = collectorOf(source);
    const lost = { type: "VirtualMachine", value: "9" };
    collector.createFilter({ ...watch(lost, "name"), reportMissingObjectsInResults: true }, false);
    const set = collector.checkForUpdates("");
    expect(set?.filterSet?.[0]?.missingSet).toMatchObject([{ obj: lost, fault: { fault: { $type: "ManagedObjectNotFound" } } }]);
    expect(collector.checkForUpdates(set?.version)).toBeUndefined();
  });
});

describe("filters", () => {
  test.each([
    ["an unknown object", watch({ type: "VirtualMachine", value: "9" }, "name"), "ManagedObjectNotFound"],
    ["an unknown property", watch(VM, "bogus"), "InvalidProperty"],
  ])("one for %s is not made", (_, spec, name) => {
    const collector = collectorOf(smallHost());
    expect(() => collector.createFilter(spec, false)).toThrow(expect.objectContaining({ fault: name }));
    expect(collector.filters).toEqual([]);
  });

  test("one that reports nothing is told once, as its first state", () => {
    const collector = collectorOf(smallHost());
    const filter = collector.createFilter(vmsIn([{ type: "HostSystem", all: true }]), false);
    const set = collector.checkForUpdates("");
    expect(set?.filterSet).toEqual([{ filter: filter.ref }]);
    expect(collector.checkForUpdates(set?.version)).toBeUndefined();
  });

  test("one made later is told at the next version, beside the others", () => {
    const collector = collectorOf(smallHost());
    collector.createFilter(watch(VM, "name"), false);
    const version = collector.checkForUpdates("")?.version;
    const later = collector.createFilter(watch(FOLDER, "name"), false);
    const set = collector.checkForUpdates(version);
    expect(set?.filterSet?.map(({ filter }) => filter)).toEqual([later.ref]);
    expect(told(set)).toEqual(['enter vm: assign name="vm"']);
  });

  test("one that is destroyed is not told of any more", () => {
    const source = smallHost();
    const collector = collectorOf(source);
    const filter = collector.createFilter(watch(VM, "name"), false);
    const version = collector.checkForUpdates("")?.version;
    collector.destroyFilter(filter.ref.value);
    rename(source, "1", "renamed");
    expect(collector.checkForUpdates(version)).toBeUndefined();
    expect(collector.filters).toEqual([]);
  });

  test("there is a bound to them", () => {
    const collector = collectorOf(smallHost());
    for (let i = 0; i < 500; i++) collector.createFilter(watch(VM, "name"), false);
    expect(() => collector.createFilter(watch(VM, "name"), false)).toThrow(expect.objectContaining({ fault: "InvalidRequest" }));
  });

  test("none left means nobody listens to the inventory", () => {
    const source = smallHost();
    let listeners = 0;
    const subscribe = source.onChange.bind(source);
    source.onChange = (listener) => {
      listeners++;
      const stop = subscribe(listener);
      return () => {
        listeners--;
        stop();
      };
    };
    const collector = collectorOf(source);
    const [one, other] = [collector.createFilter(vmNames, false), collector.createFilter(vmNames, false)];
    expect(listeners).toBe(1);
    collector.destroyFilter(one.ref.value);
    expect(listeners).toBe(1);
    collector.destroyFilter(other.ref.value);
    expect(listeners).toBe(0);
    collector.createFilter(vmNames, false);
    collector.dispose();
    expect(listeners).toBe(0);
  });
});

describe("truncation", () => {
  test("more object updates than the client takes come in several answers, nothing twice and nothing lost", async () => {
    const collector = collectorOf(smallHost());
    collector.createFilter(vmNames, false);
    collector.createFilter(watch(FOLDER, "name"), false);
    const one = { maxObjectUpdates: 1, maxWaitSeconds: 0 };
    const answers: (readonly [boolean, ...string[]])[] = [];
    for (let version: string | undefined = "", i = 0; i < 4; i++) {
      const set: UpdateSet | undefined = await collector.waitForUpdatesEx(version, one, never);
      if (set === undefined) break;
      answers.push([set.truncated === true, ...told(set)]);
      version = set.version;
    }
    expect(answers).toEqual([
      [true, 'enter 1: assign name="vm-1"'],
      [true, 'enter 2: assign name="vm-2"'],
      [false, 'enter vm: assign name="vm"'],
    ]);
  });

  test("what changes between two parts is told in its newest state", async () => {
    const source = smallHost();
    const collector = collectorOf(source);
    collector.createFilter(vmNames, false);
    const first = await collector.waitForUpdatesEx("", { maxObjectUpdates: 1 }, never);
    rename(source, "1", "one");
    rename(source, "2", "two");
    expect(told(await collector.waitForUpdatesEx(first?.version, {}, never))).toEqual([
      'modify 1: assign name="one"',
      'enter 2: assign name="two"',
    ]);
  });

  test.each([{ maxObjectUpdates: 0 }, { maxObjectUpdates: -1 }, { maxWaitSeconds: -1 }])("%j is InvalidArgument", async (options) => {
    await expect(collectorOf(smallHost()).waitForUpdatesEx("", options, never)).rejects.toThrow(
      expect.objectContaining({ fault: "InvalidArgument" }),
    );
  });
});

// A client that keeps its picture by updates alone, whatever happens and however they are cut, ends with what there is.
const action = fc.record({ moid: fc.constantFrom("1", "2", "3", "4"), name: fc.constantFrom(undefined, "a", "b", "c"), ask: fc.boolean() });

test("the sum of all updates is what there is", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(action, { maxLength: 25 }), fc.integer({ min: 1, max: 3 }), async (actions, maxObjectUpdates) => {
      const source = smallHost();
      const collector = collectorOf(source);
      collector.createFilter(vmNames, true);
      const present = new Map([
        ["1", "vm-1"],
        ["2", "vm-2"],
      ]);
      const seen = new Map<string, unknown>();
      let version = "";
      const ask = async (): Promise<boolean> => {
        const set = await collector.waitForUpdatesEx(version, { maxWaitSeconds: 0, maxObjectUpdates }, never);
        for (const update of set?.filterSet?.[0]?.objectSet ?? []) follow(seen, update);
        version = set?.version ?? version;
        return set !== undefined;
      };
      for (const { moid, name, ask: now } of actions) {
        change(source, present, moid, name);
        if (now) await ask();
      }
      while (await ask());
      expect(new Map([...seen].toSorted())).toEqual(new Map([...present].toSorted()));
    }),
    { numRuns: 300 },
  );
});

function change(source: SourceInMemory, present: Map<string, string>, moid: string, name: string | undefined): void {
  if (name === undefined) {
    present.delete(moid);
    source.remove(moid);
  } else {
    present.set(moid, name);
    rename(source, moid, name);
  }
  source.put("Folder", "vm", { childEntity: [...present.keys()].map((value) => ({ type: "VirtualMachine", value })) });
}

function follow(seen: Map<string, unknown>, { kind, obj, changeSet }: ObjectUpdate): void {
  expect(seen.has(obj.value)).toBe(kind !== "enter");
  if (kind === "leave") seen.delete(obj.value);
  else seen.set(obj.value, changeSet?.[0]?.val?.value);
}

test("a change of an object at the end of a traversal reads that object, and visits nothing anew", () => {
  const source = smallHost();
  const collector = collectorOf(source);
  collector.createFilter(vmNames, false);
  const version = collector.checkForUpdates("")?.version;
  source.reads.clear();
  rename(source, "1", "renamed");
  source.put("HostSystem", "ha-host", { name: "elsewhere" });
  expect(told(collector.checkForUpdates(version))).toEqual(['modify 1: assign name="renamed"']);
  expect([...source.reads]).toEqual([["1.name", 1]]);
});

test("what a traversal names before it is there enters when it comes", () => {
  const source = smallHost();
  source.put("Folder", "vm", { childEntity: [VM, { type: "VirtualMachine", value: "9" }] });
  const collector = collectorOf(source);
  collector.createFilter(vmNames, false);
  const version = collector.checkForUpdates("")?.version;
  source.put("VirtualMachine", "9", vmProperties("9"));
  expect(told(collector.checkForUpdates(version))).toEqual(['enter 9: assign name="vm-9"']);
});
