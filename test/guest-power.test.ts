import { execFile } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { hostPaths } from "../src/base/index.ts";
import { moRef, type VimClient } from "../src/interfaces/index.ts";
import type { Event, MoRef, VirtualMachineFileLayoutEx } from "../src/wire/index.ts";
import { datastoreText, installGuestImage, PASSWORD, startHost, type TestHost, waitFor } from "./harness.ts";
import { bootableSpec, createVm, lastTick, read, succeeded } from "./vm.ts";

/** What a client asks of the guest itself, by its agent. */
const run = promisify(execFile);
const NAME = "obedient";
const GUEST_PROCESS_MANAGER = moRef("GuestProcessManager", "ha-guest-operations-process-manager");
let host: TestHost;
let client: VimClient;
let vm: MoRef<"VirtualMachine">;

beforeAll(async () => {
  host = await startHost();
  client = await host.login();
  vm = await createVm(client, bootableSpec(NAME, await installGuestImage(host, `${NAME}-boot`)));
  await succeeded(client, await client.call(vm, "PowerOnVM_Task", {}));
});
afterAll(async () => {
  client?.close();
  await host?.stop();
});

const starts = async (): Promise<number> => (await datastoreText(host, `${NAME}/console.log`)).split("GUEST-UP").length - 1;
const agentAnswers = async (): Promise<boolean> => (await read(client, vm, "guest.toolsRunningStatus")) === "guestToolsRunning";

test("a guest without an agent yet cannot be rebooted in order or stand by, and the client is told so by name", async () => {
  await expect(client.call(vm, "RebootGuest", {})).rejects.toMatchObject({ fault: "ToolsUnavailable" });
  await expect(client.call(vm, "StandbyGuest", {})).rejects.toMatchObject({ fault: "ToolsUnavailable" });
});

test("a guest that is asked to reboot starts anew in the same monitor", async () => {
  await waitFor(agentAnswers, 90_000);
  const vmkernel = await host.vmkernel();
  const pid = async (): Promise<number | undefined> => (await vmkernel.request({ kind: "listMonitors" }))[0]?.pid;
  const before = await pid();
  await client.call(vm, "RebootGuest", {});
  await waitFor(async () => (await starts()) === 2, 90_000);
  expect(await pid()).toBe(before);
  vmkernel.close();
});

test("a VM's log is read while it runs, tells what its guest did, and goes on when another vmkernel comes", async () => {
  const url = `https://127.0.0.1:${host.port}/folder/${NAME}/vmware.log?dsName=datastore1`;
  const curl = async (...args: string[]) => (await run("curl", ["-sSfk", "-u", `root:${PASSWORD}`, ...args, url])).stdout;
  const log = await curl();
  expect(log).toMatch(/ In\(05\) vmx - Powered on: process \d+ of user \d+, (kvm|tcg)\n/);
  expect(log).toContain(`disk: [datastore1] images/${NAME}-boot.vmdk, persistent\n`);
  expect(log).toContain("vmx - Its guest is asked to reboot\n");
  expect(log).toContain("vmx - The guest resets the machine\n");
  await expect(curl("-X", "DELETE")).rejects.toThrow("423");
  const manager = moRef("DiagnosticManager", "ha-diagnosticmgr");
  const { lineText } = await client.call(manager, "BrowseDiagnosticLog", { key: `vm-${vm.value}` });
  expect(lineText?.join("\n")).toContain("The guest resets the machine");
  expect(await logFiles()).toEqual(["[datastore1] obedient/vmware.log"]);
  process.kill((await host.pids()).vmkernel, "SIGKILL");
  await waitFor(async () => (await curl().catch(() => "")).includes("Another vmkernel has taken it up"), 60_000);
  expect((await curl()).startsWith(log)).toBe(true);
});

test("a guest's agent tells whom it asks for names", async () => {
  await waitFor(agentAnswers, 90_000);
  const dns = { ipAddress: ["192.0.2.53"], searchDomain: ["guest.example"] };
  expect(await read(client, vm, "guest.ipStack")).toMatchObject([{ dnsConfig: dns, ipRouteConfig: {} }]);
});

test("a guest that is asked to stand by is suspended, and goes on where it was", async () => {
  await waitFor(agentAnswers, 90_000);
  await client.call(vm, "StandbyGuest", {});
  await waitFor(async () => (await read(client, vm, "runtime.powerState")) === "suspended", 60_000);
  const before = lastTick(await datastoreText(host, `${NAME}/console.log`));
  await succeeded(client, await client.call(vm, "PowerOnVM_Task", {}));
  await waitFor(async () => lastTick(await datastoreText(host, `${NAME}/console.log`)) > before, 60_000);
  expect(await starts()).toBe(2);
});

