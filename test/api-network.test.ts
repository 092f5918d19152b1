import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { moRef, type VimClient } from "../src/interfaces/index.ts";
import type {
  Event,
  HostDnsConfig,
  HostNetworkConfig,
  HostNetworkInfo,
  HostPortGroupSpec,
  HostVirtualNicManagerInfo,
  MoRef,
  NetworkSummary,
  VirtualEthernetCard,
  VirtualMachineConfigInfo,
} from "../src/wire/index.ts";
import { faultOf, startAgent, type TestAgent } from "./agent.fixture.ts";
import { esxcli } from "./esxcli.ts";
import { createVm, read, succeeded, VM_FOLDER } from "./vm.ts";

/** The host's virtual switches and port groups, and the networks that clients see for them. */
const NIC_MANAGER = moRef("HostVirtualNicManager", "ha-vnic-mgr");
const SYSTEM = moRef("HostNetworkSystem", "networkSystem");
const HOST = moRef("HostSystem", "ha-host");
const DATACENTER = moRef("Datacenter", "ha-datacenter");
const COLLECTOR = moRef("PropertyCollector", "ha-property-collector");
const READ_ONLY = -2;
let host: TestAgent;
let client: VimClient;

beforeAll(async () => {
  host = await startAgent();
  client = await host.login();
});
afterAll(async () => {
  client?.close();
  await host?.stop();
});

/** "%" is written so that it is no beginning of what stands for a character of XML. */
const networkOf = (name: string) => moRef("Network", `HaNetwork-${name.replace("%", "%25")}`);
const group = (name: string, extra: Partial<HostPortGroupSpec> = {}): HostPortGroupSpec => ({
  name,
  vlanId: 0,
  vswitchName: "vSwitch0",
  policy: {},
  ...extra,
});
const addGroup = (name: string, extra: Partial<HostPortGroupSpec> = {}, by = client) =>
  by.call(SYSTEM, "AddPortGroup", { portgrp: group(name, extra) });
const removeGroup = (pgName: string) => client.call(SYSTEM, "RemovePortGroup", { pgName });
const info = async (by = client) => (await read(by, SYSTEM, "networkInfo")) as HostNetworkInfo;
const namesOf = (refs: unknown) => (refs as readonly MoRef[]).map(({ value }) => value.replace("HaNetwork-", "").replace("%25", "%"));
const nic = (deviceName: string, key = -1) => ({
  operation: "add" as const,
  device: { $type: "VirtualVmxnet3", key, backing: { $type: "VirtualEthernetCardNetworkBackingInfo", deviceName } } as never,
});
const vmWith = (name: string, ...networks: readonly string[]) =>
  createVm(client, {
    name,
    memoryMB: 64,
    files: { vmPathName: "[datastore1]" },
    deviceChange: networks.map((network, n) => nic(network, -1 - n)),
  });
const cardsOf = async (vm: MoRef) =>
  ((await read(client, vm, "config")) as VirtualMachineConfigInfo).hardware.device?.filter(
    (one): one is VirtualEthernetCard => "macAddress" in one,
  ) ?? [];
const latestMessages = async () => {
  const events =
    (await client.call(moRef("EventManager", "ha-eventmgr"), "QueryEvents", { filter: { eventTypeId: ["GeneralHostInfoEvent"] } })) ?? [];
  return (events as readonly Event[]).map(({ fullFormattedMessage }) => fullFormattedMessage);
};

const setRollback = (seconds: number, by = client) =>
  by.call(moRef("OptionManager", "ha-adv-options"), "UpdateOptions", {
    changedValue: [{ $type: "OptionValue", key: "Config.HostAgent.network.rollbackTimeout", value: { anyType: "int", value: seconds } }],
  });

test("a new host has vSwitch0 without an adapter, with two port groups, and rejects what guides to hardening have rejected", async () => {
  const { vswitch, portgroup, pnic } = await info();
  expect(vswitch).toMatchObject([{ name: "vSwitch0", key: "key-vim.host.VirtualSwitch-vSwitch0", mtu: 1500, spec: { numPorts: 128 } }]);
  expect(vswitch?.[0]?.pnic ?? []).toEqual([]);
  expect(portgroup?.map(({ spec }) => [spec.name, spec.vlanId, spec.vswitchName])).toEqual([
    ["VM Network", 0, "vSwitch0"],
    ["Management Network", 0, "vSwitch0"],
  ]);
  expect(portgroup?.[0]?.computedPolicy.security).toMatchObject({ allowPromiscuous: false, macChanges: false, forgedTransmits: false });
  expect(pnic?.map(({ device }) => device) ?? []).toEqual((pnic ?? []).map((_, index) => `vmnic${index}`));
  const capabilities = await read(client, SYSTEM, "capabilities");
  expect(capabilities).toMatchObject({
    vswitchConfigSupported: true,
    supportsVlan: true,
    supportsNicTeaming: true,
    vnicConfigSupported: true,
  });
});

