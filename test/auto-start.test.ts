import { execFile } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { moRef, type VimClient } from "../src/interfaces/index.ts";
import type { AutoStartPowerInfo, Event, HostAutoStartManagerConfig, MoRef } from "../src/wire/index.ts";
import { faultOf, startAgent } from "./agent.fixture.ts";
import { PASSWORD, startHost, type TestHost, waitFor } from "./harness.ts";
import { createVm, read, succeeded } from "./vm.ts";

/** VMs that start and stop with their host. They have no disk: their firmware runs, and that is all that is asked of them here. */
const MANAGER = moRef("HostAutoStartManager", "ha-autostart-mgr");
const READ_ONLY = -2;
const VIRSH = "/usr/bin/virsh";
const run = promisify(execFile);
let host: TestHost;
let client: VimClient;
const vms = new Map<string, MoRef<"VirtualMachine">>();

const specOf = (name: string) => ({
  name,
  guestId: "otherGuest64",
  numCPUs: 1,
  memoryMB: 32,
  files: { vmPathName: `[datastore1] ${name}/${name}.vmx` },
});
const info = (key: MoRef<"VirtualMachine">, change: Partial<AutoStartPowerInfo> = {}): AutoStartPowerInfo => ({
  key,
  startOrder: -1,
  startDelay: 0,
  waitForHeartbeat: "no",
  startAction: "powerOn",
  stopDelay: 30,
  stopAction: "systemDefault",
  ...change,
});
const reconfigure = (spec: HostAutoStartManagerConfig) => client.call(MANAGER, "ReconfigureAutostart", { spec });
const vmOf = (name: string): MoRef<"VirtualMachine"> => {
  const vm = vms.get(name);
  if (vm === undefined) throw new Error(`no VM ${name}`);
  return vm;
};
const isIn = async (name: string, state: string): Promise<boolean> => (await read(client, vmOf(name), "runtime.powerState")) === state;

/** What happened to VMs after an event, oldest first: "one VmPoweredOnEvent". */
async function happened(afterKey: number, ...types: readonly string[]): Promise<string[]> {
  const events: readonly Event[] = (await client.call(moRef("EventManager", "ha-eventmgr"), "QueryEvents", { filter: {} })) ?? [];
  const later = events.filter(({ key, $type }) => key > afterKey && types.includes($type ?? ""));
  return later.sort((a, b) => a.key - b.key).map(({ $type, vm }) => `${vm?.name} ${$type}`);
}
async function lastEvent(): Promise<number> {
  const event = (await read(client, moRef("EventManager", "ha-eventmgr"), "latestEvent")) as Event | undefined;
  return event?.key ?? 0;
}

beforeAll(async () => {
  host = await startHost();
  client = await host.login();
  for (const name of ["one", "two", "three", "beside"]) vms.set(name, await createVm(client, specOf(name)));
});
afterAll(async () => {
  client?.close();
  await host?.stop();
});

test("a host stops its VMs in reverse order, each by its action, and starts them in order when it starts again", async () => {
  await reconfigure({
    defaults: { enabled: true, stopAction: "suspend" },
    powerInfo: [
      info(vmOf("two"), { startOrder: 2, startDelay: 1, stopAction: "powerOff" }),
      info(vmOf("one"), { startOrder: 1, startDelay: 1, stopAction: "guestShutdown", stopDelay: 1 }), // its firmware hears nothing
      info(vmOf("three")),
    ],
  });
  for (const name of ["one", "two", "three"]) await succeeded(client, await client.call(vmOf(name), "PowerOnVM_Task", {}));
  const before = await lastEvent();
  client.close();
  await host.stop(true);

  host = await startHost({ root: host.root });
  client = await host.login();
  await waitFor(() => isIn("three", "poweredOn"), 60_000);
  const kinds = ["VmPoweredOffEvent", "VmSuspendedEvent", "VmGuestShutdownEvent", "VmPoweredOnEvent"];
  expect(await happened(before, ...kinds)).toEqual([
    "three VmSuspendedEvent",
    "two VmPoweredOffEvent",
    "one VmGuestShutdownEvent",
    "one VmPoweredOffEvent",
    "one VmPoweredOnEvent",
    "two VmPoweredOnEvent",
    "three VmPoweredOnEvent",
  ]);
  expect(await isIn("beside", "poweredOff")).toBe(true);
});

