import { expect, test } from "vitest";
import { encodeResponse, isSubtype, NEWEST_VERSION } from "../../wire/index.ts";
import { vmCapability } from "../managed-objects/virtual-machine.ts";
import { DEVICE_CATALOGUE } from "../vm-config/index.ts";
import { configOption, configOptionDescriptors } from "./config-option.ts";
import { deviceOptions } from "./device-options.ts";

const host = {
  memoryBytes: 8 * 2 ** 30 + 12_345,
  cpu: { model: "", vendor: "", mhz: 2000, packages: 1, cores: 2, threads: 4, features: ["lm", "nx"] },
};
const ask = (key?: string, guestIds: readonly string[] = []) => configOption({ key, guestIds }, host, vmCapability);

test("every device that a VM can have has an option, and no other", () => {
  const offered = Object.entries(DEVICE_CATALOGUE).filter(([, { machine }]) => machine !== "notOffered" && machine !== "abstract");
  expect(deviceOptions.map(({ type }) => type).toSorted()).toEqual(offered.map(([type]) => type).toSorted());
  for (const { $type } of deviceOptions) expect(isSubtype($type ?? "", "VirtualDeviceOption"), $type).toBe(true);
});

test.each(["6.5", "6.7.1", "7.0.0.0", NEWEST_VERSION])("a client of version %s gets options that its schema has", (version) => {
  for (const { key } of configOptionDescriptors()) {
    const xml = encodeResponse({ method: "QueryConfigOption", returnType: "VirtualMachineConfigOption", returnValue: ask(key), version });
    expect(xml.toString()).toContain(`<version>${key}</version>`);
  }
  const returnType = "VirtualMachineConfigOptionDescriptor[]";
  encodeResponse({ method: "QueryConfigOptionDescriptor", returnType, returnValue: configOptionDescriptors(), version });
});

test("an old client is not told of what came after it", () => {
  const encode = (version: string) =>
    encodeResponse({ method: "QueryConfigOption", returnType: "VirtualMachineConfigOption", returnValue: ask(), version }).toString();
  expect(encode(NEWEST_VERSION)).toContain("<supportsTPM20>");
  expect(encode("6.5")).not.toContain("<supportsTPM20>");
});

test("there is one default, the newest hardware, from 8 to 21", () => {
  const descriptors = configOptionDescriptors();
  expect(descriptors.map(({ key }) => key)).toEqual(expect.arrayContaining(["vmx-08", "vmx-21"]));
  expect(descriptors).toHaveLength(14);
  expect(descriptors.filter(({ defaultConfigOption }) => defaultConfigOption).map(({ key }) => key)).toEqual(["vmx-21"]);
  expect(ask().hardwareOptions.hwVersion).toBe(21);
});

test.each(["vmx-07", "vmx-22", "vmx-8", "13", "vmx-constructor"])("hardware %s is refused", (key) => {
  expect(() => ask(key)).toThrow(expect.objectContaining({ fault: "InvalidArgument", fields: { invalidProperty: "key" } }));
});

test("a VM gets no more than the host has", () => {
  const { numCPU, memoryMB } = ask().hardwareOptions;
  expect(numCPU).toEqual([1, 2, 3, 4]);
  expect(memoryMB).toEqual({ min: 4, max: 8192, defaultValue: 1024 });
});

test("the default guest is the one that a VM is that names none", () => {
  const { guestOSDescriptor, guestOSDefaultIndex } = ask();
  expect(guestOSDescriptor[guestOSDefaultIndex]?.id).toBe("otherGuest");
});

test("a client can ask for the guests that it cares for; one that nobody knows is not there", () => {
  const { guestOSDescriptor, guestOSDefaultIndex } = ask("vmx-19", ["debian12_64Guest", "templeOs64Guest"]);
  expect(guestOSDescriptor).toHaveLength(1);
  expect(guestOSDescriptor[guestOSDefaultIndex]).toMatchObject({ id: "debian12_64Guest", family: "linuxGuest" });
});

test("what is recommended to a guest is among what it supports", () => {
  for (const guest of ask().guestOSDescriptor) {
    expect(guest.supportedDiskControllerList, guest.id).toContain(guest.recommendedDiskController);
    expect(guest.supportedEthernetCard, guest.id).toContain(guest.recommendedEthernetCard);
    expect(guest.supportedFirmware, guest.id).toContain(guest.recommendedFirmware);
  }
});
