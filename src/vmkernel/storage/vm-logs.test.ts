import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createStorage, type Storage } from "./storage.ts";
import { planLogRotation } from "./vm-logs.ts";

test.each<[string, string[], number, ReturnType<typeof planLogRotation>]>([
  ["no log yet", ["web.vmx"], 10, { renameTo: undefined, remove: [] }],
  ["a first one", ["vmware.log"], 10, { renameTo: "vmware-1.log", remove: [] }],
  ["as many as are kept", ["vmware-1.log", "vmware-2.log", "vmware.log"], 2, { renameTo: "vmware-3.log", remove: ["vmware-1.log"] }],
  ["by number, not by name", ["vmware-10.log", "vmware-9.log", "vmware.log"], 2, { renameTo: "vmware-11.log", remove: ["vmware-9.log"] }],
  [
    "fewer are kept than before",
    ["vmware-1.log", "vmware-2.log", "vmware-3.log", "vmware.log"],
    1,
    { renameTo: "vmware-4.log", remove: ["vmware-1.log", "vmware-2.log", "vmware-3.log"] },
  ],
  ["none is kept", ["vmware-4.log", "vmware.log"], 0, { renameTo: undefined, remove: ["vmware-4.log", "vmware.log"] }],
  ["numbers that are used up", ["vmware-999999.log", "vmware.log"], 10, { renameTo: "vmware-1.log", remove: ["vmware-999999.log"] }],
  [
    "names that only look alike",
    ["vmware-01.log", "vmware-x.log", "vmware-9999999.log", "vmware.log"],
    10,
    { renameTo: "vmware-1.log", remove: [] },
  ],
])("rotating %s", (_, names, keepOld, plan) => {
  expect(planLogRotation(names, keepOld)).toEqual(plan);
});

test("after a rotation there are never more old logs than are kept, and the newest is among them", () => {
  const logs = fc.uniqueArray(
    fc.nat({ max: 1_000_000 }).map((number) => `vmware-${number}.log`),
    { maxLength: 30 },
  );
  fc.assert(
    fc.property(logs, fc.nat({ max: 12 }), (old, keepOld) => {
      const names = [...old, "vmware.log"];
      const { renameTo, remove } = planLogRotation(names, keepOld);
      const left = [
        ...names.filter((name) => !remove.includes(name) && name !== "vmware.log"),
        ...(renameTo === undefined ? [] : [renameTo]),
      ];
      expect(new Set(left).size).toBe(left.length);
      expect(left.filter((name) => /^vmware-[1-9]\d{0,5}\.log$/.test(name)).length).toBeLessThanOrEqual(keepOld);
      expect(renameTo === undefined).toBe(keepOld === 0);
    }),
  );
});

let root: string;
let storage: Storage;
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), "bulkhead-vm-logs-"));
  mkdirSync(join(root, "d"));
  storage = createStorage(root);
});
afterAll(() => rmSync(root, { recursive: true }));

test("a link in the log's place is put aside as what it is, and what it leads to is not written", async () => {
  const home = join(root, "d/web");
  mkdirSync(join(home, "vmware-1.log/sub"), { recursive: true });
  writeFileSync(join(root, "outside"), "theirs");
  symlinkSync(join(root, "outside"), join(home, "vmware.log"));
  using log = await storage.beginVmLog({ datastore: "d", path: "web" }, 1);
  writeSync(log.fd, "ours");
  expect(readFileSync(join(root, "outside"), "utf8")).toBe("theirs");
  expect([readFileSync(join(home, "vmware.log"), "utf8"), readdirSync(home).sort()]).toEqual([
    "ours",
    ["vmware-1.log", "vmware-2.log", "vmware.log"],
  ]);
  await expect(storage.remove({ datastore: "d", path: "web/vmware.log" })).rejects.toMatchObject({ fault: "FileLocked" });
});
