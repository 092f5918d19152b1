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
  expect(parseGuestState({ hostName: { "host-name": "web" }, osInfo: { name: "Debian", "pretty-name": "Debian 12" }, interfaces })).toEqual(
    {
      tools: "running",
      hostName: "web",
      osName: "Debian 12",
      nics: [{ mac: "00:0c:29:00:00:01", addresses: ["10.0.0.5", "fe80::1"] }],
    },
  );
});

test.each<[string, unknown]>([
  ["nothing", undefined],
  ["null", null],
  ["a list", []],
  ["numbers", 5],
  ["wrong fields", { "host-name": 5, "pretty-name": {}, name: [] }],
])("a guest that answers with %s is running, and nothing is known of it", (_, answer) => {
  expect(parseGuestState({ hostName: answer, osInfo: answer, interfaces: answer })).toEqual({ tools: "running", nics: [] });
});

test("control characters, endless names and false addresses do not come through", () => {
  const state = parseGuestState({
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
