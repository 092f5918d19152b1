import fc from "fast-check";
import { expect, test } from "vitest";
import { type AnyValue, fault, type PropertyChange } from "../../wire/index.ts";
import { describeWhole, diffReadings } from "./diff.ts";
import { formatKeyed } from "./property-path.ts";
import type { Reading, Readings } from "./reading.ts";

const set = (anyType: string, value: unknown): Reading => ({ kind: "set", value: { anyType, value } });
const unset: Reading = { kind: "unset" };
const cutOff: Reading = { kind: "cutOff" };
const refused: Reading = {
  kind: "refused",
  fault: fault("NotAuthenticated", "log in", { object: { type: "Task", value: "t" }, privilegeId: "x" }),
};
const one = (path: string, reading: Reading): Readings => new Map([[path, reading]]);

const device = (key: number, label: string, $type = "VirtualDisk") => ({ $type, key, deviceInfo: { label, summary: "" } });
const info = (state: string, more: object = {}) => set("TaskInfo", { key: "t", state, queueTime: new Date(0), ...more });
const hardware = (...devices: readonly object[]) => set("VirtualHardware", { numCPU: 1, device: devices });

test.each<[string, string, Reading, Reading, readonly PropertyChange[]]>([
  ["nothing, when values are equal", "info", info("running"), info("running"), []],
  ["nothing, when a member is undefined here and absent there", "info", info("running", { progress: undefined }), info("running"), []],
  ["a scalar", "name", set("string", "a"), set("string", "b"), [{ name: "name", op: "assign", val: { anyType: "string", value: "b" } }]],
  ["what had no value", "name", unset, set("string", "b"), [{ name: "name", op: "assign", val: { anyType: "string", value: "b" } }]],
  ["what has no value any more", "name", set("string", "a"), unset, [{ name: "name", op: "assign" }]],
  [
    "what went with its parent",
    "snapshot.currentSnapshot",
    set("string", "a"),
    cutOff,
    [{ name: "snapshot.currentSnapshot", op: "indirectRemove" }],
  ],
  ["nothing, when only the parent of an unset property went", "a.b", unset, cutOff, []],
  ["nothing, when only the parent of an unset property came", "a.b", cutOff, unset, []],
  [
    "an item that came",
    "d[1]",
    unset,
    set("VirtualDisk", { key: 1 }),
    [{ name: "d[1]", op: "add", val: { anyType: "VirtualDisk", value: { key: 1 } } }],
  ],
  ["an item that went", "d[1]", set("VirtualDisk", { key: 1 }), unset, [{ name: "d[1]", op: "remove" }]],
  ["what may be read again and is unset", "name", refused, unset, [{ name: "name", op: "assign" }]],
])("a change is reported as %s", (_, path, old, now, changes) => {
  for (const detail of ["whole", "parts"] as const) {
    expect(diffReadings(one(path, old), one(path, now), detail)).toEqual({ changes, missing: [] });
  }
});

test("a date that changed is a change, by its time and not by its identity", () => {
  const at = (ms: number) => set("dateTime", new Date(ms));
  expect(diffReadings(one("t", at(1)), one("t", at(1)), "whole").changes).toEqual([]);
  expect(diffReadings(one("t", at(1)), one("t", at(2)), "whole").changes).toHaveLength(1);
});

test("an enumeration and a string of the same text are not the same value", () => {
  expect(
    diffReadings(one("v", set("string", "poweredOn")), one("v", set("VirtualMachinePowerState", "poweredOn")), "whole").changes,
  ).toHaveLength(1);
});

test("whole: a change deep within is the whole property, under the name that was asked for", () => {
  const now = info("success", { progress: 100 });
  expect(diffReadings(one("info", info("running")), one("info", now), "whole").changes).toEqual([
    { name: "info", op: "assign", val: now.kind === "set" ? now.value : undefined },
  ]);
});

test("parts: a change deep within is only what changed, with its own type", () => {
  const now = info("success", { progress: 100 });
  expect(
    diffReadings(one("info", info("running", { reason: { $type: "TaskReasonUser", userName: "root" } })), one("info", now), "parts")
      .changes,
  ).toEqual([
    { name: "info.state", op: "assign", val: { anyType: "TaskInfoState", value: "success" } },
    { name: "info.progress", op: "assign", val: { anyType: "int", value: 100 } },
    { name: "info.reason", op: "assign" },
  ]);
});

test("parts: paths that overlap tell of a change once", () => {
  const readings = (state: string) => new Map([...one("info", info(state)), ...one("info.state", set("TaskInfoState", state))]);
  expect(diffReadings(readings("running"), readings("success"), "parts").changes).toEqual([
    { name: "info.state", op: "assign", val: { anyType: "TaskInfoState", value: "success" } },
  ]);
});

test("parts: items of an array with keys are added, removed and changed one by one", () => {
  const old = hardware(device(1, "a"), device(2, "b"), device(3, "c"));
  const now = hardware(device(2, "B"), device(3, "c"), device(4, "d"));
  expect(diffReadings(one("config.hardware", old), one("config.hardware", now), "parts").changes).toEqual([
    { name: "config.hardware.device[1]", op: "remove" },
    { name: "config.hardware.device[2].deviceInfo.label", op: "assign", val: { anyType: "string", value: "B" } },
    { name: "config.hardware.device[4]", op: "add", val: { anyType: "VirtualDisk", value: device(4, "d") } },
  ]);
});