test("the port group that is meant for the host's own adapters is no network to connect VMs to", async () => {
  expect(namesOf(await read(client, DATACENTER, "network"))).toEqual(["VM Network"]);
  await client.call(SYSTEM, "UpdatePortGroup", { pgName: "Management Network", portgrp: group("Management Network", { vlanId: 3 }) });
  expect(namesOf(await read(client, DATACENTER, "network"))).toEqual(["VM Network"]);
  expect((await faultOf(read(client, networkOf("Management Network"), "name"))).fault).toBe("ManagedObjectNotFound");
});

test("a switch and its port group are made, changed, shown with what they inherit, and removed", async () => {
  const spec = { numPorts: 64, mtu: 9000, policy: { security: { forgedTransmits: true } } };
  await client.call(SYSTEM, "AddVirtualSwitch", { vswitchName: "lab", spec });
  await addGroup("dmz", { vswitchName: "lab", vlanId: 7, policy: { security: { macChanges: true } } });
  const made = (await info()).portgroup?.find(({ spec: { name } }) => name === "dmz");
  expect(made).toMatchObject({ vswitch: "key-vim.host.VirtualSwitch-lab", spec: { vlanId: 7 } });
  expect(made?.spec.policy.security).toMatchObject({ macChanges: true });
  expect(made?.spec.policy.security?.forgedTransmits).toBeUndefined();
  expect(made?.computedPolicy.security).toMatchObject({ allowPromiscuous: false, macChanges: true, forgedTransmits: true });
  await client.call(SYSTEM, "UpdateVirtualSwitch", { vswitchName: "lab", spec: { numPorts: 64, mtu: 1500 } });
  await client.call(SYSTEM, "UpdatePortGroup", { pgName: "dmz", portgrp: group("dmz", { vswitchName: "lab", vlanId: 8 }) });
  const { vswitch, portgroup } = await info();
  expect(vswitch?.find(({ name }) => name === "lab")).toMatchObject({
    mtu: 1500,
    spec: { policy: { security: { forgedTransmits: true } } },
  });
  expect(portgroup?.find(({ spec: { name } }) => name === "dmz")).toMatchObject({
    spec: { vlanId: 8 },
    computedPolicy: { security: { macChanges: false } },
  });
  await client.call(SYSTEM, "RemoveVirtualSwitch", { vswitchName: "lab" });
  expect((await info()).portgroup?.map(({ spec: { name } }) => name)).not.toContain("dmz");
  expect(await latestMessages()).toEqual(
    expect.arrayContaining(["Virtual switch lab was added", "Port group dmz was added to lab", "Virtual switch lab was removed"]),
  );
});

test.each<[string, () => Promise<unknown>, string, object]>([
  ["a port group that is there", () => addGroup("VM Network"), "AlreadyExists", { name: "VM Network" }],
  ["a port group on no switch", () => addGroup("x", { vswitchName: "none" }), "NotFound", {}],
  ["VLAN 4096", () => addGroup("x", { vlanId: 4096 }), "InvalidArgument", { invalidProperty: "portgrp.vlanId" }],
  [
    "a switch that is there",
    () => client.call(SYSTEM, "AddVirtualSwitch", { vswitchName: "vSwitch0" }),
    "AlreadyExists",
    { name: "vSwitch0" },
  ],
  ["to remove a port group that is not there", () => removeGroup("none"), "NotFound", {}],
  ["to remove a switch that is not there", () => client.call(SYSTEM, "RemoveVirtualSwitch", { vswitchName: "none" }), "NotFound", {}],
  [
    "an unknown adapter",
    () =>
      client.call(SYSTEM, "UpdateVirtualSwitch", {
        vswitchName: "vSwitch0",
        spec: { numPorts: 8, bridge: { $type: "HostVirtualSwitchBondBridge", nicDevice: ["vmnic99"] } as never },
      }),
    "InvalidArgument",
    { invalidProperty: "spec.bridge.nicDevice" },
  ],
])("%s is refused by name, and changes nothing", async (_, attempt, name, fields) => {
  const before = await info();
  expect(await faultOf(attempt())).toMatchObject({ fault: name, fields });
  expect(await info()).toEqual(before);
});

const adapter = (name: string, addresses: readonly string[] = []) => ({
  name,
  mac: `02:00:00:00:00:0${name.at(-1)}`,
  driver: "test",
  controller: `ffff:00:0${name.at(-1)}.0`,
  linkMbps: 1000,
  isUp: true,
  isFullDuplex: true,
  addresses,
});

