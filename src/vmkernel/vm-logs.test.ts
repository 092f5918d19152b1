import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { fault } from "../wire/index.ts";
import type { MachineSpec } from "./machine.ts";
import { createStorage, type Storage } from "./storage/index.ts";
import { VmLogs } from "./vm-logs.ts";
import { machineWith } from "./vmm/machine.fixture.ts";

const ROTATE_BYTES = 4096;
let root: string;
let storage: Storage;
let home: string;
let machine: MachineSpec;
let said: string[];
let round = 0;

beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), "bulkhead-logs-"));
  mkdirSync(join(root, "d"));
  storage = createStorage(root);
});
afterAll(() => rmSync(root, { recursive: true }));
beforeEach(() => {
  round += 1;
  said = [];
  home = join(root, "d", `r${round}`);
  mkdirSync(home);
  const log = { keepOld: 2, rotateBytes: ROTATE_BYTES };
  machine = machineWith([], { home: { datastore: "d", path: `r${round}` }, log });
});

const logsWith = (parts: Pick<Storage, "beginVmLog" | "openAppend"> = storage) =>
  new VmLogs({ storage: parts, log: (line) => said.push(line) });
const text = (name: string) => readFileSync(join(home, name), "utf8");

test("a guest that resets without end fills neither the datastore nor its log with it", async () => {
  const logs = logsWith();
  await logs.begin(machine);
  for (let n = 0; n < 50_000; n++) logs.tell(machine.vm, { kind: "event", event: { name: "RESET", data: { guest: true } } });
  logs.tell(machine.vm, { kind: "complaints", text: "x".repeat(100_000) });
  await logs.end(machine.vm);
  const names = readdirSync(home);
  expect(names.length).toBeLessThanOrEqual(3);
  for (const name of names) expect(statSync(join(home, name)).size).toBeLessThanOrEqual(ROTATE_BYTES);
  const lines = names.flatMap((name) => text(name).trim().split("\n"));
  expect(lines.length).toBeLessThan(300);
});

test("a log that is full is put aside while the VM runs, and no line is lost between", async () => {
  const logs = logsWith();
  await logs.begin(machine);
  for (let n = 0; n < 100; n++) logs.note(machine.vm, `line ${n} of many`);
  await logs.end(machine.vm);
  expect(readdirSync(home).sort()).toEqual(["vmware-1.log", "vmware.log"]);
  const numbers = [...`${text("vmware-1.log")}${text("vmware.log")}`.matchAll(/line (\d+) of/g)].map(([, n]) => Number(n));
  expect(numbers).toEqual(Array.from({ length: 100 }, (_, n) => n));
});

test("while it is open a log is nobody else's to write or remove, and its VM's to be found", async () => {
  const logs = logsWith();
  await logs.begin(machine);
  const file = { datastore: "d", path: `r${round}/vmware.log` };
  expect([logs.isLog(file), logs.fileOf(machine.vm)]).toEqual([true, file]);
  await expect(storage.remove(file)).rejects.toMatchObject({ fault: "FileLocked" });
  await logs.end(machine.vm);
  expect([logs.isLog(file), logs.fileOf(machine.vm)]).toEqual([false, undefined]);
  await storage.remove(file);
});

test("a log that can't be begun, or not be written, is said once and keeps nothing from going on", async () => {
  const logs = logsWith({ ...storage, beginVmLog: async () => Promise.reject(fault("NoDiskSpace", "full", { file: "", datastore: "d" })) });
  await logs.begin(machine);
  logs.note(machine.vm, "unheard");
  await logs.end(machine.vm);
  expect(said).toEqual(["VM 7: it runs without a log: full"]);

  const readOnly = {
    ...storage,
    beginVmLog: async () => ({ ...(await storage.openLog({ datastore: "d", path: "empty" })), sizeBytes: 0 }),
  };
  await storage.writeText({ datastore: "d", path: "empty" }, "", {});
  const mute = logsWith(readOnly);
  await mute.begin(machine);
  for (let n = 0; n < 3; n++) mute.note(machine.vm, "not written");
  await mute.end(machine.vm);
  expect(said.slice(1)).toEqual([expect.stringMatching(/^VM 7: its log: EBADF/)]);
});

test("a VM that is to keep no log has none", async () => {
  const { log: _, ...silent } = machine;
  const logs = logsWith();
  await logs.begin(silent);
  logs.note(machine.vm, "unheard");
  expect(readdirSync(home)).toEqual([]);
});
