import { expect, test } from "vitest";
import type { VmId } from "../../base/index.ts";
import { type DeviceKind, type DeviceSpec, type MachineSpec, planMachineChange } from "../../vmkernel/index.ts";
import { encodeResponse, isSubtype, NEWEST_VERSION } from "../../wire/index.ts";
import { vmCapability } from "../managed-objects/virtual-machine.ts";
import { DEVICE_CATALOGUE, type DeviceType } from "../vm-config/index.ts";
import { configOption, configOptionDescriptors } from "./config-option.ts";
import { deviceOptionsOf } from "./device-options.ts";

const host = {
  memoryBytes: 8 * 2 ** 30 + 12_345,
  cpu: { model: "", vendor: "", mhz: 2000, packages: 1, cores: 2, threads: 4, features: ["lm", "nx"] },
};
const deviceOptions = deviceOptionsOf(21);
const runningMachine: Omit<MachineSpec, "devices"> = {
  vm: "7" as VmId,
  name: "web",
  home: { datastore: "datastore1", path: "web" },
  biosUuid: "564d1f2e-3c4b-5a69-7887-a1b2c3d4e5f6",
  memoryMiB: 128,
  vcpus: 1,
  coresPerSocket: 1,
  firmware: { kind: "bios" },
  bootOrder: [],
};
const ask = (key?: string, guestIds: readonly string[] = []) => configOption({ key, guestIds }, host, vmCapability);

test("every device that a VM can have has an option, and no other", () => {
  const offered = Object.entries(DEVICE_CATALOGUE).filter(([, { machine }]) => machine !== "notOffered" && machine !== "abstract");
  expect(deviceOptions.map(({ type }) => type).toSorted()).toEqual(offered.map(([type]) => type).toSorted());
  for (const { $type } of deviceOptions) expect(isSubtype($type ?? "", "VirtualDeviceOption"), $type).toBe(true);
});

test("what comes and goes while a VM runs is what the option says of it", () => {
  const scsi: DeviceSpec = { kind: "scsi", key: 1000, bus: 0, model: "pvscsi" };
  const on = { controllerKey: scsi.key, unit: 1 };
  const specs: { readonly [Kind in DeviceKind]: Extract<DeviceSpec, { kind: Kind }> } = {
    scsi: { kind: "scsi", key: 1001, bus: 1, model: "pvscsi" },
    ahci: { kind: "ahci", key: 15_000, bus: 0 },
    nvme: { kind: "nvme", key: 31_000, bus: 0 },
    ide: { kind: "ide", key: 201, bus: 1 },
    disk: { kind: "disk", key: 2001, ...on, descriptor: { datastore: "datastore1", path: "web/web.vmdk" }, mode: "persistent" },
    cdrom: { kind: "cdrom", key: 2001, ...on },
    floppy: { kind: "floppy", key: 8000, unit: 0 },
    nic: { kind: "nic", key: 4000, model: "vmxnet3", mac: "00:0c:29:00:00:01" },
    video: { kind: "video", key: 500, vramKiB: 4096 },
    xhci: { kind: "xhci", key: 14_000 },
    usb: { kind: "usb", key: 7000, model: "uhci" },
    serial: { kind: "serial", key: 9000, unit: 0 },
    toolsChannel: { kind: "toolsChannel", key: 12_000 },
  };
  for (const { type, plugAndPlay, hotRemoveSupported } of deviceOptions) {
    const { machine } = DEVICE_CATALOGUE[type as DeviceType];
    if (machine === "board" || machine === "notOffered" || machine === "abstract") {
      expect([plugAndPlay, hotRemoveSupported], type).toEqual([false, false]);
      continue;
    }
    const [without, having] = [[scsi], [scsi, specs[machine]]].map((devices) => ({ ...runningMachine, devices }));
    expect(plugAndPlay, type).toBe(planMachineChange(without as MachineSpec, having as MachineSpec).kind === "steps");
    expect(hotRemoveSupported, type).toBe(planMachineChange(having as MachineSpec, without as MachineSpec).kind === "steps");
  }
});

test.each([
  ["vmx-08", { VirtualAHCIController: false, VirtualNVMEController: false, VirtualE1000e: true, VirtualUSBXHCIController: true }],
  ["vmx-10", { VirtualAHCIController: true, VirtualNVMEController: false }],
  ["vmx-13", { VirtualAHCIController: true, VirtualNVMEController: true }],
])("hardware %s has the devices that there were then", (key, expected) => {
  const { hardwareOptions, guestOSDescriptor } = ask(key, ["debian12_64Guest"]);
  const types = hardwareOptions.virtualDeviceOption.map(({ type }) => type);
  for (const [type, isThere] of Object.entries(expected)) {
    expect(types.includes(type), type).toBe(isThere);
    if (/AHCI|NVME/.test(type)) expect(guestOSDescriptor[0]?.supportedDiskControllerList.includes(type), type).toBe(isThere);
  }
  const pci = hardwareOptions.virtualDeviceOption.find(({ type }) => type === "VirtualPCIController");
  expect(pci).toMatchObject({ numNVMEControllers: { max: expected.VirtualNVMEController ? 4 : 0 } });
});

test.each([
  ["debian12_64Guest", true],
  ["debian12Guest", false],
  ["windows2019srv_64Guest", true],
  ["windows9Server64Guest", true],
  ["windows9_64Guest", false],
  ["otherGuest", false],
])("that %s takes processors and memory while it runs is %s", (id, takesMore) => {
  expect(ask(undefined, [id]).guestOSDescriptor).toMatchObject([{ supportsCpuHotAdd: takesMore, supportsMemoryHotAdd: takesMore }]);
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