test("an adapter by which the machine has an address is never taken where a network is never changed back, and is where it is", async () => {
  await using other = {
    host: await startAgent(undefined, { adapters: [adapter("wire1", ["192.0.2.7"])] }),
    [Symbol.asyncDispose]: () => other.host.stop(),
  };
  await using admin = await other.host.login();
  const device = (await info(admin)).pnic?.find(({ driver }) => driver === "test")?.device;
  const bridge = { $type: "HostVirtualSwitchBondBridge", nicDevice: [device] } as never;
  const take = () => admin.call(SYSTEM, "AddVirtualSwitch", { vswitchName: "wan", spec: { numPorts: 8, bridge } });
  await setRollback(0, admin);
  const before = await info(admin);
  expect(await faultOf(take())).toMatchObject({
    fault: "ResourceInUse",
    fields: { type: "PhysicalNic", name: device },
    message: expect.stringContaining("the machine has the address 192.0.2.7 by it"),
  });
  expect(await info(admin)).toEqual(before);
  await setRollback(30, admin);
  await take();
  expect(other.host.network().switches.find(({ name }) => name === "wan")?.uplinks).toEqual(["wire1"]);
});

test("a switch takes adapters, which keep their names although the machine does not see them any more", async () => {
  const adapters = [adapter("wire1"), adapter("wire2")];
  const first = await startAgent(undefined, { adapters });
  await using admin = await first.login();
  const macs = async (by = admin) => (await info(by)).pnic?.map(({ device, mac }) => [device, mac]);
  const before = await macs();
  const [one, two] = (await info(admin)).pnic?.filter(({ driver }) => driver === "test").map(({ device }) => device) ?? [];
  const nicTeaming = { nicOrder: { activeNic: [two ?? ""], standbyNic: [one ?? ""] } };
  const bridge = { $type: "HostVirtualSwitchBondBridge", nicDevice: [one, two] } as never;
  await admin.call(SYSTEM, "AddVirtualSwitch", { vswitchName: "wan", spec: { numPorts: 8, bridge, policy: { nicTeaming } } });
  await addGroup("outside", { vswitchName: "wan" }, admin);
  await admin.call(SYSTEM, "RefreshNetworkSystem", {});
  expect(await macs()).toEqual(before);
  const { vswitch, portgroup } = await info(admin);
  const wan = vswitch?.find(({ name }) => name === "wan");
  expect(wan).toMatchObject({
    pnic: [`key-vim.host.PhysicalNic-${one}`, `key-vim.host.PhysicalNic-${two}`],
    spec: { bridge: { nicDevice: [one, two] } },
  });
  const outside = portgroup?.find(({ spec }) => spec.name === "outside");
  expect(outside?.computedPolicy.nicTeaming).toMatchObject({ policy: "loadbalance_srcid", nicOrder: nicTeaming.nicOrder });
  expect(outside?.spec.policy.nicTeaming?.nicOrder).toBeUndefined();
  expect(first.network().switches.find(({ name }) => name === "wan")?.uplinks).toEqual(["wire1", "wire2"]);
  await first.stop({ keepFolder: true });
  const second = await startAgent(first.folder, { adapters });
  await using again = await second.login();
  expect(await macs(again)).toEqual(before);
  await again.call(SYSTEM, "RemoveVirtualSwitch", { vswitchName: "wan" });
  expect(await macs(again)).toEqual(before);
  await second.stop();
});

test("what the host shows as its network configuration can be sent back whole", async () => {
  const before = (await read(client, SYSTEM, "networkConfig")) as HostNetworkConfig;
  await client.call(SYSTEM, "UpdateNetworkConfig", { config: before, changeMode: "replace" });
  expect(await read(client, SYSTEM, "networkConfig")).toEqual(before);
  const portgroup = [
    { changeOperation: "add", spec: group("one") },
    { changeOperation: "add", spec: group("VM Network") },
  ];
  const call = client.call(SYSTEM, "UpdateNetworkConfig", { config: { portgroup }, changeMode: "modify" });
  expect((await faultOf(call)).fault).toBe("AlreadyExists");
  expect(await read(client, SYSTEM, "networkConfig")).toEqual(before); // the first of the two has not stayed
});

test("a network is there as long as its port group, wherever networks are listed", async () => {
  await addGroup("a/b 100%");
  const lists = [
    [moRef("Folder", "ha-folder-network"), "childEntity"],
    [DATACENTER, "network"],
    [moRef("ComputeResource", "ha-compute-res"), "network"],
    [HOST, "network"],
  ] as const;
  for (const [ref, property] of lists) expect(namesOf(await read(client, ref, property)), ref.value).toContain("a/b 100%");
  const network = networkOf("a/b 100%");
  expect(await read(client, network, "name")).toBe("a%2fb 100%25");
  expect((await read(client, network, "summary")) as NetworkSummary).toMatchObject({ name: "a/b 100%", accessible: true, network });
  expect(
    await client.call(moRef("SearchIndex", "ha-searchindex"), "FindByInventoryPath", {
      inventoryPath: "ha-datacenter/network/a%2fb 100%25",
    }),
  ).toEqual(network);
  const target = await client.call(moRef("EnvironmentBrowser", "ha-env-browser"), "QueryConfigTarget", {});
  expect(target?.network?.map(({ name }) => name)).toEqual(["VM Network", "a/b 100%"]);
  await removeGroup("a/b 100%");
  for (const [ref, property] of lists) expect(namesOf(await read(client, ref, property)), ref.value).not.toContain("a/b 100%");
  expect((await faultOf(read(client, network, "name"))).fault).toBe("ManagedObjectNotFound");
});

