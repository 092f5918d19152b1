import { afterAll, beforeAll, expect, test } from "vitest";
import type { VimClient } from "../src/interfaces/index.ts";
import type { Event, MoRef, VirtualMachineBootOptions } from "../src/wire/index.ts";
import { startHost, type TestHost, waitFor } from "./harness.ts";
import { createVm, ended, read, succeeded } from "./vm.ts";

/** The firmware of a VM that has nothing to boot from: it waits, gives up, and tries again, and each try shows. */
const ROUNDS = 2;
const RETRY_MS = 3000; // two restarts within two seconds are told as one
const NAME = "bare";
let host: TestHost;
let client: VimClient;
let vm: MoRef<"VirtualMachine">;

beforeAll(async () => {
  host = await startHost();
  client = await host.login();
  vm = await createVm(client, { name: NAME, guestId: "otherGuest", numCPUs: 1, memoryMB: 64, files: { vmPathName: "[datastore1]" } });
});
afterAll(async () => {
  client?.close();
  await host?.stop();
});

async function tries(): Promise<readonly Event[]> {
  const manager = { type: "EventManager", value: "ha-eventmgr" } as const;
  return (await client.call(manager, "QueryEvents", { filter: { eventTypeId: ["VmGuestRebootEvent"] } })) ?? [];
}

/** @returns the shortest time between two tries */
async function timeTries(bootOptions: VirtualMachineBootOptions): Promise<number> {
  await succeeded(client, await client.call(vm, "ReconfigVM_Task", { spec: { bootOptions } }));
  const before = (await tries()).length;
  await succeeded(client, await client.call(vm, "PowerOnVM_Task", {}));
  await waitFor(async () => (await tries()).length > before + ROUNDS, 60_000);
  await succeeded(client, await client.call(vm, "PowerOffVM_Task", {}));
  const times = (await tries()).slice(before).map(({ createdTime }) => createdTime.getTime());
  return Math.min(...times.slice(1).map((time, index) => time - (times[index] ?? 0)));
}

test("a boot is tried again after the time that is configured, and begins after its delay", async () => {
  const soon = await timeTries({ bootRetryEnabled: true, bootRetryDelay: RETRY_MS });
  expect(soon).toBeGreaterThanOrEqual(RETRY_MS);
  const later = await timeTries({ bootRetryEnabled: true, bootRetryDelay: RETRY_MS, bootDelay: 4000 });
  expect(later).toBeGreaterThanOrEqual(soon + 3000);
});

test("a VM that is to show its firmware's setup is not started without", async () => {
  await succeeded(client, await client.call(vm, "ReconfigVM_Task", { spec: { bootOptions: { enterBIOSSetup: true } } }));
  const { error } = await ended(client, await client.call(vm, "PowerOnVM_Task", {}));
  expect(error?.fault).toMatchObject({ $type: "InvalidVmConfig", property: "bios.forceSetupOnce" });
  expect(await read(client, vm, "runtime.powerState")).toBe("poweredOff");
});