test.each([
  ["an item became of another type", [device(1, "a")], [device(1, "a", "VirtualCdrom")], ["h.device[1]"]],
  ["items changed places", [device(1, "a"), device(2, "b")], [device(2, "b"), device(1, "a")], ["h.device"]],
  ["an item came in between", [device(1, "a"), device(2, "b")], [device(1, "a"), device(3, "c"), device(2, "b")], ["h.device"]],
  ["two items have one key", [device(1, "a")], [device(1, "a"), device(1, "b")], ["h.device"]],
])("parts: when %s, it is assigned as a whole", (_, old, now, paths) => {
  const { changes } = diffReadings(one("h", hardware(...old)), one("h", hardware(...now)), "parts");
  expect(changes.map(({ name, op }) => [name, op])).toEqual(paths.map((path) => [path, "assign"]));
});

test("parts: what is in an anyType is assigned as a whole, for no path leads into it", () => {
  const result = (path: string) => ({ result: { anyType: "OptionValue", value: { key: path } } });
  const { changes } = diffReadings(one("info", info("success", result("a"))), one("info", info("success", result("b"))), "parts");
  expect(changes).toEqual([{ name: "info.result", op: "assign", val: { anyType: "OptionValue", value: { key: "b" } } }]);
});

test("an object that enters has every value assigned, and nothing about what is unset", () => {
  const readings: Readings = new Map([
    ["d[1]", set("VirtualDisk", { key: 1 })],
    ["name", unset],
    ["a.b", cutOff],
    ["parent", refused],
  ]);
  const { changes, missing } = describeWhole(readings);
  expect(changes).toEqual([{ name: "d[1]", op: "assign", val: { anyType: "VirtualDisk", value: { key: 1 } } }]);
  expect(missing.map(({ path, fault: reason }) => [path, reason.fault.$type])).toEqual([["parent", "NotAuthenticated"]]);
});

test("what can no longer be read is told once, with the reason", () => {
  const told = diffReadings(one("name", set("string", "a")), one("name", refused), "whole");
  expect(told).toMatchObject({ changes: [], missing: [{ path: "name", fault: { fault: { $type: "NotAuthenticated" } } }] });
  expect(diffReadings(one("name", refused), one("name", refused), "whole")).toEqual({ changes: [], missing: [] });
});

// Applying the changes to the old value must give the new one: a client's picture, kept by nothing but what it is told.
const label = fc.constantFrom("a", "b", "c");
const arbitraryDevice = fc.record(
  {
    $type: fc.constantFrom("VirtualDisk", "VirtualCdrom", "VirtualE1000e"),
    key: fc.integer({ min: 1, max: 6 }),
    deviceInfo: fc.record({ label, summary: label }),
    controllerKey: fc.integer({ min: 0, max: 2 }),
  },
  { requiredKeys: ["$type", "key"] },
);
const arbitraryOption = fc.record({
  $type: fc.constant("OptionValue"),
  key: fc.constantFrom("a.b", 'q"\\]', ""),
  value: label.map((value) => ({ anyType: "string", value })),
});
const arbitraryConfig = fc.record(
  {
    name: label,
    modified: fc.integer({ min: 0, max: 3 }).map((ms) => new Date(ms)),
    hardware: fc.record(
      { numCPU: fc.integer({ min: 1, max: 3 }), device: fc.array(arbitraryDevice, { maxLength: 5 }) },
      { requiredKeys: ["numCPU"] },
    ),
    extraConfig: fc.array(arbitraryOption, { maxLength: 4 }),
    npivNodeWorldWideName: fc.array(fc.integer({ min: 0, max: 3 }), { maxLength: 3 }),
  },
  { requiredKeys: [] },
);

test("parts: applying the changes to what the client knew gives what there is", () => {
  fc.assert(
    fc.property(arbitraryConfig, arbitraryConfig, (old, now) => {
      const type = "VirtualMachineConfigInfo";
      const { changes } = diffReadings(one("config", set(type, old)), one("config", set(type, now)), "parts");
      expect(applyChanges({ config: structuredClone(old) }, changes)).toEqual({ config: now });
      for (const { name } of changes) expect(name).not.toBe("config");
    }),
    { numRuns: 2000 },
  );
});

/** A client that keeps its picture by the changes alone; written apart from the code under test. */
function applyChanges(picture: Tree, changes: readonly PropertyChange[]): Tree {
  for (const { name, op, val } of changes) {
    const steps = [...name.matchAll(/([A-Za-z]\w*)((?:\[(?:-?\d+|"(?:[^"\\]|\\.)*")\])?)\.?/g)];
    let holder = picture;
    for (const [, property = "", key = ""] of steps.slice(0, -1))
      holder = (key === "" ? holder[property] : itemAt(holder, property, key)) as Tree;
    const [, property = "", key = ""] = steps.at(-1) ?? [];
    if (key === "") {
      expect(op).toBe("assign");
      if (val === undefined) delete holder[property];
      else holder[property] = plain(val, property);
      continue;
    }
    const array = holder[property] as Tree[];
    const place = array.findIndex((item) => formatKeyed("", item.key as string) === key);
    expect(place === -1).toBe(op === "add");
    if (op === "add") array.push(val?.value as Tree);
    else if (op === "remove") array.splice(place, 1);
    else array[place] = val?.value as Tree;
  }
  return picture;
}

type Tree = Record<string, unknown>;

function itemAt(holder: Tree, property: string, key: string): unknown {
  return (holder[property] as Tree[]).find((item) => formatKeyed("", item.key as string) === key);
}

/** The value as the data object holds it: OptionValue.value is declared anyType and stays with its type. */
function plain(val: AnyValue, property: string): unknown {
  return property === "value" ? val : val.value;
}
