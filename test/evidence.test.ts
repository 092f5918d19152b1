import { spawn } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { hostPaths } from "../src/base/index.ts";
import type { Evidence } from "../src/evidence/index.ts";
import { judge } from "../src/evidence/index.ts";
import { observe, observeMonitor } from "../src/evidence/observe.ts";
import { moRef } from "../src/interfaces/index.ts";
import { type MonitorInspection, networkNamespace, type PageRun } from "../src/vmkernel/index.ts";
import type { MoRef } from "../src/wire/index.ts";
import { faultOf } from "./agent.fixture.ts";
import { datastoreText, installGuestImage, notPassed, startHost, type TestHost, waitFor } from "./harness.ts";
import { bootableSpec, createVm, lastTick, read, succeeded } from "./vm.ts";

/** The claims on a live host with two guests, and each of them broken on purpose on that host. Paper «Device Isolation». */
const ACCESS = moRef("HostAccessManager", "ha-host-access-manager");
let host: TestHost;
const vms: MoRef[] = [];
const children: ReturnType<typeof spawn>[] = [];

beforeAll(async () => {
  host = await startHost();
  const client = await host.login();
  for (const name of ["one", "two"]) {
    const vm = await createVm(client, bootableSpec(name, await installGuestImage(host, `${name}-boot`)));
    await succeeded(client, await client.call(vm, "PowerOnVM_Task", {}));
    vms.push(vm);
  }
  const [first] = vms;
  const snapshot = { name: "so that a disk descends from another", memory: false, quiesce: false };
  await succeeded(client, await client.call(first as MoRef<"VirtualMachine">, "CreateSnapshot_Task", snapshot));
  await client.call(ACCESS, "ChangeLockdownMode", { mode: "lockdownNormal" }); // from now on root is out, and that is looked at too
  client.close();
});
afterAll(async () => {
  for (const child of children) child.kill("SIGKILL");
  await host?.stop();
});

const evidenceOf = async (): Promise<readonly Evidence[]> => JSON.parse((await host.command("evidence", "--json")).stdout);
const failed = (evidence: readonly Evidence[]): readonly string[] =>
  evidence.filter(({ verdict }) => verdict === "fail").map(({ claim }) => claim);

test("every claim is shown and passes on a host with two running guests, and the command says so", async () => {
  const evidence = await evidenceOf();
  expect(notPassed(evidence)).toEqual([]);
  expect(evidence.every(({ facts, heading }) => facts.length > 0 && heading !== "")).toBe(true);
  expect((await host.command("evidence")).code).toBe(0);
});

test("the page map of each guest names its memory, and no machine page of the one is the other's", async () => {
  const maps = await Promise.all(
    vms.map(async ({ value }) => {
      const { stdout } = await host.command("memory", "pmap", "--vm", value, "--json");
      return JSON.parse(stdout) as readonly PageRun[];
    }),
  );
  const pagesOf = (runs: readonly PageRun[]) =>
    runs.flatMap(({ machine, bytes }) =>
      machine.kind === "at" ? Array.from({ length: bytes / 4096 }, (_, n) => machine.start + n * 4096) : [],
    );
  const [one, two] = maps.map((runs) => new Set(pagesOf(runs))) as [Set<number>, Set<number>];
  expect(
    maps.map((runs) => runs.filter(({ region }) => region === "pc.ram").reduce((sum, { bytes }) => sum + bytes, 0) >= 127 * 2 ** 20),
  ).toEqual([true, true]);
  expect(one.size).toBeGreaterThan(1000);
  expect([...one].filter((page) => two.has(page))).toEqual([]);
});

test("the guests that are looked at are real ones: both count on their consoles", async () => {
  await waitFor(async () => lastTick(await datastoreText(host, "one/console.log")) > 0, 120_000);
  await waitFor(async () => lastTick(await datastoreText(host, "two/console.log")) > 0, 120_000);
});

