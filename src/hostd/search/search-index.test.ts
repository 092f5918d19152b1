import { describe, expect, test } from "vitest";
import type { MoRef } from "../../wire/index.ts";
import {
  findAllByDnsName,
  findAllByIp,
  findAllByUuid,
  findByDatastorePath,
  findByInventoryPath,
  findChild,
  type SearchSnapshot,
} from "./search-index.ts";

const ref = (type: string, value: string): MoRef => ({ type, value });
const ROOT = ref("Folder", "ha-folder-root");
const DC = ref("Datacenter", "ha-datacenter");
const VMS = ref("Folder", "ha-folder-vm");
const STORES = ref("Folder", "ha-folder-datastore");
const HOST = ref("HostSystem", "ha-host");

const vm = (moid: string, name: string, uuid: string, instanceUuid: string, more: object) => ({
  ref: ref("VirtualMachine", moid),
  name,
  parent: VMS,
  uuid,
  instanceUuid,
  vmPathName: `[datastore1] ${name}/${name}.vmx`,
  dnsNames: [],
  ipAddresses: [],
  ...more,
});
const host = {
  ref: HOST,
  name: "bulkhead",
  parent: ROOT,
  uuid: "aaaaaaaa-0000-0000-0000-000000000001",
  dnsNames: ["bulkhead.example"],
  ipAddresses: ["192.0.2.1"],
};
const one = vm("1", "demo", "564d0000-0000-0000-0000-00000000000a", "52000000-0000-0000-0000-000000000001", {
  dnsNames: ["demo.example"],
  ipAddresses: ["192.0.2.10", "2001:db8::a"],
});
const two = vm("2", "a%2fb%25", "564d0000-0000-0000-0000-00000000000a", "52000000-0000-0000-0000-000000000002", {
  vmPathName: "[datastore1] odd name/x.vmx",
});
const snapshot: SearchSnapshot = {
  entities: [
    { ref: ROOT, name: "ha-folder-root", parent: undefined },
    { ref: DC, name: "ha-datacenter", parent: ROOT },
    { ref: VMS, name: "vm", parent: DC },
    { ref: STORES, name: "datastore", parent: DC },
    { ref: ref("Datastore", "ds"), name: "datastore1", parent: STORES },
    host,
    one,
    two,
  ],
  hosts: [host],
  vms: [one, two],
};
const ids = (found: readonly MoRef[]) => found.map(({ value }) => value);
const VM_SEARCH = { vmSearch: true };
const HOST_SEARCH = { vmSearch: false };

describe("by UUID", () => {
  test.each([
    ["in the usual form", "564d0000-0000-0000-0000-00000000000a"],
    ["in upper case", "564D0000-0000-0000-0000-00000000000A"],
    ["as a .vmx has it", "56 4d 00 00 00 00 00 00-00 00 00 00 00 00 00 0a"],
  ])("%s, every VM that has it", (_, uuid) => {
    expect(ids(findAllByUuid(snapshot, uuid, VM_SEARCH))).toEqual(["1", "2"]);
  });

  test.each([
    ["a VM's, when hosts are meant", one.uuid, HOST_SEARCH],
    ["an instance UUID, when the BIOS UUID is meant", one.instanceUuid, VM_SEARCH],
    ["a BIOS UUID, when the instance UUID is meant", one.uuid, { ...VM_SEARCH, instanceUuid: true }],
    ["an instance UUID of a host", host.uuid, { ...HOST_SEARCH, instanceUuid: true }],
    ["in another datacenter", one.uuid, { ...VM_SEARCH, datacenter: ref("Datacenter", "other") }],
    ["of 31 digits", one.uuid.slice(1), VM_SEARCH],
    ["nothing", "", VM_SEARCH],
  ])("%s is a miss", (_, uuid, scope) => {
    expect(findAllByUuid(snapshot, uuid, scope)).toEqual([]);
  });

  test("an instance UUID, a host's UUID, and one within the datacenter are found", () => {
    expect(ids(findAllByUuid(snapshot, two.instanceUuid, { ...VM_SEARCH, instanceUuid: true }))).toEqual(["2"]);
    expect(ids(findAllByUuid(snapshot, host.uuid, HOST_SEARCH))).toEqual(["ha-host"]);
    expect(ids(findAllByUuid(snapshot, one.uuid, { ...VM_SEARCH, datacenter: DC }))).toEqual(["1", "2"]);
  });
});