test("who watches is told when a network comes and goes, and when a VM is connected to it", async () => {
  await using watcher = await host.login();
  const spec = {
    propSet: [
      { type: "Datacenter", pathSet: ["network"] },
      { type: "VirtualMachine", pathSet: ["network"] },
    ],
    objectSet: [{ obj: DATACENTER }],
  };
  await watcher.call(COLLECTOR, "CreateFilter", { spec, partialUpdates: false });
  const first = await watcher.call(COLLECTOR, "WaitForUpdatesEx", {});
  const waiting = watcher.call(COLLECTOR, "WaitForUpdatesEx", { version: first?.version ?? "", options: { maxWaitSeconds: 10 } });
  await addGroup("watched");
  const changed = (await waiting)?.filterSet?.[0]?.objectSet?.[0]?.changeSet?.[0];
  expect(JSON.stringify(changed?.val)).toContain("HaNetwork-watched");
  await removeGroup("watched");
});

test("VMs and networks name each other, and the adapter its network's object", async () => {
  await addGroup("guests");
  const vm = await vmWith("named", "guests", "VM Network");
  expect(namesOf(await read(client, vm, "network"))).toEqual(["guests", "VM Network"]);
  expect(await read(client, networkOf("guests"), "vm")).toEqual([vm]);
  const [card] = await cardsOf(vm);
  expect(card?.backing).toMatchObject({ deviceName: "guests", network: networkOf("guests") });
  await removeGroup("guests");
  expect(namesOf(await read(client, vm, "network"))).toEqual(["VM Network"]);
  const [orphan] = await cardsOf(vm);
  expect(orphan?.backing).toMatchObject({ deviceName: "guests" });
  expect(orphan?.backing).not.toHaveProperty("network");
});

test("a client cannot connect a VM to a network that is not there or is the host's own; a VM that comes with one is registered", async () => {
  for (const network of ["none", "Management Network"]) {
    const config = { name: "lost", memoryMB: 64, files: { vmPathName: "[datastore1]" }, deviceChange: [nic(network)] };
    const fault = await faultOf(client.call(VM_FOLDER, "CreateVM_Task", { config, pool: moRef("ResourcePool", "ha-root-pool") }));
    expect(fault, network).toMatchObject({ fault: "InvalidDeviceBacking", fields: { deviceIndex: 0 } });
  }
  const vm = await vmWith("comes", "VM Network");
  await client.call(vm, "UnregisterVM", {});
  const file = join(host.datastore, "comes", "comes.vmx");
  writeFileSync(file, readFileSync(file, "utf8").replace('"VM Network"', '"elsewhere"'));
  const task = await client.call(VM_FOLDER, "RegisterVM_Task", {
    path: "[datastore1] comes/comes.vmx",
    asTemplate: false,
    pool: moRef("ResourcePool", "ha-root-pool"),
  });
  const registered = (await succeeded(client, task)) as MoRef;
  expect(await read(client, registered, "network")).toEqual([]);
});

test("what a powered-on VM is connected to is neither removed nor renamed, and its cable shows whether it leads anywhere", async () => {
  await addGroup("busy");
  const vm = await vmWith("running", "busy", "VM Network");
  await succeeded(client, await client.call(vm, "PowerOnVM_Task", {}));
  expect((await cardsOf(vm)).map(({ connectable }) => connectable?.connected)).toEqual([true, true]);
  const fault = await faultOf(removeGroup("busy"));
  expect(fault).toMatchObject({ fault: "ResourceInUse", fields: { type: "HostPortGroup", name: "busy" } });
  expect(fault.message).toContain("running");
  expect((await faultOf(client.call(SYSTEM, "UpdatePortGroup", { pgName: "busy", portgrp: group("idle") }))).fault).toBe("HostConfigFault");
  expect((await faultOf(client.call(SYSTEM, "RemoveVirtualSwitch", { vswitchName: "vSwitch0" }))).fault).toBe("ResourceInUse");
  await succeeded(client, await client.call(vm, "PowerOffVM_Task", {}));
  await removeGroup("busy");
  await succeeded(client, await client.call(vm, "PowerOnVM_Task", {})); // with an adapter that names what is gone
  expect((await cardsOf(vm)).map(({ connectable }) => connectable?.connected)).toEqual([false, true]);
  await succeeded(client, await client.call(vm, "PowerOffVM_Task", {}));
});

