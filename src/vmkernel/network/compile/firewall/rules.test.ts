import fc from "fast-check";
import { expect, test } from "vitest";
import { mapLookup, testRun } from "../../../../system/index.ts";
import type { Firewall, FirewallRule } from "../../config.ts";
import { frame, IPV4_TYPE, ipv4, PROTOCOLS, SYN, tcp, udp } from "../../frames.fixture.ts";
import { macOf } from "../../network.fixture.ts";
import { EmptyMaps, guest, hasBpf } from "../compile.fixture.ts";
import { compilePort } from "../compile-port.ts";
import { COUNTERS_BYTES, readCounters } from "../counters.ts";
import { relevantRules } from "./rules.ts";

const rules: readonly FirewallRule[] = [
  { direction: "both", action: "allow" },
  { direction: "out", action: "allow", protocol: "arp" },
  { direction: "in", action: "allow", protocol: "tcp", localPorts: { first: 22, last: 22 } },
  { direction: "out", action: "deny", remote: { address: "10.0.0.0", prefixLength: 8 } },
  { direction: "out", action: "deny", remote: { address: "fd00::", prefixLength: 8 } },
  { direction: "both", action: "deny", remoteMac: "00:50:56:00:00:01" },
];

test.each([
  ["out", "ipv4", [0, 3, 5]],
  ["out", "ipv6", [0, 4, 5]],
  ["out", "arp", [0, 1, 5]],
  ["out", "other", [0, 5]],
  ["in", "ipv4", [0, 2, 5]],
  ["in", "arp", [0, 5]],
] as const)("for a packet that goes %s and is %s, the rules %j are tried, in their order", (direction, kind, expected) => {
  expect(relevantRules({ rules, otherwise: "deny" }, direction, kind).map(({ index }) => index)).toEqual(expected);
});

interface Packet {
  readonly protocol: "tcp" | "udp";
  readonly remote: string;
  readonly remotePort: number;
  readonly localPort: number;
  readonly remoteMac: string;
}

const port = fc.integer({ min: 1, max: 60 });
const ports = fc.tuple(port, fc.integer({ min: 0, max: 5 })).map(([first, more]) => ({ first, last: first + more }));
const address = fc.tuple(fc.integer({ min: 0, max: 3 }), fc.integer({ min: 0, max: 255 })).map(([net, host]) => `10.0.${net}.${host}`);
const mac = fc.integer({ min: 1, max: 20 }).map((number) => macOf(number * 0x0101));
const PARTS = {
  protocol: fc.constantFrom("tcp" as const, "udp" as const, "icmp" as const),
  remote: fc.record({ address, prefixLength: fc.constantFrom(0, 8, 23, 24, 28, 32) }),
  remotePorts: ports,
  localPorts: ports,
  remoteMac: mac,
  log: fc.constant(true as const),
};
/** Rules that ask for some of that, and some of them not for all of it. */
const anyRules: fc.Arbitrary<readonly FirewallRule[]> = fc
  .subarray(Object.keys(PARTS) as (keyof typeof PARTS)[], { minLength: 1, maxLength: 3 })
  .chain((names) => {
    const parts = fc.record(Object.fromEntries(names.map((name) => [name, PARTS[name]])) as typeof PARTS);
    const rule = fc.tuple(parts, fc.constantFrom("allow" as const, "deny" as const), fc.constantFrom(...names, undefined, undefined));
    return fc.array(rule, { minLength: 1, maxLength: 120, size: "max" });
  })
  .map((all) =>
    all.map(([parts, action, without]) => {
      const { [without ?? "icmpType"]: _, ...asked } = { icmpType: undefined, ...parts };
      return { direction: "out", action, ...asked } as FirewallRule;
    }),
  );
const anyPacket: fc.Arbitrary<Packet> = fc.record({
  protocol: fc.constantFrom("tcp" as const, "udp" as const),
  remote: address,
  remotePort: port,
  localPort: port,
  remoteMac: mac,
});

const word = (text: string): number => text.split(".").reduce((sum, byte) => sum * 256 + Number(byte), 0);
const isIn = (value: number, range: { readonly first: number; readonly last: number } | undefined): boolean =>
  range === undefined || (range.first <= value && value <= range.last);

/** One rule after another. */
function isAllowed({ rules, otherwise }: Firewall, packet: Packet): boolean {
  const matching = rules.find(
    ({ protocol, remote, remotePorts, localPorts, remoteMac }) =>
      (protocol === undefined || protocol === packet.protocol) &&
      (remote === undefined || Math.floor((word(remote.address) ^ word(packet.remote)) / 2 ** (32 - remote.prefixLength)) === 0) &&
      isIn(packet.remotePort, remotePorts) &&
      isIn(packet.localPort, localPorts) &&
      (remoteMac === undefined || remoteMac === packet.remoteMac),
  );
  return (matching?.action ?? otherwise) === "allow";
}

function frameOf({ protocol, remote, remotePort, localPort, remoteMac }: Packet): Buffer {
  const payload = protocol === "tcp" ? tcp(localPort, remotePort, SYN) : udp(localPort, remotePort);
  return frame({
    from: macOf(99),
    to: remoteMac,
    type: IPV4_TYPE,
    payload: ipv4({ from: "10.9.9.9", to: remote, protocol: PROTOCOLS[protocol], payload }),
  });
}

test.skipIf(!hasBpf)("whatever the rules: the kernel lets through what one rule after another would", () => {
  fc.assert(
    fc.property(
      anyRules,
      fc.constantFrom("allow" as const, "deny" as const),
      fc.array(anyPacket, { minLength: 40, maxLength: 40 }),
      (rules, otherwise, packets) => {
        using maps = new EmptyMaps();
        const firewall = { rules, otherwise };
        const program = maps.load(compilePort(guest(0, { firewall })).ingress.program);
        const refused = (): number =>
          readCounters(mapLookup(maps.map("counters"), Buffer.alloc(4), COUNTERS_BYTES) ?? Buffer.alloc(0)).dropped.firewall ?? 0;
        const verdicts = packets.map((packet) => {
          const before = refused();
          testRun(program, { frame: frameOf(packet) });
          return refused() === before;
        });
        expect(verdicts).toEqual(packets.map((packet) => isAllowed(firewall, packet)));
      },
    ),
    { numRuns: 25, endOnFailure: true },
  );
});
