import { expect, test } from "vitest";
import { controllerOf, parseCpuList, parseDefaultGateway, parseResolvConf, timeZoneOf } from "./parse-machine.ts";

test.each([
  [
    "servers and domains",
    "# hand-made\nnameserver 10.0.0.1\nnameserver ::1\nsearch a.example b.example\n",
    ["10.0.0.1", "::1"],
    ["a.example", "b.example"],
  ],
  ["the last of two searches", "domain old.example\nsearch new.example\n", [], ["new.example"]],
  ["a line that is cut off", "nameserver\nsearch", [], []],
  ["nothing", "", [], []],
])("resolv.conf: %s", (_, text, nameServers, searchDomains) => {
  expect(parseResolvConf(text)).toEqual({ nameServers, searchDomains });
});

const HEAD = "Iface\tDestination\tGateway \tFlags\n";
test.each([
  ["the way out", `${HEAD}eth0\t000200C0\t00000000\t0001\neth0\t00000000\t010200C0\t0003\n`, { address: "192.0.2.1", device: "eth0" }],
  ["no way out", `${HEAD}eth0\t000200C0\t00000000\t0001\n`, undefined],
  ["a default way that is a link and no gateway", `${HEAD}ppp0\t00000000\t00000000\t0001\n`, undefined],
  ["nonsense", `${HEAD}eth0\t00000000\tzzz\n\n`, undefined],
])("routes: %s", (_, text, gateway) => {
  expect(parseDefaultGateway(text)).toEqual(gateway);
});

test.each([
  ["0-1", [0, 1]],
  ["0-2,8\n".trim(), [0, 1, 2, 8]],
  ["5", [5]],
  ["", []],
  ["3-1", []],
  ["0-99999999", []],
  ["x", []],
])("the CPUs %s", (text, cpus) => {
  expect(parseCpuList(text)).toEqual(cpus);
});

test.each([
  ["/sys/devices/pci0000:00/0000:00:02.0/virtio1", "0000:00:02.0"],
  ["/sys/devices/pci0000:00/0000:00:1c.0/0000:01:00.0/nvme/nvme0", "0000:01:00.0"],
  ["/sys/devices/vbd-51712", undefined],
])("%s hangs at %s", (path, address) => {
  expect(controllerOf(path)).toBe(address);
});

test.each([
  ["/usr/share/zoneinfo/Etc/UTC", "Etc/UTC"],
  ["../usr/share/zoneinfo/America/Argentina/Ushuaia", "America/Argentina/Ushuaia"],
  ["", "UTC"],
])("a clock set by %j is at %s", (link, zone) => {
  expect(timeZoneOf(link)).toBe(zone);
});
