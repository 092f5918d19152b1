import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { hostPaths } from "../src/base/index.ts";
import { managementClaims } from "../src/evidence/claims/management.ts";
import type { Observation } from "../src/evidence/observe.ts";
import { observeManagement } from "../src/evidence/observe-management.ts";
import { moRef, type VimClient } from "../src/interfaces/index.ts";
import { findLink, inNamespace, listAddresses, listRoutes, pathSeenBy, sendFrame } from "../src/system/index.ts";
import { networkNamespace } from "../src/vmkernel/index.ts";
import { lldpFrame } from "../src/wire/discovery/discovery.fixture.ts";
import type { Event, HostNetworkInfo, HostVirtualSwitchSpec } from "../src/wire/index.ts";
import { startHost, type TestHost, waitFor } from "./harness.ts";
import { MachineNetwork } from "./machine-network.fixture.ts";
import { read } from "./vm.ts";

/** A whole host on a network of its own, of which the adapter is taken by which it is managed. */
const SYSTEM = moRef("HostNetworkSystem", "networkSystem");
const NIC_MANAGER = moRef("HostVirtualNicManager", "ha-vnic-mgr");
const EVENTS = moRef("EventManager", "ha-eventmgr");
const OPTIONS = moRef("OptionManager", "ha-adv-options");
const SET_UP_MS = 90_000;
const ADDRESS = "198.51.100.2";

