import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { beforeAll, expect, test } from "vitest";
import { moRef } from "../src/interfaces/index.ts";
import { readClockDiscipline, readMachine } from "../src/system/index.ts";
import {
  type HostConfigInfo,
  type HostConnectInfo,
  type HostDateTimeInfo,
  type HostDateTimeSystemTimeZone,
  type HostHardwareInfo,
  type HostNetworkInfo,
  type HostStorageDeviceInfo,
  type MoRef,
  managedObjectType,
} from "../src/wire/index.ts";
import { faultOf, useAgent } from "./agent.fixture.ts";
import { read } from "./vm.ts";

/** The host's managers: what they tell is this machine's own, and what they do not do they refuse by name. */
const HOST = moRef("HostSystem", "ha-host");
const READ_ONLY = -2;
const NO_ACCESS = -5;

const { host, client } = await useAgent();
let managers: Readonly<Record<string, MoRef>>;

beforeAll(async () => {
  managers = (await read(client, HOST, "configManager")) as Readonly<Record<string, MoRef>>;
});

/** Any method, by its name. */
function call(ref: MoRef | undefined, method: string, args: object = {}, by = client): Promise<unknown> {
  if (ref === undefined) throw new Error("the host has no such manager");
  return (by.call as (ref: MoRef, method: string, args: object) => Promise<unknown>).call(by, ref, method, args);
}

test("each manager is there under the id that ESXi gives it, and each of its properties can be read", async () => {
  expect(Object.fromEntries(Object.entries(managers).map(([name, { value }]) => [name, value]))).toMatchObject({
    networkSystem: "networkSystem",
    storageSystem: "storageSystem",
    datastoreSystem: "ha-datastoresystem",
    virtualNicManager: "ha-vnic-mgr",
    certificateManager: "ha-certificate-manager",
    snmpSystem: "ha-snmp-agent",
  });
  for (const ref of Object.values(managers).filter((value) => typeof value === "object")) {
    const specSet = [{ propSet: [{ type: ref.type, all: true }], objectSet: [{ obj: ref }] }];
    const answer = await client.call(moRef("PropertyCollector", "ha-property-collector"), "RetrieveProperties", { specSet });
    expect(answer?.[0]?.missingSet ?? [], ref.type).toEqual([]);
  }
});

test("the network is the machine's: its adapters, its name servers, its way out", async () => {
  const { nics, resolver, defaultGateway } = await readMachine();
  const network = (await read(client, managers.networkSystem as MoRef, "networkInfo")) as HostNetworkInfo;
  expect(network.pnic?.map(({ device }) => device) ?? []).toEqual(nics.map((_, index) => `vmnic${index}`));
  expect((network.pnic ?? []).map(({ mac }) => mac).toSorted()).toEqual(nics.map(({ mac }) => mac).toSorted());
  expect(network.dnsConfig).toMatchObject({ hostName: "host1", domainName: "" });
  expect(network.dnsConfig?.address ?? []).toEqual(resolver.nameServers);
  expect(network.ipRouteConfig?.defaultGateway).toBe(defaultGateway?.address);
  const config = (await read(client, HOST, "config")) as HostConfigInfo;
  expect(config.network).toEqual(network);
  const hints = (await call(managers.networkSystem, "QueryNetworkHint")) as readonly { device: string }[];
  expect(hints.map(({ device }) => device)).toEqual(nics.map((_, index) => `vmnic${index}`));
  expect((await faultOf(call(managers.networkSystem, "QueryNetworkHint", { device: ["vmnic99"] }))).fault).toBe("NotFound");
});

test("the storage is the machine's: each disk at its controller", async () => {
  const { disks } = await readMachine();
  const storage = (await read(client, managers.storageSystem as MoRef, "storageDeviceInfo")) as HostStorageDeviceInfo;
  const luns = storage.scsiLun ?? [];
  expect(luns.map(({ canonicalName }) => canonicalName)).toEqual(disks.map(({ name }) => name));
  const capacities = luns.map((lun) =>
    "capacity" in lun ? (lun.capacity as { block: number; blockSize: number }) : { block: 0, blockSize: 0 },
  );
  expect(capacities.map(({ block, blockSize }) => block * blockSize)).toEqual(disks.map(({ sizeBytes }) => sizeBytes));
  const linked = (storage.scsiTopology?.adapter ?? []).flatMap(({ target }) =>
    (target ?? []).flatMap(({ lun }) => (lun ?? []).map(({ scsiLun }) => scsiLun)),
  );
  expect((storage.multipathInfo?.lun ?? []).map(({ lun }) => lun).toSorted()).toEqual(linked.toSorted());
  expect(linked.toSorted()).toEqual(luns.map(({ key }) => key).toSorted());
  await call(managers.storageSystem, "RescanAllHba");
  await call(managers.storageSystem, "RescanVmfs");
  await call(managers.storageSystem, "RefreshStorageSystem");
});