test("a stranger with a monitor's uid turns the command red", async () => {
  const [monitor] = await monitors();
  const uid = String(monitor?.description.uid);
  const child = spawn("setpriv", ["--reuid", uid, "--regid", uid, "--clear-groups", "sleep", "60"]);
  children.push(child);
  await waitFor(async () => failed(await evidenceOf()).some((claim) => claim.startsWith("Each monitor runs as a user of its own")), 10_000);
  const { code, stdout } = await host.command("evidence");
  expect(code).toBe(1);
  expect(stdout).toContain(`other processes with it: ${child.pid}`);
  child.kill("SIGKILL");
  await waitFor(async () => failed(await evidenceOf()).length === 0, 10_000);
});

test("a device that is in the guest and not in its configuration turns red", async () => {
  const client = await host.vmkernel();
  const observed = await observe(
    client,
    { hostd: undefined, vmkernel: undefined },
    {
      network: networkNamespace(hostPaths(host.root).network),
    },
  );
  const [first, ...others] = observed.monitors;
  if (first === undefined) throw new Error("there is no monitor");
  const { machine } = first.inspection;
  const without = {
    ...first,
    inspection: { ...first.inspection, machine: { ...machine, devices: machine.devices.filter(({ kind }) => kind !== "nic") } },
  };
  expect(failed(judge({ ...observed, monitors: [without, ...others] }))).toEqual([
    // The tap behind it is then not of its configuration either.
    "Each monitor has open the files of its own VM, its control sockets and its log, and nothing else.",
    "The devices in each guest are the devices configured, and no more.",
  ]);
  client.close();
});

test("a second monitor that holds a running VM's disk turns red", async () => {
  const [two, one] = await monitors(); // the first has a snapshot, so its base is written by nobody, not by a test either
  const disk = join(hostPaths(host.root).volumes, "datastore1/images/two-boot-flat.vmdk");
  const fd = openSync(disk, "r+");
  const thief = spawn("sleep", ["60"], { stdio: ["ignore", "ignore", "ignore", fd] });
  closeSync(fd);
  children.push(thief);
  await waitFor(() => thief.pid !== undefined, 5000);
  if (one === undefined || two === undefined) throw new Error("there are not two monitors");
  const client = await host.vmkernel();
  const observed = await observe(
    client,
    { hostd: undefined, vmkernel: undefined },
    {
      network: networkNamespace(hostPaths(host.root).network),
    },
  );
  const stolen: MonitorInspection = { ...two, description: { ...two.description, pid: thief.pid ?? 0 } };
  const [real] = observed.monitors.filter(({ inspection }) => inspection.description.vm === one.description.vm);
  if (real === undefined) throw new Error("the first monitor was not seen");
  const claims = failed(judge({ ...observed, monitors: [real, observeMonitor(stolen, [])] }));
  expect(claims).toContain("No two running VMs hold a descriptor of the same writable file.");
  expect(claims.filter((claim) => claim.startsWith("Each disk that a running VM writes"))).toHaveLength(1);
  thief.kill("SIGKILL");
  client.close();
});

test("root at the machine ends lockdown mode, in which root was let in by no door", async () => {
  expect((await faultOf(host.login())).fault).toBe("NoPermission");
  expect(await host.command("lockdown", "status")).toMatchObject({ code: 0, stdout: "normal; exception users: none\n" });
  expect(await host.command("lockdown", "off")).toMatchObject({ code: 0, stdout: "Lockdown mode has ended.\n" });
  await using client = await host.login();
  expect(await read(client, ACCESS, "lockdownMode")).toBe("lockdownDisabled");
  expect(await host.command("lockdown", "off", "--json")).toMatchObject({ code: 0, stdout: '{"wasOn":false}\n' });
  expect(notPassed(await evidenceOf())).toEqual([]);
});

async function monitors(): Promise<readonly MonitorInspection[]> {
  const client = await host.vmkernel();
  try {
    const list = await client.request({ kind: "listMonitors" });
    return await Promise.all(list.map(({ vm }) => client.request({ kind: "inspectMonitor", vm })));
  } finally {
    client.close();
  }
}
