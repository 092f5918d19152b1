import { describe, expect, test } from "vitest";
import { assembleProgram, disassemble, type Program } from "../../../ebpf/index.ts";
import type { Hook } from "../../../system/index.ts";
import type { Firewall, FirewallRule } from "../config.ts";
import { macOf } from "../network.fixture.ts";
import { vlanModeOf } from "../vlan.ts";
import { ALL_KINDS, ALONE, EmptyMaps, guest, hasBpf, uplink } from "./compile.fixture.ts";
import { compilePort } from "./compile-port.ts";
import type { PortShape } from "./port-shape.ts";
import { PortTemplates } from "./port-templates.ts";

const rule: FirewallRule = { direction: "both", action: "allow", protocol: "tcp", remotePorts: { first: 80, last: 443 } };
const firewall: Firewall = { rules: [rule], otherwise: "deny" };
const ownAddresses = [
  { kind: "static", address: "192.0.2.1", prefixLength: 24 },
  { kind: "static", address: "2001:db8::1", prefixLength: 64 },
] as const;
const bandwidth = { average: 1_000_000, peak: 2_000_000, burstBytes: 100_000 };
const hex = (byte: number) => byte.toString(16).padStart(2, "0");
const everything = {
  sourceMac: macOf(1),
  blocksSwitchProtocols: true,
  outbound: bandwidth,
  inbound: bandwidth,
  firewall,
  groups: { broadcast: false, multicast: Array.from({ length: 64 }, (_, at) => `33:33:00:00:00:${hex(at)}`) },
  neighbours: ALL_KINDS,
} as const;

const KINDS: readonly (readonly [string, PortShape])[] = [
  ["a bare EST port", guest(0)],
  ["an EST port with an uplink and all its security", guest(0, { sourceMac: macOf(1), blocksSwitchProtocols: true, uplinks: "fixed" })],
  ["a VST port beside trunks", guest(10, { neighbours: { ...ALONE, tagged: true }, uplinks: "fixed" })],
  ["a VGT port", guest(4095, { neighbours: { ...ALONE, tagged: true }, uplinks: "sourceMac" })],
  ["a trunk of two ranges", { ...guest(0), mode: vlanModeOf({ vlanId: 4095, trunk: [{ first: 1, last: 5 }, { first: 9, last: 9 }] }) }], // biome-ignore format: a row
  ["a port beside promiscuous ones", guest(10, { neighbours: ALL_KINDS })],
  ["a shaped port", guest(0, { outbound: bandwidth, inbound: bandwidth })],
  ["a port whose adapter took another address", guest(0, { sourceMac: macOf(1), isDeaf: true })],
  [
    "a port whose adapter asked for two groups",
    guest(0, { groups: { broadcast: true, multicast: ["01:00:5e:00:00:fb", "33:33:00:00:00:01"] } }),
  ],
  ["a port whose adapter takes no broadcast", guest(0, { groups: { broadcast: false, multicast: "all" } })],
  ["a port that hands over what it can", guest(0, { sourceMac: macOf(1), hasExpress: true })],
  ["one that is shaped", guest(0, { outbound: bandwidth, hasExpress: true })],
  ["one beside promiscuous ones", guest(0, { neighbours: ALL_KINDS, hasExpress: true })],
  ["a trunk", guest(4095, { hasExpress: true })],
  ["a port of the host itself", guest(0, { sourceMac: macOf(1), ownAddresses })],
  ["an uplink", uplink()],
  ["an uplink of several, beside trunks", uplink({ number: 31, hasSiblings: true, neighbours: ALL_KINDS })],
  ["a bare port where the kernel takes no open loops", guest(0, { neighbours: { ...ALONE, membersMax: 16 } })],
  ["a port without a network", { kind: "blocked" }],
];

const LARGE: readonly (readonly [string, PortShape])[] = [
  ["a port that hands over what it can, in a VLAN, with a firewall", guest(10, { firewall, hasExpress: true })],
  ["everything at once, EST", guest(0, { ...everything, uplinks: "addresses" })],
  ["everything at once, VST", guest(4094, { ...everything, uplinks: "addresses" })],
  ["everything at once, VGT", guest(4095, { ...everything, uplinks: "addresses" })],
  ["a VLAN with 1,024 members", guest(10, { neighbours: { ...ALL_KINDS, membersMax: 1024 } })],
  ["a VLAN with 4,000 members", guest(10, { neighbours: { ...ALL_KINDS, membersMax: 4000 }, uplinks: "fixed" })],
];