describe("by address", () => {
  test.each([
    ["IPv4", "192.0.2.10", VM_SEARCH, ["1"]],
    ["IPv6, written otherwise", "2001:DB8:0:0:0:0:0:000a", VM_SEARCH, ["1"]],
    ["a host's", "192.0.2.1", HOST_SEARCH, ["ha-host"]],
    ["a host's, when VMs are meant", "192.0.2.1", VM_SEARCH, []],
    ["no address", "]:/@", VM_SEARCH, []],
  ])("%s", (_, ip, scope, found) => {
    expect(ids(findAllByIp(snapshot, ip, scope))).toEqual(found);
  });

  test.each([
    ["a VM's name in whatever case", "DEMO.example", VM_SEARCH, ["1"]],
    ["a name with the root's dot", "demo.example.", VM_SEARCH, ["1"]],
    ["a host's", "bulkhead.example", HOST_SEARCH, ["ha-host"]],
    ["only its first label", "demo", VM_SEARCH, []],
  ])("%s", (_, name, scope, found) => {
    expect(ids(findAllByDnsName(snapshot, name, scope))).toEqual(found);
  });
});

describe("by inventory path", () => {
  test.each([
    ["a VM", "ha-datacenter/vm/demo", "1"],
    ["a leading slash", "/ha-datacenter/vm/demo", "1"],
    ["a trailing slash", "/ha-datacenter/vm/", "ha-folder-vm"],
    ["an escaped slash in a name", "ha-datacenter/vm/a%2fb%25", "2"],
    ["an escape in upper case", "ha-datacenter/vm/a%2Fb%25", "2"],
    ["the root folder", "/", "ha-folder-root"],
    ["nothing, which is the root folder", "", "ha-folder-root"],
  ])("%s is found", (_, path, moid) => {
    expect(findByInventoryPath(snapshot, path)?.value).toBe(moid);
  });

  test.each([
    ["a name that nothing has", "ha-datacenter/vm/nobody"],
    ["another case", "ha-datacenter/vm/Demo"],
    ["an empty name within", "ha-datacenter//vm/demo"],
    ["a path that does not start at the top", "vm/demo"],
    ["a path beneath a VM", "ha-datacenter/vm/demo/x"],
    ["a parent folder", "ha-datacenter/vm/../vm/demo"],
    ["the root folder by its name", "ha-folder-root/ha-datacenter"],
  ])("%s is a miss", (_, path) => {
    expect(findByInventoryPath(snapshot, path)).toBeUndefined();
  });

  test("a child is found by its name, escaped or not, and only directly beneath", () => {
    expect(findChild(snapshot, VMS, "a/b%")?.value).toBe("2");
    expect(findChild(snapshot, VMS, "a%2fb%25")?.value).toBe("2");
    expect(findChild(snapshot, DC, "demo")).toBeUndefined();
  });
});

describe("by datastore path", () => {
  test.each([
    ["a VM's .vmx", "[datastore1] demo/demo.vmx", DC, "1"],
    ["a folder with a space", "[datastore1] odd name/x.vmx", DC, "2"],
    ["another file", "[datastore1] demo/other.vmx", DC, undefined],
    ["in another datacenter", "[datastore1] demo/demo.vmx", ref("Datacenter", "other"), undefined],
  ])("%s", (_, path, datacenter, moid) => {
    expect(findByDatastorePath(snapshot, path, datacenter)?.value).toBe(moid);
  });

  test.each(["[nowhere] demo/demo.vmx", "demo/demo.vmx", "[datastore1] ../x.vmx", ""])("'%s' is InvalidDatastore", (path) => {
    expect(() => findByDatastorePath(snapshot, path, DC)).toThrow(expect.objectContaining({ fault: "InvalidDatastore" }));
  });
});
