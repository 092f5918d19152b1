/**
 * The unit that is a vNIC's firewall, one for each direction. Pure. Paper «Virtual Machine Networks» (vNIC-level firewall).
 *
 * A packet is read onto the stack. What belongs to a connection passes; what cannot be judged is dropped; the rest is for the rules,
 * the first match wins, and what they let through becomes a connection:
 * - TCP: a segment with SYN and without ACK opens one, all others belong to one or are dropped.
 * - UDP: a datagram that passed lets those between the same ends pass, both ways.
 * - ICMP: an echo request that passed lets its replies pass; errors pass that quote a packet of a connection.
 * - Fragments: a later one passes where the first one did before it, in the same direction. It has no ports to be judged by.
 * - ARP, neighbour discovery and all other protocols are for the rules, in each direction.
 */
import { SKB } from "../../../../ebpf/index.ts";
import type { Firewall } from "../../config.ts";
import { ETHERNET, ETHERTYPE, type PortBuilder, type Unit } from "../port-builder.ts";
import { findConnection, makeConnection, nameFragments, rememberFragment } from "./connections.ts";
import { clearPlaces, readIpv4, readIpv6, refuseFlagsApart } from "./packet.ts";
import { type Direction, FLOW, IPV4, IPV6, PLACES } from "./places.ts";
import { judgeByRules, type PacketKind } from "./rules.ts";
import { judgeTransport } from "./transport.ts";

export interface FirewallParts {
  readonly firewall: Firewall;
  /** "out": from the guest. */
  readonly direction: Direction;
  /** Of a trunk: connections in two VLANs are two. */
  readonly isTrunk: boolean;
}

export function firewall(parts: FirewallParts): Unit {
  return {
    name: parts.direction === "out" ? "firewall" : "inbound firewall",
    emit: (builder) => {
      const [ipv4, ipv6, arp] = ["ipv4", "ipv6", "arp"].map((name) => builder.freshLabel(name)) as [string, string, string];
      const passed = builder.freshLabel("passed");
      builder.loadFrame(ETHERNET.bytes);
      keepRemoteMac(builder, parts);
      builder.load(2, "r2", "r7", ETHERNET.type).jumpIf("eq", "r2", ETHERTYPE.ipv4, ipv4).jumpIf("eq", "r2", ETHERTYPE.ipv6, ipv6);
      builder.jumpIf("eq", "r2", ETHERTYPE.arp, arp);
      judgeWithoutState(builder, parts, "other", passed);
      builder.label(arp);
      judgeWithoutState(builder, parts, "arp", passed);
      judgePackets(builder, parts, { ipv4, ipv6, passed });
      builder.label(passed);
    },
  };
}

function judgeWithoutState(builder: PortBuilder, { firewall, direction }: FirewallParts, kind: PacketKind, allow: string): void {
  judgeByRules(builder, { firewall, direction, kind, allow, deny: builder.drop("firewall") });
}

function judgePackets(builder: PortBuilder, parts: FirewallParts, to: { ipv4: string; ipv6: string; passed: string }): void {
  const { firewall, direction } = parts;
  const [known, allowed, later] = ["known", "allowed", "later"].map((name) => builder.freshLabel(name)) as [string, string, string];
  const packetExits = { malformed: builder.drop("malformed"), laterFragment: later };
  for (const [label, family, kind, read] of [
    [to.ipv4, IPV4, "ipv4", readIpv4],
    [to.ipv6, IPV6, "ipv6", readIpv6],
  ] as const) {
    const rules = builder.freshLabel("rules");
    builder.label(label);
    clearPlaces(builder);
    keepVlan(builder, parts);
    read(builder, direction, packetExits);
    const exits = { malformed: packetExits.malformed, refuse: builder.drop("firewall"), known, rules };
    judgeTransport(builder, { family, direction, exits });
    builder.label(rules);
    judgeByRules(builder, { firewall, direction, kind, allow: allowed, deny: builder.drop("firewall") });
  }
  judgeLaterFragment(builder, direction, later, to.passed);
  builder.label(allowed);
  makeConnection(builder);
  builder.label(known);
  rememberFragment(builder, direction);
}

/** r3 is the fragment's offset. */
function judgeLaterFragment(builder: PortBuilder, direction: Direction, later: string, passed: string): void {
  builder.label(later);
  refuseFlagsApart(builder, builder.drop("fragment"));
  nameFragments(builder, direction);
  findConnection(builder, PLACES.flow, builder.drop("fragment"));
  builder.jump(passed);
}

function keepRemoteMac(builder: PortBuilder, { firewall, direction }: FirewallParts): void {
  if (!firewall.rules.some(({ remoteMac }) => remoteMac !== undefined)) return;
  builder.load(8, "r2", "r7", direction === "out" ? ETHERNET.destination : ETHERNET.source).lsh("r2", 16);
  builder.store(8, "r10", PLACES.remoteMac, "r2");
}

function keepVlan(builder: PortBuilder, { isTrunk, direction }: FirewallParts): void {
  if (!isTrunk) return;
  if (direction === "out") builder.store(2, "r10", PLACES.flow + FLOW.vlan, "r8");
  else {
    const untagged = builder.freshLabel("untagged");
    builder.load(4, "r2", "r6", SKB.vlanPresent).jumpIf("eq", "r2", 0, untagged);
    builder
      .load(4, "r2", "r6", SKB.vlanTci)
      .and("r2", 0xfff)
      .store(2, "r10", PLACES.flow + FLOW.vlan, "r2")
      .label(untagged);
  }
}
