import { expect, test } from "vitest";
import type { VmId } from "../base/index.ts";
import type { NetworkDescription, PortDescription } from "../vmkernel/index.ts";
import { formatNetwork, parsePortNumber } from "./vswitch-command.ts";

const port = {
  id: 16_777_216,
  connectee: { kind: "virtualMachine", vm: "7" as VmId, key: 4000 },
  portGroup: "VM Network",
  initialMac: "00:0c:29:00:00:01",
  effectiveMac: "00:0c:29:00:00:01",
  connected: true,
  vlanId: 0,
  counters: { sentFrames: 12, sentBytes: 1000, dropped: {} },
  programs: [],
} as unknown as PortDescription;

test("switches are listed with their uplinks, and each port with what is plugged in and what was dropped", () => {
  const forger = { effectiveMac: "02:00:00:00:00:09", counters: { sentFrames: 1, sentBytes: 60, dropped: { forged: 3 } } };
  const uplink: PortDescription = { ...port, id: 1, connectee: { kind: "uplink", device: "eth1" }, connected: false };
  const network: NetworkDescription = {
    switches: [
      {
        name: "vSwitch0",
        uplinks: [{ device: "eth1", hasLink: true }],
        ports: [port, { ...port, ...forger, blockedBecause: "it is gone" }],
      },
      { name: "vSwitch1", uplinks: [], ports: [uplink] },
    ],
  };
  expect(formatNetwork(network).split("\n")).toEqual([
    "vSwitch0  uplinks: eth1 (up)",
    "  PORT      PORT GROUP  VLAN  PLUGGED IN      MAC                                              SENT  DROPPED   STATE",
    "  16777216  VM Network  0     VM 7, NIC 4000  00:0c:29:00:00:01                                12    0         connected",
    "  16777216  VM Network  0     VM 7, NIC 4000  02:00:00:00:00:09 (initially 00:0c:29:00:00:01)  1     forged 3  it is gone",
    "vSwitch1  uplinks: none",
    "  PORT  PORT GROUP  VLAN  PLUGGED IN  MAC                SENT  DROPPED  STATE",
    "  1     VM Network  0     eth1        00:0c:29:00:00:01  12    0        disconnected",
  ]);
});

test("what rules with log of an adapter's firewall judged is told beside its port, by their order", () => {
  const counters = { sentFrames: 1, sentBytes: 60, dropped: { firewall: 3 }, logged: { 0: 2, 4: 17 } };
  const [, , line] = formatNetwork({ switches: [{ name: "vSwitch0", uplinks: [], ports: [{ ...port, counters }] }] }).split("\n");
  expect(line).toMatch(/ firewall 3 +connected; logged: rule 1 of its firewall 2, rule 5 of its firewall 17$/);
});

test("a port whose port group is gone is told too: it is on no switch", () => {
  const gone = { ...port, portGroup: "dmz", blockedBecause: "There is no port group dmz." };
  const lines = formatNetwork({ switches: [{ name: "vSwitch0", uplinks: [], ports: [port] }], unattached: [gone] }).split("\n");
  expect(lines.slice(3)).toEqual(["on no switch", expect.any(String), expect.stringMatching(/ dmz .* There is no port group dmz\.$/)]);
});

test("a host without switches says so", () => {
  expect(formatNetwork({ switches: [] })).toBe("The host has no virtual switch.");
});

test.each(["", "-1", "1e3", "0x10", "4294967296", "vSwitch0"])("%j is no number of a port", (text) => {
  expect(parsePortNumber(text)).toBeUndefined();
});