test("a copied VM gets another address when the one that it came from runs, and people are told", async () => {
  const original = await vmWith("original", "VM Network");
  const [{ macAddress: mac } = { macAddress: "" }] = await cardsOf(original);
  const text = readFileSync(join(host.datastore, "original", "original.vmx"), "utf8").replaceAll('"original"', '"copy"');
  mkdirSync(join(host.datastore, "copy"));
  writeFileSync(join(host.datastore, "copy", "copy.vmx"), text);
  const asTemplate = false;
  const pool = moRef("ResourcePool", "ha-root-pool");
  const task = await client.call(VM_FOLDER, "RegisterVM_Task", { path: "[datastore1] copy/copy.vmx", asTemplate, pool });
  const copy = (await succeeded(client, task)) as MoRef<"VirtualMachine">;
  expect((await cardsOf(copy))[0]?.macAddress).toBe(mac);
  await succeeded(client, await client.call(original, "PowerOnVM_Task", {}));
  await succeeded(client, await client.call(copy, "PowerOnVM_Task", {}));
  const [card] = await cardsOf(copy);
  expect(card?.macAddress).toMatch(/^00:0c:29:/);
  expect(card?.macAddress).not.toBe(mac);
  const events = await client.call(moRef("EventManager", "ha-eventmgr"), "QueryEvents", { filter: { eventTypeId: ["VmMacChangedEvent"] } });
  expect(events).toMatchObject([{ oldMac: mac, newMac: card?.macAddress, adapter: "Network adapter 1", vm: { vm: copy } }]);
  for (const vm of [original, copy]) await succeeded(client, await client.call(vm, "PowerOffVM_Task", {}));
});

test("VMs that are off follow their port group to its new name, and so does what is permitted on it", async () => {
  await addGroup("old");
  const vm = await vmWith("follows", "old");
  const permission = [{ entity: networkOf("old"), principal: `role${READ_ONLY}`, group: false, roleId: -5, propagate: true }];
  const authorization = moRef("AuthorizationManager", "ha-authmgr");
  await client.call(authorization, "SetEntityPermissions", { entity: networkOf("old"), permission });
  await client.call(SYSTEM, "UpdatePortGroup", { pgName: "old", portgrp: group("new") });
  expect(namesOf(await read(client, vm, "network"))).toEqual(["new"]);
  expect(readFileSync(join(host.datastore, "follows", "follows.vmx"), "utf8")).toContain('ethernet0.networkName = "new"');
  await using reader = await host.login(READ_ONLY);
  expect((await faultOf(read(reader, networkOf("new"), "name"))).fault).toBe("NoPermission");
  await removeGroup("new");
  await addGroup("new");
  expect(await read(reader, networkOf("new"), "name")).toBe("new"); // another one of the same name is nobody's to inherit from
  await removeGroup("new");
});

test("a firewall is set on an adapter, kept when the VM leaves and comes back, and refused when it cannot be read", async () => {
  const vm = await vmWith("guarded", "VM Network");
  const set = (key: string, value: string) =>
    client.call(vm, "ReconfigVM_Task", { spec: { extraConfig: [{ key, value: { anyType: "string", value } }] } });
  await succeeded(client, await set("ethernet0.firewall.rule0", "in allow tcp local-port 22"));
  const fault = await faultOf(set("ethernet0.firewall.rule1", "in allow tpc"));
  expect(fault).toMatchObject({ fault: "InvalidVmConfig", fields: { property: "ethernet0.firewall.rule1" } });
  expect(fault.message).toContain("tpc");
  await client.call(vm, "UnregisterVM", {});
  const path = "[datastore1] guarded/guarded.vmx";
  const task = await client.call(VM_FOLDER, "RegisterVM_Task", { path, asTemplate: false, pool: moRef("ResourcePool", "ha-root-pool") });
  const { extraConfig } = (await read(client, (await succeeded(client, task)) as MoRef, "config")) as VirtualMachineConfigInfo;
  const entry = extraConfig?.find(({ key }) => key === "ethernet0.firewall.rule0");
  expect(entry?.value).toMatchObject({ value: "in allow tcp local-port 22" });
});

const ipOf = (ipAddress: string, subnetMask = "255.255.255.0") => ({ ip: { dhcp: false, ipAddress, subnetMask } });
const addNic = (portgroup: string, nic: object, by = client) => by.call(SYSTEM, "AddVirtualNic", { portgroup, nic });
const updateNic = (device: string, nic: object) => client.call(SYSTEM, "UpdateVirtualNic", { device, nic });
const removeNic = (device: string, by = client) => by.call(SYSTEM, "RemoveVirtualNic", { device });
const choiceOf = async (nicType: string, by = client) =>
  ((await read(by, NIC_MANAGER, "info")) as HostVirtualNicManagerInfo).netConfig?.find((one) => one.nicType === nicType);