describe.skipIf(process.getuid?.() !== 0)("a host that is managed over the network", () => {
  let network: MachineNetwork;
  let host: TestHost;
  let client: VimClient;

  beforeAll(async () => {
    network = new MachineNetwork([
      { name: "eth0", address: `${ADDRESS}/24`, farAddress: "198.51.100.1/24", isDefault: true },
      { name: "eth1", address: "203.0.113.2/24", farAddress: "203.0.113.1/24" },
    ]);
    host = await startHost({ within: network.within, address: ADDRESS });
    client = await host.login();
    await setRollback(2);
  }, SET_UP_MS);
  afterAll(async () => {
    client?.close();
    await host?.stop();
    network?.[Symbol.dispose]();
  });

  const setRollback = (value: number) =>
    client.call(OPTIONS, "UpdateOptions", {
      changedValue: [{ $type: "OptionValue", key: "Config.HostAgent.network.rollbackTimeout", value: { anyType: "int", value } }],
    });
  const bond = (...nicDevice: readonly string[]) =>
    ({ numPorts: 128, bridge: { $type: "HostVirtualSwitchBondBridge", nicDevice } }) as HostVirtualSwitchSpec;
  const take = (...devices: readonly string[]) =>
    client.call(SYSTEM, "UpdateVirtualSwitch", { vswitchName: "vSwitch0", spec: bond(...devices) });
  const uplinks = async () => ((await read(client, SYSTEM, "networkInfo")) as HostNetworkInfo).vswitch?.flatMap(({ pnic }) => pnic ?? []);
  const ofMachine = (name: string) =>
    inNamespace(network.machine, () => {
      try {
        return [listAddresses(name).filter((one) => !one.startsWith("fe80")), listRoutes(name)];
      } catch (cause) {
        if (findLink(name)) throw cause;
        return undefined; // it may have gone between the two
      }
    });
  const rollbacks = async () => {
    const events = await client.call(EVENTS, "QueryEvents", { filter: { eventTypeId: ["NetworkRollbackEvent"] } });
    return ((events ?? []) as readonly Event[]).map((event) => (event as Event & { methodName: string }).methodName);
  };
  /** Of the claims about how the host is managed over its network. */
  const evidence = async (vmkernelPid: number) => {
    const vmkernel = await host.vmkernel();
    const { network: networkFolder, hostdState } = hostPaths(host.root);
    const namespace = pathSeenBy(vmkernelPid, networkNamespace(networkFolder));
    const places = { database: `${hostdState}/hostd.db`, namespace, port: host.port };
    const management = await observeManagement(places, () => vmkernel.request({ kind: "readNetworkState" })).finally(() =>
      vmkernel.close(),
    );
    return managementClaims.map((claim) => claim.judge({ management } as Observation));
  };
  const reconnect = async () => {
    client.close();
    const isIn = async () => {
      client = await host.login();
      return true;
    };
    await waitFor(() => isIn().catch(() => false), 60_000, 300);
  };

  test("keeps a change that leaves its manager connected", async () => {
    await take("vmnic1");
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(await uplinks()).toEqual(["key-vim.host.PhysicalNic-vmnic1"]);
    await new Promise((resolve) => setTimeout(resolve, 2500));
    expect([await uplinks(), await rollbacks()]).toEqual([["key-vim.host.PhysicalNic-vmnic1"], []]);
    expect(ofMachine("eth1")).toBeUndefined();
  });

  test("shows what the switch at its adapter tells of itself, by the protocol that is listened to", async () => {
    const spec = bond("vmnic1");
    const linkDiscoveryProtocolConfig = { protocol: "lldp", operation: "listen" };
    await client.call(SYSTEM, "UpdateVirtualSwitch", {
      vswitchName: "vSwitch0",
      spec: { ...spec, bridge: { ...spec.bridge, linkDiscoveryProtocolConfig } as never },
    });
    const hint = async () => {
      sendFrame("far-eth1", lldpFrame());
      return (await client.call(SYSTEM, "QueryNetworkHint", { device: ["vmnic1"] }))?.[0];
    };
    await expect.poll(hint, { timeout: 10_000, interval: 200 }).toMatchObject({ device: "vmnic1", lldpInfo: { portId: "Ethernet1/7" } });
    expect((await client.call(SYSTEM, "QueryNetworkHint", { device: ["vmnic0"] }))?.[0]?.lldpInfo).toBeUndefined();
  });

  test("goes back to the network that it had when the change cut its manager off, kill -9 of hostd and vmkernel meanwhile or not", async () => {
    const before = ofMachine("eth0");
    expect(before).toEqual([[`${ADDRESS}/24`], [{ destination: "0.0.0.0/0", gateway: "198.51.100.1" }]]);
    take("vmnic0").catch(() => {}); // its answer has no way back
    await waitFor(() => ofMachine("eth0") === undefined, 10_000, 20);
    const pids = await host.pids();
    // Once it is stored; before that, the old network is made again without a word.
    await new Promise((resolve) => setTimeout(resolve, 500));
    for (const pid of [pids.vmkernel, pids.hostd]) process.kill(pid, "SIGKILL");
    await reconnect();
    expect(ofMachine("eth0")).toEqual(before);
    await waitFor(async () => (await rollbacks()).length > 0, 10_000, 200);
    expect([await uplinks(), await rollbacks()]).toEqual([["key-vim.host.PhysicalNic-vmnic1"], ["UpdateVirtualSwitch"]]);
  });

  test("is managed by an interface of its own, which takes the place of the adapter's, and goes back when that one is cut off", async () => {
    const mac = inNamespace(network.machine, () => findLink("eth0")?.mac ?? "");
    const ip = { dhcp: false, ipAddress: ADDRESS, subnetMask: "255.255.255.0" };
    const device = await client.call(SYSTEM, "AddVirtualNic", { portgroup: "Management Network", nic: { ip, mac } });
    await client.call(NIC_MANAGER, "SelectVnicForNicType", { nicType: "management", device });
    await setRollback(20);
    take("vmnic0").catch(() => {});
    await waitFor(() => ofMachine("eth0") === undefined, 10_000, 20);
    await reconnect();
    expect([await uplinks(), (await rollbacks()).length]).toEqual([["key-vim.host.PhysicalNic-vmnic0"], 1]);

    await setRollback(2);
    const onVlan = (vlanId: number) => ({ name: "Management Network", vlanId, vswitchName: "vSwitch0", policy: {} });
    client.call(SYSTEM, "UpdatePortGroup", { pgName: "Management Network", portgrp: onVlan(99) }).catch(() => {});
    await new Promise((resolve) => setTimeout(resolve, 1000));
    await reconnect();
    expect(await rollbacks()).toHaveLength(2);
    const { portgroup } = (await read(client, SYSTEM, "networkInfo")) as HostNetworkInfo;
    expect(portgroup?.find(({ spec }) => spec.name === "Management Network")?.spec.vlanId).toBe(0);
  });

  test("shows which change waits for its manager, turns red when it should have gone back and has not, and green when it has", async () => {
    const { hostd, vmkernel } = await host.pids();
    const before = await evidence(vmkernel);
    expect(before.flatMap(({ facts }) => facts).filter((fact) => fact.startsWith("NOT SO"))).toEqual([]);
    expect(before[1]?.facts[0]).toMatch(/: vmk0 chosen for management, 1 sockets listen/);
    const portgrp = { name: "Management Network", vlanId: 98, vswitchName: "vSwitch0", policy: {} };
    client.call(SYSTEM, "UpdatePortGroup", { pgName: "Management Network", portgrp }).catch(() => {});
    const says = (text: string) => async () => (await evidence(vmkernel))[0]?.facts.some((fact) => fact.includes(text)) === true;
    await waitFor(says("UpdatePortGroup goes back in"), 10_000, 20);
    process.kill(hostd, "SIGSTOP");
    try {
      await waitFor(says("NOT SO: UpdatePortGroup should have gone back"), 20_000, 300);
    } finally {
      process.kill(hostd, "SIGCONT");
    }
    await waitFor(says("no change waits"), 20_000, 100);
    expect((await evidence(vmkernel)).map(({ verdict }) => verdict)).toEqual(["pass", "pass"]);
    await reconnect();
    expect(await rollbacks()).toHaveLength(3);
  });
});
