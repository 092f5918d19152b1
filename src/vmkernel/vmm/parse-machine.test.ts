import { expect, test } from "vitest";
import { everyDevice, machineWith } from "./machine.fixture.ts";
import { parseMachine } from "./parse-machine.ts";

const plugged = {
  kind: "nic",
  key: 4003,
  model: "virtio",
  mac: "00:0c:29:00:00:04",
  connected: true,
  network: "VM Network",
  firewall: { rules: [{ direction: "in", action: "allow", protocol: "tcp", localPorts: { first: 22, last: 22 } }], otherwise: "deny" },
} as const;
const whole = machineWith([...everyDevice, plugged], {
  firmware: { kind: "efi", nvram: { datastore: "datastore1", path: "web/web.vars" } },
  bootOrder: [2000],
  latency: "high",
  cpuMask: [
    { feature: "nx", shown: false },
    { feature: "aes", shown: true },
  ],
  bootDelayMs: 5000,
  bootRetryMs: 0,
  vcpusMax: 4,
  memoryHotAdd: { maxMiB: 1024, addedMiB: [128, 256] },
  resumeFrom: { datastore: "datastore1", path: "web/web.vmss" },
});

test("a machine comes back from JSON as it was", () => {
  expect(parseMachine(JSON.parse(JSON.stringify(whole)), "machine")).toEqual(whole);
});

test("what no field asks for is left behind", () => {
  expect(parseMachine({ ...whole, extra: "-device vfio-pci" }, "machine")).toEqual(whole);
});

test.each<[string, Record<string, unknown>, string]>([
  ["a VM id that names a folder", { vm: "../1" }, "machine.vm"],
  ["a VM id that is a number", { vm: 7 }, "machine.vm"],
  ["a home that climbs out", { home: { datastore: "datastore1", path: "../../etc" } }, "machine.home.path"],
  ["a home that is absolute", { home: { datastore: "datastore1", path: "/etc" } }, "machine.home.path"],
  ["a datastore that is a folder above", { home: { datastore: "..", path: "web" } }, "machine.home.datastore"],
  ["a datastore with a slash", { home: { datastore: "a/b", path: "web" } }, "machine.home.datastore"],
  ["a name with a line end", { name: "a\nb" }, "machine.name"],
  ["a uuid with an option in it", { biosUuid: "564d1f2e-3c4b-5a69-7887-a1b2c3d4e5f6,x=1" }, "machine.biosUuid"],
  ["memory as text", { memoryMiB: "128" }, "machine.memoryMiB"],
  ["memory that is no number", { memoryMiB: Number.NaN }, "machine.memoryMiB"],
  ["memory modules that are no list", { memoryHotAdd: { maxMiB: 1, addedMiB: 128 } }, "machine.memoryHotAdd.addedMiB"],
  ["a number of CPUs without end", { vcpusMax: 1e300 }, "machine.vcpusMax"],
  ["half a CPU", { vcpus: 0.5 }, "machine.vcpus"],
  ["firmware that nobody knows", { firmware: { kind: "coreboot" } }, "machine.firmware.kind"],
  ["EFI without its variables", { firmware: { kind: "efi" } }, "machine.firmware.nvram"],
  ["a mask of no feature", { cpuMask: [{ feature: "nx=on,vendor=x" }] }, "machine.cpuMask[0].feature"],
  ["a mask without end", { cpuMask: Array(200).fill({ feature: "nx" }) }, "machine.cpuMask"],
  ["a sensitivity that nobody knows", { latency: "extreme" }, "machine.latency"],
  ["a wait that is longer than QEMU's", { bootDelayMs: 65_536 }, "machine.bootDelayMs"],
  ["a wait with an option in it", { bootRetryMs: "1,menu=on" }, "machine.bootRetryMs"],
  ["devices that are no list", { devices: {} }, "machine.devices"],
  ["devices without end", { devices: Array(401).fill({ kind: "xhci", key: 1 }) }, "machine.devices"],
  ["a device that nobody knows", { devices: [{ kind: "vfio", key: 1 }] }, "machine.devices[0].kind"],
  ["a device that is null", { devices: [null] }, "machine.devices[0]"],
  ...(
    [
      ["a pipe that is a path", { kind: "pipe", name: "../x", endpoint: "server" }, "name"],
      ["a pipe with a comma in its name", { kind: "pipe", name: "a,fd=3", endpoint: "server" }, "name"],
      ["a pipe with a third end", { kind: "pipe", name: "x", endpoint: "middle" }, "endpoint"],
      ["a host with an option in it", { kind: "listen", host: "::,server=off", port: 2001 }, "host"],
      ["port 0", { kind: "connect", host: "192.0.2.1", port: 0 }, "port"],
      ["a service with a line end", { kind: "proxy", host: "vspc", port: 2001, direction: "server", serviceUri: "a\n" }, "serviceUri"],
      ["a wire that nobody knows", { kind: "device", path: "/dev/ttyS0" }, "kind"],
    ] as const
  ).map(([what, wire, field]): [string, Record<string, unknown>, string] => [
    `a serial port with ${what}`,
    { devices: [{ kind: "serial", key: 9000, unit: 0, wire }] },
    `machine.devices[0].wire.${field}`,
  ]),
  ["a key below 1", { devices: [{ kind: "xhci", key: 0 }] }, "machine.devices[0].key"],
  [
    "a MAC with an option in it",
    { devices: [{ kind: "nic", key: 4000, model: "e1000", mac: "00:0c:29:00:00:01,netdev=x" }] },
    "machine.devices[0].mac",
  ],
  ["a port group with a line end", { devices: [{ ...plugged, network: "a\nb" }] }, "machine.devices[0].network"],
  ["a firewall of one word", { devices: [{ ...plugged, firewall: "deny" }] }, "machine.devices[0].firewall"],
  ["a MAC in upper case", { devices: [{ kind: "nic", key: 4000, model: "e1000", mac: "00:0C:29:00:00:01" }] }, "machine.devices[0].mac"],
  ["a model that nobody knows", { devices: [{ kind: "scsi", key: 1000, bus: 0, model: "buslogic" }] }, "machine.devices[0].model"],
])("%s is refused, by the name of the field", (_, change, field) => {
  expect(() => parseMachine({ ...whole, ...change }, "machine")).toThrow(
    expect.objectContaining({ fault: "InvalidArgument", fields: { invalidProperty: field } }),
  );
});

test.each([
  ["null", null],
  ["a text", "machine"],
  ["a list", []],
  ["inherited fields", Object.create(whole)],
])("%s is no machine", (_, value) => {
  expect(() => parseMachine(value, "machine")).toThrow(expect.objectContaining({ fault: "InvalidArgument" }));
});