test("the hardware is the machine's: its PCI devices, by their numbers", async () => {
  const { pciDevices } = await readMachine();
  const hardware = (await read(client, HOST, "hardware")) as HostHardwareInfo;
  expect(hardware.pciDevice?.map(({ id }) => id) ?? []).toEqual(pciDevices.map(({ address }) => address));
  expect(hardware.pciDevice?.map(({ vendorId }) => vendorId & 0xffff) ?? []).toEqual(pciDevices.map(({ vendorId }) => vendorId));
  expect(await read(client, managers.pciPassthruSystem as MoRef, "pciPassthruInfo")).toHaveLength(pciDevices.length);
  await call(managers.pciPassthruSystem, "Refresh");
  await call(managers.networkSystem, "RefreshNetworkSystem");
});

test("the clock is the machine's, in the zone that it is set to", async () => {
  const now = (await call(managers.dateTimeSystem, "QueryDateTime")) as Date;
  expect(Math.abs(now.getTime() - Date.now())).toBeLessThan(60_000);
  const zones = (await call(managers.dateTimeSystem, "QueryAvailableTimeZones")) as readonly HostDateTimeSystemTimeZone[];
  const { timeZone } = (await read(client, managers.dateTimeSystem as MoRef, "dateTimeInfo")) as HostDateTimeInfo;
  expect(zones).toEqual([timeZone]);
  expect(timeZone.key).toBe((await readMachine()).timeZone);
  await call(managers.dateTimeSystem, "RefreshDateTimeSystem");
  await call(managers.dateTimeSystem, "UpdateDateTimeConfig", { config: { timeZone: timeZone.key, ntpConfig: { server: [] } } });
  const change = (config: object) => faultOf(call(managers.dateTimeSystem, "UpdateDateTimeConfig", { config }));
  for (const config of [{ timeZone: "Mars/Base" }, { ntpConfig: { server: ["10.0.0.1"] } }, { enabled: false }, { protocol: "ptp" }]) {
    expect((await change(config)).fault, JSON.stringify(config)).toBe("HostConfigFault");
  }
  const set = { dateTime: new Date(Date.UTC(2001, 0, 1)) };
  expect((await faultOf(call(managers.dateTimeSystem, "UpdateDateTime", set))).fault).toBe("HostConfigFault");
  expect(Date.now()).toBeGreaterThan(set.dateTime.getTime());
  const { workingNormally, report } = (await call(managers.dateTimeSystem, "TestTimeService")) as {
    workingNormally: boolean;
    report: string[];
  };
  expect(report[0]).toContain(workingNormally ? "is kept right by a time service" : "No time service");
  expect(workingNormally).toBe(readClockDiscipline().isSynchronized);
  await call(managers.powerSystem, "ConfigurePowerPolicy", { key: 0 });
  expect((await faultOf(call(managers.powerSystem, "ConfigurePowerPolicy", { key: 1 }))).fault).toBe("HostConfigFault");
});

test("the certificate is the one that clients see", async () => {
  const [certificate] = (await call(managers.certificateManager, "RetrieveCertificateInfoList")) as readonly {
    subject: string;
    status: string;
  }[];
  expect(certificate).toMatchObject({ kind: "Machine", status: "good", subject: expect.stringContaining("CN=host1") });
  expect(await call(managers.certificateManager, "ListCACertificates")).toEqual([]);
  expect(await call(managers.certificateManager, "ListCACertificateRevocationLists")).toEqual([]);
});