test("the host gets interfaces of its own, each the lowest name that is free, on port groups that VMs do not see then", async () => {
  for (const name of ["vmk a", "vmk b"]) await addGroup(name, { vlanId: 5 });
  expect(namesOf(await read(client, DATACENTER, "network"))).toContain("vmk a");
  expect(await addNic("vmk a", ipOf("192.0.2.1"))).toBe("vmk0");
  expect(await addNic("vmk b", { ...ipOf("192.0.2.65", "255.255.255.192"), mac: "00:50:56:01:02:03", mtu: 9000 })).toBe("vmk1");
  expect(namesOf(await read(client, DATACENTER, "network"))).not.toContain("vmk a");
  const [zero, one] = (await info()).vnic ?? [];
  expect(zero).toMatchObject({ device: "vmk0", key: "key-vim.host.VirtualNic-vmk0", portgroup: "vmk a" });
  expect(zero?.spec).toMatchObject({ ...ipOf("192.0.2.1"), mtu: 1500, netStackInstanceKey: "defaultTcpipStack", portgroup: "vmk a" });
  expect(zero?.spec.mac).toMatch(/^00:50:56:6/);
  expect(one?.spec).toMatchObject({ ...ipOf("192.0.2.65", "255.255.255.192"), mac: "00:50:56:01:02:03", mtu: 9000 });
  expect(host.network().hostNics).toMatchObject([
    { device: "vmk0", portGroup: "vmk a", ip: [{ kind: "static", address: "192.0.2.1", prefixLength: 24 }] },
    { device: "vmk1", mtu: 9000, ip: [{ prefixLength: 26 }] },
  ]);
  const config = (await read(client, SYSTEM, "networkConfig")) as HostNetworkConfig;
  expect(config.vnic?.map(({ device, portgroup }) => [device, portgroup])).toEqual([["vmk0", "vmk a"], ["vmk1", "vmk b"]]); // biome-ignore format: a row
  await client.call(SYSTEM, "UpdateNetworkConfig", { config, changeMode: "replace" });
  await removeNic("vmk0");
  await updateNic("vmk1", { portgroup: "vmk a", ...ipOf("192.0.2.9") });
  expect(await addNic("vmk b", {})).toBe("vmk0");
  for (const device of ["vmk0", "vmk1"]) await removeNic(device);
  expect((await info()).vnic ?? []).toEqual([]);
  expect(namesOf(await read(client, DATACENTER, "network"))).toContain("vmk a");
  for (const name of ["vmk a", "vmk b"]) await removeGroup(name);
  expect(await latestMessages()).toContain("Virtual network adapter vmk0 was added on vmk a");
});

test("an interface has addresses of IPv6 beside the other, which come and go by themselves", async () => {
  const ipv6 = (ipAddress: string, operation?: string) => ({ ipAddress, prefixLength: 64, ...(operation && { operation }) });
  const shown = async () => (await info()).vnic?.[0]?.spec.ip?.ipV6Config?.ipV6Address?.map(({ ipAddress }) => ipAddress) ?? [];
  const ip = (...ipV6Address: readonly object[]) => ({ ip: { ...ipOf("192.0.2.1").ip, ipV6Config: { ipV6Address } } });
  await addNic("Management Network", ip(ipv6("2001:DB8::1")));
  await updateNic("vmk0", ip(ipv6("2001:db8::2", "add")));
  expect(await shown()).toEqual(["2001:db8::1", "2001:db8::2"]);
  await updateNic("vmk0", ip(ipv6("2001:db8::1", "remove")));
  await updateNic("vmk0", ipOf("192.0.2.2"));
  expect(await shown()).toEqual(["2001:db8::2"]);
  await removeNic("vmk0");
});

test("an interface that cannot be is refused by name, and nothing is changed", async () => {
  await addGroup("vmk c");
  await addNic("Management Network", ipOf("192.0.2.1"));
  const before = [await info(), await read(client, SYSTEM, "networkConfig")];
  const invalid = (invalidProperty: string) => ({ fault: "InvalidArgument", fields: { invalidProperty } });
  const rows: readonly (readonly [() => Promise<unknown>, object])[] = [
    [() => addNic("Management Network", {}), { fault: "AlreadyExists", fields: { name: "Management Network" } }],
    [() => addNic("none", {}), { fault: "InvalidArgument", fields: { invalidProperty: "portgroup" } }],
    [() => addNic("vmk c", ipOf("192.0.2.1")), invalid("nic.ip")],
    [() => addNic("vmk c", ipOf("192.0.2")), invalid("nic.ip.ipAddress")],
    [() => addNic("vmk c", ipOf("192.0.2.2", "255.0.255.0")), invalid("nic.ip.subnetMask")],
    [() => addNic("vmk c", { mtu: 70_000 }), invalid("nic.mtu")],
    [() => addNic("vmk c", { mac: "01:00:5e:00:00:01" }), invalid("nic.mac")],
    [() => addNic("vmk c", { netStackInstanceKey: "none" }), invalid("nic.netStackInstanceKey")],
    [() => addNic("vmk c", { ip: { dhcp: false, ipV6Config: { dhcpV6Enabled: true } } }), { fault: "NotSupported" }],
    [() => updateNic("vmk9", {}), { fault: "NotFound" }],
    [() => updateNic("vmk0", { netStackInstanceKey: "vmotion" }), invalid("nic.netStackInstanceKey")],
    [() => removeNic("vmk9"), { fault: "NotFound" }],
    [() => removeGroup("Management Network"), { fault: "ResourceInUse", fields: { type: "HostPortGroup", name: "Management Network" } }],
    [() => client.call(SYSTEM, "RemoveVirtualSwitch", { vswitchName: "vSwitch0" }), { fault: "ResourceInUse" }],
    [() => client.call(SYSTEM, "UpdatePortGroup", { pgName: "Management Network", portgrp: group("Other") }), { fault: "HostConfigFault" }],
  ];
  for (const [attempt, expected] of rows) expect(await faultOf(attempt())).toMatchObject(expected);
  expect([await info(), await read(client, SYSTEM, "networkConfig")]).toEqual(before);
  await removeNic("vmk0");
  await removeGroup("vmk c");
});