test("a guest that is to stand by while its VM stays powered on is refused", async () => {
  await succeeded(client, await client.call(vm, "ReconfigVM_Task", { spec: { powerOpInfo: { standbyAction: "powerOnSuspend" } } }));
  await expect(client.call(vm, "StandbyGuest", {})).rejects.toMatchObject({ fault: "NotSupported" });
});

test("a guest that is asked to shut down powers its VM off, and events tell of both", async () => {
  await waitFor(agentAnswers, 90_000);
  await client.call(vm, "ShutdownGuest", {});
  await waitFor(async () => (await read(client, vm, "runtime.powerState")) === "poweredOff", 60_000);
  const manager = { type: "EventManager", value: "ha-eventmgr" } as const;
  const events: readonly Event[] | undefined = await client.call(manager, "QueryEvents", {
    filter: { entity: { entity: vm, recursion: "self" } },
  });
  expect(events?.map(({ $type }) => $type)).toEqual([
    "VmCreatedEvent",
    "VmStartingEvent",
    "VmPoweredOnEvent",
    "VmGuestRebootEvent",
    "VmGuestStandbyEvent",
    "VmSuspendingEvent",
    "VmSuspendedEvent",
    "VmStartingEvent",
    "VmPoweredOnEvent",
    "VmReconfiguredEvent",
    "VmGuestShutdownEvent",
    "VmPoweredOffEvent",
  ]);
  await expect(client.call(vm, "ShutdownGuest", {})).rejects.toMatchObject({ fault: "InvalidPowerState" });
});

test("each power-on begins a log, and keeps as many old ones as the VM is to", async () => {
  const { volumes } = hostPaths(host.root);
  const logs = () => readdirSync(join(volumes, "datastore1", NAME)).filter((name) => name.startsWith("vmware"));
  expect(logs().sort()).toEqual(["vmware-1.log", "vmware.log"]);
  const text = await datastoreText(host, `${NAME}/vmware.log`);
  expect(text).toContain("Its memory is that of [datastore1] obedient/obedient-");
  expect(text).toMatch(/The guest powers the machine off\n(.*\n)*.* It has ended: guestShutdown\n$/);
  expect(await datastoreText(host, `${NAME}/vmware-1.log`)).toMatch(/It is to be suspended to .*\n(.*\n)*.* It has ended: suspended\n$/);
  const set = (key: string, value: string) => {
    const extraConfig = [{ $type: "OptionValue" as const, key, value: { anyType: "string" as const, value } }];
    return client.call(vm, "ReconfigVM_Task", { spec: { extraConfig } }).then((task) => succeeded(client, task));
  };
  for (const [key, value] of [
    ["log.keepOld", "101"],
    ["log.rotateSize", "0"],
    ["log.fileName", "../../../etc/passwd"],
  ] as const) {
    await expect(set(key, value)).rejects.toThrow(key);
  }
  await set("log.keepOld", "1");
});

test("a guest whose agent is gone is asked by its power button", async () => {
  await succeeded(client, await client.call(vm, "PowerOnVM_Task", {}));
  await waitFor(agentAnswers, 90_000);
  const auth = { $type: "NamePasswordAuthentication", interactiveSession: false, username: "root", password: "Guest-Root-1" } as const;
  const spec = { programPath: "/bin/sh", arguments: "-c 'sleep 1; killall qemu-ga'" }; // after it has told of the program
  await client.call(GUEST_PROCESS_MANAGER, "StartProgramInGuest", { vm, auth, spec });
  await waitFor(async () => !(await agentAnswers()), 60_000);
  await client.call(vm, "ShutdownGuest", {});
  await waitFor(async () => (await read(client, vm, "runtime.powerState")) === "poweredOff", 60_000);
});

test("a VM's logs go with it", async () => {
  expect(await logFiles()).toEqual(["[datastore1] obedient/vmware-2.log", "[datastore1] obedient/vmware.log"]);
  await succeeded(client, await client.call(vm, "Destroy_Task", {}));
  expect(existsSync(join(hostPaths(host.root).volumes, "datastore1", NAME))).toBe(false);
});

async function logFiles(): Promise<string[]> {
  const { file } = (await read(client, vm, "layoutEx")) as VirtualMachineFileLayoutEx;
  return (file ?? []).flatMap(({ name, type }) => (type === "log" ? [name] : [])).sort();
}