test("who has access is told: the root folder's permissions", async () => {
  const entries = (await call(managers.hostAccessManager, "RetrieveHostAccessControlEntries")) as readonly {
    principal: string;
    accessMode: string;
  }[];
  const modes = Object.fromEntries(entries.map(({ principal, accessMode }) => [principal, accessMode]));
  expect(modes).toMatchObject({ root: "accessAdmin", [`role${READ_ONLY}`]: "accessReadOnly", [`role${NO_ACCESS}`]: "accessNoAccess" });
  expect(await read(client, managers.hostAccessManager as MoRef, "lockdownMode")).toBe("lockdownDisabled");
  for (const method of ["QuerySystemUsers", "QueryLockdownExceptions"]) expect(await call(managers.hostAccessManager, method)).toEqual([]);
});

test("QueryNetConfig knows what interfaces are for, and that there is none to choose", async () => {
  expect(await call(managers.virtualNicManager, "QueryNetConfig", { nicType: "vmotion" })).toMatchObject({
    nicType: "vmotion",
    multiSelectAllowed: true,
  });
  expect(await faultOf(call(managers.virtualNicManager, "QueryNetConfig", { nicType: "carrierPigeon" }))).toMatchObject({
    fault: "InvalidArgument",
    fields: { invalidProperty: "nicType" },
  });
});

test("what a management server asks before it takes the host on is what the caller may see", async () => {
  const info = (await call(HOST, "QueryHostConnectionInfo")) as HostConnectInfo;
  expect(info.host.config.name).toBe("host1");
  expect(info.datastore?.map(({ summary }) => summary.name)).toEqual(["datastore1"]);
  expect(info.network?.map(({ summary }) => summary.name)).toEqual(["VM Network"]);
  expect(await call(HOST, "RetrieveHardwareUptime")).toBeGreaterThan(0);
  expect(await call(managers.graphicsManager, "IsSharedGraphicsActive")).toBe(false);
  expect(await call(managers.imageConfigManager, "fetchSoftwarePackages")).toEqual([]);
});

test("a method that a manager does not perform is refused by its name, after who asks has been looked at", async () => {
  const stranger = await host.connect();
  const reader = await host.login(READ_ONLY);
  const refused: string[] = [];
  for (const ref of Object.values(managers).filter((value) => typeof value === "object")) {
    for (const { name, params, privilege } of managedObjectType(ref.type).methods.values()) {
      if (params.size > 0) continue; // what they would need is made up elsewhere; here the road is looked at
      const error = await call(ref, name).then(
        () => undefined,
        (fault: { fault: string; message: string }) => fault,
      );
      if (error === undefined) continue;
      refused.push(`${ref.type}.${name}`);
      expect(error, `${ref.type}.${name}`).toMatchObject({ fault: "NotSupported" });
      expect(error.message).toContain(`${ref.type}.${name} is not supported on this host`);
      expect((await faultOf(call(ref, name, {}, stranger))).fault).toBe("NotAuthenticated");
      expect((await faultOf(call(ref, name, {}, reader))).fault).toBe(privilege === "System.Read" ? "NotSupported" : "NoPermission");
    }
  }
  expect(refused).toEqual(expect.arrayContaining(["HostVMotionSystem.DeselectVnic", "HostFirmwareSystem.BackupFirmwareConfiguration"]));
  stranger.close();
  reader.close();
});

test("the strictest client reads every property of everything that the host names", async () => {
  const script = join(import.meta.dirname, "clients/read_everything.py");
  const args = [script, "127.0.0.1", String(host.port), "root", "Correct-Horse-9"];
  const { stdout } = await promisify(execFile)("/usr/bin/python3", args, { timeout: 120_000 });
  const { objects, failures } = JSON.parse(stdout);
  expect(failures).toEqual([]);
  expect(objects).toBeGreaterThan(Object.keys(managers).length);
});

test.each([
  ["a datastore", "datastoreSystem", "CreateLocalDatastore", { name: "x", path: "/etc" }, "HostConfigFault"],
  ["the clock", "dateTimeSystem", "UpdateDateTime", { dateTime: new Date(0) }, "HostConfigFault"],
])("nothing is half-done when a client would change %s", async (_, manager, method, args, fault) => {
  const before = await read(client, HOST, "config");
  expect(await faultOf(call(managers[manager], method, args))).toMatchObject({ fault });
  const now = await read(client, HOST, "config");
  expect(now).toEqual(before);
});