test("a port group that running VMs are connected to gets no interface of the host", async () => {
  await addGroup("shared");
  const vm = await vmWith("neighbour", "shared");
  await succeeded(client, await client.call(vm, "PowerOnVM_Task", {}));
  expect(await faultOf(addNic("shared", {}))).toMatchObject({
    fault: "HostConfigFault",
    message: expect.stringContaining("shared is in use"),
  });
  await succeeded(client, await client.call(vm, "PowerOffVM_Task", {}));
  await removeGroup("shared");
});

test("interfaces are chosen for what they are for; the last one for management stays, and a netstack of one service has no other", async () => {
  const choose = (nicType: string, device: string, method: "SelectVnicForNicType" | "DeselectVnicForNicType" = "SelectVnicForNicType") =>
    client.call(NIC_MANAGER, method, { nicType, device });
  await addGroup("moving");
  await addNic("Management Network", {});
  await addNic("moving", { netStackInstanceKey: "vmotion" });
  await choose("management", "vmk0");
  await choose("vsan", "vmk0");
  await choose("vsan", "vmk0", "DeselectVnicForNicType");
  expect((await choiceOf("management"))?.selectedVnic).toEqual(["management.key-vim.host.VirtualNic-vmk0"]);
  expect((await choiceOf("management"))?.candidateVnic).toMatchObject([{ device: "vmk0", key: "management.key-vim.host.VirtualNic-vmk0" }]);
  expect((await choiceOf("vsan"))?.selectedVnic ?? []).toEqual([]);
  expect((await choiceOf("vmotion"))?.selectedVnic).toEqual(["VMotionConfig.vmotion.key-vim.host.VirtualNic-vmk1"]);
  const invalid = (invalidProperty: string) => ({ fault: "InvalidArgument", fields: { invalidProperty } });
  expect(await faultOf(choose("management", "vmk1"))).toMatchObject(invalid("device"));
  expect(await faultOf(choose("vsan", "vmk9"))).toMatchObject(invalid("device"));
  expect(await faultOf(choose("carrierPigeon", "vmk0"))).toMatchObject(invalid("nicType"));
  expect((await faultOf(choose("management", "vmk0", "DeselectVnicForNicType"))).fault).toBe("HostConfigFault");
  expect(await faultOf(removeNic("vmk0"))).toMatchObject({ fault: "HostConfigFault", message: expect.stringContaining("vmk0 is in use") });
  expect((await info()).netStackInstance?.map(({ key }) => key)).toEqual(["defaultTcpipStack", "vmotion", "vSphereProvisioning"]);
});

test("the next host agent has the interfaces of the last one, with what they were chosen for", async () => {
  const first = await startAgent();
  await using admin = await first.login();
  await addNic("Management Network", ipOf("192.0.2.1"), admin);
  await admin.call(NIC_MANAGER, "SelectVnicForNicType", { nicType: "management", device: "vmk0" });
  const told = first.network().hostNics;
  await first.stop({ keepFolder: true });
  const second = await startAgent(first.folder);
  await using again = await second.login();
  expect(second.network().hostNics).toEqual(told);
  expect((await choiceOf("management", again))?.selectedVnic).toEqual(["management.key-vim.host.VirtualNic-vmk0"]);
  await second.stop();
});

test("who may only read changes no network", async () => {
  await using reader = await host.login(READ_ONLY);
  expect((await info(reader)).vswitch).toHaveLength(1);
  const fault = await faultOf(addGroup("x", {}, reader));
  expect(fault).toMatchObject({ fault: "NoPermission", fields: { privilegeId: "Host.Config.Network" } });
});

