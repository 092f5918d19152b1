import { beforeAll, expect, test } from "vitest";
import { moRef } from "../src/interfaces/index.ts";
import type { MoRef, VirtualDevice, VirtualMachineConfigOption } from "../src/wire/index.ts";
import { faultOf, useAgent } from "./agent.fixture.ts";
import { createVm, read } from "./vm.ts";

/** What a client asks before it makes a VM. */
const NO_ACCESS = -5;
const { host, client } = await useAgent();
let browser: MoRef<"EnvironmentBrowser">;

beforeAll(async () => {
  browser = (await read(client, moRef("ComputeResource", "ha-compute-res"), "environmentBrowser")) as MoRef<"EnvironmentBrowser">;
});

const kinds = (devices: readonly VirtualDevice[] | undefined) =>
  devices?.map(({ $type, key, controllerKey }) => [$type, key, controllerKey]);

test("a VM that asks for no device gets exactly the default devices of the options", async () => {
  const spec = { name: "bare", guestId: "otherLinux64Guest", numCPUs: 1, memoryMB: 64, files: { vmPathName: "[datastore1]" } };
  const vm = await createVm(client, spec);
  const { defaultDevice } = (await client.call(browser, "QueryConfigOption", {})) as VirtualMachineConfigOption;
  expect(kinds((await read(client, vm, "config.hardware.device")) as VirtualDevice[])).toEqual(kinds(defaultDevice));
  expect(kinds(defaultDevice)).toContainEqual(["VirtualMachineVMCIDevice", 12_000, 100]);
});

test("every hardware version that is listed can be asked about, and a VM of it made", async () => {
  const descriptors = (await client.call(browser, "QueryConfigOptionDescriptor", {})) ?? [];
  for (const { key } of descriptors) {
    const option = await client.call(browser, "QueryConfigOptionEx", { spec: { key, guestId: ["debian12_64Guest"] } });
    expect(option?.guestOSDescriptor.map(({ id }) => id)).toEqual(["debian12_64Guest"]);
    await createVm(client, { name: key, version: key, guestId: "debian12_64Guest", files: { vmPathName: "[datastore1]" } });
  }
});

test("the target is this host: its CPUs, datastores and networks", async () => {
  const target = await client.call(browser, "QueryConfigTarget", { host: moRef("HostSystem", "ha-host") });
  expect(target?.datastore?.map(({ name, mode }) => [name, mode])).toEqual([["datastore1", "readWrite"]]);
  expect(target?.network?.map(({ name }) => name)).toEqual(["VM Network"]);
  expect(target?.numCpus).toBeGreaterThan(0);
});

test("the host's capabilities are those that the host itself shows", async () => {
  const shown = await read(client, moRef("HostSystem", "ha-host"), "capability");
  expect(await client.call(browser, "QueryTargetCapabilities", {})).toEqual(shown);
});

test("another host is not there", async () => {
  const fault = await faultOf(client.call(browser, "QueryConfigTarget", { host: moRef("HostSystem", "host-9") }));
  expect(fault).toMatchObject({ fault: "ManagedObjectNotFound", fields: { obj: { value: "host-9" } } });
});

test("who has no access learns nothing", async () => {
  await using stranger = await host.login(NO_ACCESS);
  expect((await faultOf(stranger.call(browser, "QueryConfigTarget", {}))).fault).toBe("NoPermission");
});