function programsOf(shape: PortShape): readonly (readonly [Hook, Program, readonly string[]])[] {
  const compiled = compilePort(shape);
  return HOOKS.flatMap((hook) => {
    const { program, units } = compiled[hook] ?? {};
    return program && units ? [[hook, program, units] as const] : [];
  });
}

const HOOKS: readonly Hook[] = ["ingress", "egress", "xdp"];

//= paper «Virtual Switches»
//# ESXi installs and runs only those components that are required to support the specific physical and virtual Ethernet adapter types
//# used in the configuration.
test("each kind of port has the units that it needs, and no others", () => {
  const units = [...KINDS, ...LARGE].map(([name, shape]) => {
    const programs = programsOf(shape).map(([direction, , units]) => `  ${direction}: ${units.join(", ")}`);
    return [name, ...programs].join("\n");
  });
  expect(units.join("\n")).toMatchSnapshot();
});

test.each(KINDS)("%s compiles to these instructions", (_, shape) => {
  expect(programsOf(shape).flatMap(([direction, program]) => [direction, ...disassemble(program)])).toMatchSnapshot();
});

test("the same port compiles to the same instructions", () => {
  for (const [, shape] of KINDS) expect(programsOf(shape)).toEqual(programsOf(shape));
});

test("what a port takes over from others of its kind is, byte for byte, what it compiles to by itself", () => {
  const templates = new PortTemplates();
  const numbers = new Map(["table", "standIns", "counters", "buckets", "connections", "logged"].map((name, at) => [name, 100 + at]));
  const others = [
    { number: 4094, sourceMac: "fe:ff:ff:ff:ff:ff" },
    { number: 7, sourceMac: "00:00:00:00:00:00" },
  ];
  for (const [, kind] of [...KINDS, ...LARGE]) {
    const alike =
      kind.kind === "guest" ? others.map(({ number, sourceMac }) => ({ ...kind, number, ...(kind.sourceMac && { sourceMac }) })) : [];
    for (const shape of [kind, ...alike]) {
      const taken = templates.programsOf(shape);
      const compiled = compilePort(shape);
      for (const direction of HOOKS) {
        const program = compiled[direction]?.program;
        expect(taken[direction]?.assemble(numbers)).toEqual(program && assembleProgram(program, numbers));
        expect([taken[direction]?.maps, taken[direction]?.units]).toEqual([program?.maps, compiled[direction]?.units]);
      }
    }
  }
});

//= paper «Virtual Switch Isolation»
//# there is no mechanism in the code to enable an entry in one table to point to a port on another virtual switch
test("a program names no map but its switch's table and stand-ins, and its port's own", () => {
  const known = ["table", "standIns", "counters", "buckets", "connections", "logged"];
  for (const [, shape] of [...KINDS, ...LARGE]) {
    for (const [, program] of programsOf(shape)) expect(known).toEqual(expect.arrayContaining([...program.maps]));
  }
});

const many = (count: number): Firewall => ({
  rules: Array.from({ length: count }, (_, at) => ({
    ...rule,
    remotePorts: { first: at, last: at + 1 },
    localPorts: { first: 1, last: at + 1 },
    remote: { address: at % 2 ? "10.0.0.0" : "fd00::", prefixLength: at % 32 },
    remoteMac: macOf(at),
    log: true,
  })),
  otherwise: "allow",
});

describe.skipIf(!hasBpf)("the kernel's verifier", () => {
  test.each([
    ...KINDS,
    ...LARGE,
    ["a firewall of 1,000 rules with everything", guest(0, { firewall: many(1000), hasExpress: true })] as const,
  ])("takes %s", (_, shape) => {
    using maps = new EmptyMaps();
    for (const [hook, program] of programsOf(shape)) expect(maps.load(program, hook === "xdp" ? "xdp" : "schedCls")).toBeGreaterThan(0);
  });
});