test("whether guests may speak as switches do is an advanced setting, which is set when the switches have it", async () => {
  const set = (value: number) =>
    client.call(moRef("OptionManager", "ha-adv-options"), "UpdateOptions", {
      changedValue: [{ $type: "OptionValue", key: "Net.BlockGuestBPDU", value: { anyType: "int", value } }],
    });
  const blocks = () => host.network().switches.map(({ policy }) => policy.security.blockSwitchProtocols);
  expect(blocks()).not.toContain(false);
  await set(0);
  expect(blocks()).not.toContain(true);
  await addGroup("speaks");
  expect(blocks()).not.toContain(true);
  await removeGroup("speaks");
  await set(1);
  expect(blocks()).not.toContain(false);
});

test("an interface asks for its address, follows routers, and has a way on; the host asks the name servers that are set", async () => {
  await addGroup("vmk d");
  const device = await addNic("vmk d", { ip: { dhcp: true, ipV6Config: { autoConfigurationEnabled: true } } });
  await client.call(SYSTEM, "UpdateIpRouteConfig", { config: { defaultGateway: "192.0.2.1", gatewayDevice: device } });
  const route = { network: "10.0.0.0", prefixLength: 8, gateway: "192.0.2.2" };
  const change = (changeOperation: string) => ({ config: { ipRoute: [{ changeOperation, route }] } });
  await client.call(SYSTEM, "UpdateIpRouteTableConfig", change("add"));
  const dns = (await read(client, SYSTEM, "dnsConfig")) as HostDnsConfig;
  await client.call(SYSTEM, "UpdateDnsConfig", { config: { ...dns, address: ["192.0.2.53"], searchDomain: ["lab.example.org"] } });
  expect(host.network()).toMatchObject({
    hostRoutes: [
      { netstack: "defaultTcpipStack", destination: "0.0.0.0/0", gateway: "192.0.2.1", device },
      { netstack: "defaultTcpipStack", destination: "10.0.0.0/8", gateway: "192.0.2.2" },
    ],
    resolver: { nameServers: ["192.0.2.53"], searchDomains: ["lab.example.org"] },
  });
  expect(host.network().hostNics?.at(-1)).toMatchObject({ device, ip: [], dhcp: true, autoconf: true });
  const { vnic, ipRouteConfig, routeTableInfo, dnsConfig } = await info();
  expect(vnic?.find((one) => one.device === device)?.spec.ip).toMatchObject({ dhcp: true, ipV6Config: { autoConfigurationEnabled: true } });
  expect(ipRouteConfig).toMatchObject({ defaultGateway: "192.0.2.1", gatewayDevice: device });
  expect(routeTableInfo?.ipRoute).toMatchObject([{ network: "0.0.0.0" }, route]);
  expect(dnsConfig).toMatchObject({ dhcp: false, address: ["192.0.2.53"], searchDomain: ["lab.example.org"] });
  await client.call(SYSTEM, "UpdateIpRouteTableConfig", change("remove"));
  await client.call(SYSTEM, "UpdateDnsConfig", { config: { ...dns, address: [], searchDomain: [] } });
  await removeNic(device);
  await removeGroup("vmk d");
  expect(host.network().hostRoutes).toEqual([]);
  expect(host.network().resolver).toBeUndefined();
});

test("the next host agent has the network that the last one made, and tells vmkernel again", async () => {
  const first = await startAgent();
  await using admin = await first.login();
  await addGroup("kept", { vlanId: 9 }, admin);
  await addGroup("trunk", { vlanId: 4095 }, admin);
  const trunk = { portgroupname: "trunk" };
  await esxcli(admin, "bulkhead network portgroup trunk set", { ...trunk, ranges: "10-19" });
  const rates = { avgbandwidth: "1000", peakbandwidth: "2000", burstsize: "64" };
  await esxcli(admin, "bulkhead network portgroup inbound set", { ...trunk, enabled: "true", ...rates });
  await first.stop({ keepFolder: true });
  const second = await startAgent(first.folder);
  await using again = await second.login();
  expect((await info(again)).portgroup?.find(({ spec }) => spec.name === "kept")?.spec.vlanId).toBe(9);
  expect(second.network().switches[0]?.portGroups.map(({ name }) => name)).toContain("kept");
  expect(second.network().switches[0]?.portGroups.find(({ name }) => name === "trunk")).toMatchObject({
    trunk: [{ first: 10, last: 19 }],
    overrides: { shaping: { inbound: { enabled: true, averageBandwidth: 1_000_000, peakBandwidth: 2_000_000, burstSize: 65_536 } } },
  });
  await second.stop();
});

test("what vmkernel does not take is not stored, and the client is told why", async () => {
  await using other = { host: await startAgent(), [Symbol.asyncDispose]: () => other.host.stop() };
  await using admin = await other.host.login();
  const before = await info(admin);
  other.host.refuseNetworks("the kernel has no room for programs");
  const fault = await faultOf(addGroup("x", {}, admin));
  expect(fault.fault).toBe("HostConfigFault");
  expect(fault.message).toContain("no room for programs");
  expect(await info(admin)).toEqual(before);
});
