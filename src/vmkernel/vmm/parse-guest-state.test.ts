import { expect, test } from "vitest";
import { parseGuestState } from "./parse-guest-state.ts";

const interfaces = [
  {
    name: "lo",
    "hardware-address": "00:00:00:00:00:00",
    "ip-addresses": [{ "ip-address": "127.0.0.1", "ip-address-type": "ipv4", prefix: 8 }],
  },
  {
    name: "eth0",
    "hardware-address": "00:0C:29:00:00:01",
    "ip-addresses": [
      { "ip-address": "10.0.0.5", "ip-address-type": "ipv4", prefix: 24 },
      { "ip-address": "fe80::1", "ip-address-type": "ipv6", prefix: 64 },
    ],
  },
  { name: "sit0" },
];

test("a guest's name, system and addresses are told, without its loopback", () => {
  const answers = {
    hostName: { "host-name": "web" },
    osInfo: { id: "debian", name: "Debian", "pretty-name": "Debian 12" },
    interfaces,
    info: { supported_commands: ["guest-exec", "guest-exec-status", "guest-info"].map((name) => ({ name, enabled: true })) },
    fileSystems: [{ name: "sda1", mountpoint: "/", type: "ext4", "total-bytes": 1000, "used-bytes": 400, disk: [] }],
  };
  expect(parseGuestState(answers)).toEqual({
    tools: "running",
    hostName: "web",
    osName: "Debian 12",
    osId: "debian",
    runsPrograms: true,
    nics: [
      {
        mac: "00:0c:29:00:00:01",
        addresses: [
          { address: "10.0.0.5", prefixLength: 24 },
          { address: "fe80::1", prefixLength: 64 },
        ],
      },
    ],
    disks: [{ path: "/", type: "ext4", capacityBytes: 1000, freeBytes: 600 }],
  });
});

const sameForAll = (answer: unknown) => ({ hostName: answer, osInfo: answer, interfaces: answer, info: answer, fileSystems: answer });

test("an agent that may not run programs for clients runs none, and a file system that is more than full is none", () => {
  const state = parseGuestState({
    ...sameForAll(undefined),
    info: {
      supported_commands: [
        { name: "guest-exec", enabled: false },
        { name: "guest-exec-status", enabled: true },
      ],
    },
    fileSystems: [{ mountpoint: "/", type: "ext4", "total-bytes": 1, "used-bytes": 2 }, { mountpoint: "/x" }, 7],
  });
  expect(state).toMatchObject({ runsPrograms: false, disks: [] });
});

test.each<[string, unknown]>([
  ["nothing", undefined],
  ["null", null],
  ["a list", []],
  ["numbers", 5],
  ["wrong fields", { "host-name": 5, "pretty-name": {}, name: [] }],
])("a guest that answers with %s is running, and nothing is known of it", (_, answer) => {
  expect(parseGuestState(sameForAll(answer))).toEqual({ tools: "running", runsPrograms: false, nics: [], disks: [] });
});

test.each([33, -1, 1.5, "24", undefined])("an address whose prefix is %s is in no network of others", (prefix) => {
  const eth0 = { "hardware-address": "00:0c:29:00:00:01", "ip-addresses": [{ "ip-address": "10.0.0.5", prefix }] };
  const { nics } = parseGuestState({ ...sameForAll(undefined), interfaces: [eth0] });
  expect(nics[0]?.addresses).toEqual([{ address: "10.0.0.5", prefixLength: 32 }]);
});

test("control characters, endless names and false addresses do not come through", () => {
  const state = parseGuestState({
    ...sameForAll(undefined),
    hostName: { "host-name": `\u001b[2J${"x".repeat(10_000)}` },
    osInfo: {},
    interfaces: Array(1000).fill({
      "hardware-address": "00:0c:29:00:00:01",
      "ip-addresses": Array(1000).fill({ "ip-address": "1.2.3.4; rm -rf /" }),
    }),
  });
  expect(state.hostName).toHaveLength(255);
  expect(state.hostName).not.toContain("\u001b");
  expect(state.nics).toHaveLength(16);
  expect(state.nics.every(({ addresses }) => addresses.length === 0)).toBe(true);
});
