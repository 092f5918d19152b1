/**
 * The unit at a port of the host itself: what is delivered there is for an address of the one interface that is behind the port. Pure.
 * The kernel would take what is for any address of the netstack by any of its interfaces, and a guest that shares a VLAN with one
 * would reach what is on the others. Source: RFC 1122 §3.3.4.2, the strong host model.
 */
import type { HostAddress } from "../config.ts";
import { addressBytes } from "./firewall/address.ts";
import { ETHERNET, ETHERTYPE, type PortBuilder, type Unit } from "./port-builder.ts";

/** Where a destination is in its header, and how long it is. */
const DESTINATION = { ipv4: { at: 16, bytes: 4 }, ipv6: { at: 24, bytes: 16 } } as const;
/** 16 bytes on the stack: a private copy of it. */
const COPY = -16;
const GROUPS_OF_IPV4 = 224; // multicast, and the broadcast to all
const GROUPS_OF_IPV6 = 0xff;
/** fe80::/10, as a little-endian machine loads its first two bytes: an address of one link is nobody's on another. */
const LINK_LOCAL = { mask: 0xc0ff, value: 0x80fe } as const;

export function refuseOthersAddresses(addresses: readonly HostAddress[]): Unit {
  return {
    name: "own addresses",
    emit: (builder) => {
      const [ipv4, ipv6, own] = ["ipv4", "ipv6", "own"].map((name) => builder.freshLabel(name)) as [string, string, string];
      const refuse = builder.drop("unknownDestination");
      builder.load(2, "r2", "r7", ETHERNET.type).jumpIf("eq", "r2", ETHERTYPE.arp, own);
      builder.jumpIf("eq", "r2", ETHERTYPE.ipv4, ipv4).jumpIf("eq", "r2", ETHERTYPE.ipv6, ipv6).jump(refuse);
      builder.label(ipv4);
      passOwnIpv4(builder, addresses, own);
      builder.jump(refuse).label(ipv6);
      passOwnIpv6(builder, addresses, own);
      builder.jump(refuse).label(own);
    },
  };
}

function passOwnIpv4(builder: PortBuilder, addresses: readonly HostAddress[], own: string): void {
  copyDestination(builder, DESTINATION.ipv4);
  builder.load(1, "r2", "r10", COPY).jumpIf("ge", "r2", GROUPS_OF_IPV4, own).load(4, "r2", "r10", COPY);
  for (const { address, prefixLength } of addresses) {
    const bytes = addressBytes(address);
    if (bytes.length !== DESTINATION.ipv4.bytes) continue;
    for (const word of [bytes, broadcastOf(bytes, prefixLength)]) builder.jumpIf("eq", "r2", word.readInt32LE(), own, 32);
  }
}

function broadcastOf(address: Buffer, prefixLength: number): Buffer {
  const broadcast = Buffer.alloc(address.length);
  const hostBits = prefixLength === 32 ? 0 : 0xffff_ffff >>> prefixLength;
  broadcast.writeUInt32BE((address.readUInt32BE() | hostBits) >>> 0);
  return broadcast;
}

function passOwnIpv6(builder: PortBuilder, addresses: readonly HostAddress[], own: string): void {
  copyDestination(builder, DESTINATION.ipv6);
  builder.load(1, "r2", "r10", COPY).jumpIf("eq", "r2", GROUPS_OF_IPV6, own);
  builder.load(2, "r2", "r10", COPY).and("r2", LINK_LOCAL.mask).jumpIf("eq", "r2", LINK_LOCAL.value, own);
  builder.load(8, "r2", "r10", COPY).load(8, "r4", "r10", COPY + 8);
  for (const { address } of addresses) {
    const bytes = addressBytes(address);
    if (bytes.length !== DESTINATION.ipv6.bytes) continue;
    const next = builder.freshLabel("address");
    builder.load64("r3", bytes.readBigUInt64LE()).jumpIf("ne", "r2", "r3", next);
    builder.load64("r3", bytes.readBigUInt64LE(8)).jumpIf("eq", "r4", "r3", own).label(next);
  }
}

function copyDestination(builder: PortBuilder, { at, bytes }: { readonly at: number; readonly bytes: number }): void {
  builder.copyOut(ETHERNET.bytes + at, COPY, bytes, builder.drop("malformed"));
}
