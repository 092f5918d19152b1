import { afterAll, beforeAll, expect, test } from "vitest";
import { moRef, type VimClient } from "../src/interfaces/index.ts";
import type { Event, MoRef } from "../src/wire/index.ts";
import { datastoreText, installGuestImage, startHost, type TestHost, waitFor } from "./harness.ts";
import { bootableSpec, createVm, lastTick, read, succeeded } from "./vm.ts";

/** What a client asks of the guest itself, by its agent. */
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