test("a host agent that is started again starts no VM that was powered off meanwhile, and VMs that are adopted are not started", async () => {
  await succeeded(client, await client.call(vmOf("one"), "PowerOffVM_Task", {}));
  const before = await lastEvent();
  const { hostd } = await host.pids();
  process.kill(hostd, "SIGKILL");
  await waitFor(async () => ![hostd, undefined].includes((await host.pids()).hostd), 60_000);
  client = await host.login();
  await reconfigure({ powerInfo: [info(vmOf("beside"))] });
  expect(await happened(before, "VmPoweredOnEvent", "VmStartingEvent")).toEqual([]);
  expect(await isIn("one", "poweredOff")).toBe(true);

  await client.call(MANAGER, "AutoStartPowerOn", {});
  await waitFor(() => isIn("beside", "poweredOn"), 60_000);
  expect(await happened(before, "VmStartingEvent")).toEqual(["one VmStartingEvent", "beside VmStartingEvent"]); // two and three run
});

test("a client can have the VMs stopped without stopping the host", async () => {
  await reconfigure({ defaults: { stopAction: "powerOff" }, powerInfo: ["one", "two", "three", "beside"].map((name) => info(vmOf(name))) });
  await client.call(MANAGER, "AutoStartPowerOff", {});
  for (const name of ["one", "two", "three", "beside"]) await waitFor(() => isIn(name, "poweredOff"), 60_000);
});

test("a VM that leaves the inventory leaves the list", async () => {
  await client.call(vmOf("three"), "UnregisterVM", {});
  const { powerInfo = [] } = (await read(client, MANAGER, "config")) as HostAutoStartManagerConfig;
  expect(powerInfo.map(({ key }) => key.value)).not.toContain(vmOf("three").value);
  expect(powerInfo).toHaveLength(3);
  const { autoStart } = (await read(client, moRef("HostSystem", "ha-host"), "config")) as { autoStart: HostAutoStartManagerConfig };
  expect(autoStart.powerInfo).toEqual(powerInfo);
});

test.skipIf(!existsSync(VIRSH))("virsh shows and sets which VM starts with the host", async () => {
  const folder = mkdtempSync(join(tmpdir(), "bulkhead-virsh-"));
  const auth = join(folder, "auth");
  writeFileSync(auth, `[credentials-host]\nusername=root\npassword=${PASSWORD}\n[auth-esx-127.0.0.1]\ncredentials=host\n`);
  const virsh = async (...args: readonly string[]): Promise<string> => {
    const env = { ...process.env, LIBVIRT_AUTH_FILE: auth };
    return (await run(VIRSH, ["-c", `esx://root@127.0.0.1:${host.port}/?no_verify=1`, ...args], { env })).stdout;
  };
  try {
    expect(await virsh("dominfo", "one")).toMatch(/Autostart: +enable/);
    await virsh("autostart", "--disable", "one");
    expect(await virsh("dominfo", "one")).toMatch(/Autostart: +disable/);
    await virsh("autostart", "one");
    expect(await virsh("dominfo", "one")).toMatch(/Autostart: +enable/);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test("who may only look at the host changes nothing, a bad spec is refused by name, and what is set outlives the host agent", async () => {
  const first = await startAgent();
  const root = await first.login();
  const reader = await first.login(READ_ONLY);
  const spec = { defaults: { enabled: true, startDelay: 7 } };
  const calls = [
    reader.call(MANAGER, "ReconfigureAutostart", { spec }),
    reader.call(MANAGER, "AutoStartPowerOn", {}),
    reader.call(MANAGER, "AutoStartPowerOff", {}),
  ];
  for (const call of calls)
    expect(await faultOf(call)).toMatchObject({ fault: "NoPermission", fields: { privilegeId: "Host.Config.AutoStart" } });
  const powerInfo = [info(moRef("VirtualMachine", "77"))];
  expect(await faultOf(root.call(MANAGER, "ReconfigureAutostart", { spec: { ...spec, powerInfo } }))).toMatchObject({
    fault: "InvalidArgument",
    fields: { invalidProperty: "spec.powerInfo[0].key" },
  });
  expect((await read(root, MANAGER, "config")) as HostAutoStartManagerConfig).toMatchObject({ defaults: { enabled: false } });
  await root.call(MANAGER, "ReconfigureAutostart", { spec });
  for (const one of [root, reader]) one.close();
  await first.stop({ keepFolder: true });
  const second = await startAgent(first.folder);
  const again = await second.login();
  expect(await read(again, MANAGER, "config")).toMatchObject({
    defaults: { enabled: true, startDelay: 7, stopDelay: 120, waitForHeartbeat: false, stopAction: "powerOff" },
  });
  again.close();
  await second.stop();
});
