/**
 * The express road: what a guest sends to another one at the same switch, where nobody else is to see it and the receiver takes all that
 * is for its address, is handed over before the kernel makes a packet of it (XDP), which is most of what a small frame costs. Pure.
 * A program there passes to tc, as it came, whatever it does not know to be such a frame; it drops what the port forbids.
 *
 * XDP does not see the virtio header before a frame, in which a guest says that it left the checksum to its adapter, and what is handed
 * over arrives with an empty one. But whoever leaves it puts the sum of the pseudo-header in its place (virtio 1.2 §5.1.6.2), so the
 * frame itself tells. Frames of TCP and UDP whose checksum is right go this way, and those where it is left, completed. All others,
 * tunnels with a checksum that is left further inside among them, are tc's.
 *
 * Nor does XDP see whether a frame is several segments that are yet to be cut, so it takes none that are as long as such. TCP's are: a
 * segment has 536 bytes where nobody says else (RFC 9293 §3.7.1), IPv4 has networks for no less than that (RFC 791), and who tells its
 * peer to send less than {@link PAYLOAD_MAX} gets segments whose checksum is done twice. UDP's are not offered to guests.
 */
import { XDP_ACTION, XDP_MD } from "../../../ebpf/index.ts";
import { FLAG_BARE, GROUP_BIT, TABLE_VALUE } from "../plan-table.ts";
import { type Family, IPV4, IPV6, PROTOCOL, TCP, UDP_BYTES } from "./firewall/places.ts";
import { ETHERNET, ETHERTYPE, type PortBuilder, type Unit } from "./port-builder.ts";

const PASS = "pass";

/** Beside the places that other units have; void once the checksum is known. */
const PLACES = {
  /** 8 bytes: the sum of the pseudo-header; then the checksum. */
  sum: -32,
  /** 1 byte. */
  protocol: -40,
  /** A copy of what follows the IP header, and up to 3 bytes of 0. */
  copy: -432,
} as const;
/** Of TCP or UDP, with its header. */
const PAYLOAD_MAX = 384;

const IPV4_PLAIN = 0x45; // no options
const IPV6_PLAIN = 0x60;
const VERSION_MASK = { ipv4: 0xff, ipv6: 0xf0 } as const;
const FRAGMENT = { at: 6, bits: 0xff3f } as const; // as a little-endian machine loads it: more fragments, and the offset
const LENGTH_AT = { ipv4: 2, ipv6: 4 } as const;
const CHECKSUM_AT = { tcp: 16, udp: 6 } as const;
const ALL_ONES = 0xffff;

/** Reads no more than it needs to know that the frame is for one receiver. r8 becomes that receiver's device. */
export function findBareReceiver(vlan: number): Unit {
  return {
    name: "express",
    emit: (builder) => {
      builder.mov("r6", "r1").loadFrame(ETHERNET.bytes + IPV4.headerBytes + UDP_BYTES, PASS);
      builder.load(8, "r9", "r7", ETHERNET.destination).lsh("r9", 16).jumpIf("set", "r9", GROUP_BIT, PASS);
      if (vlan !== 0) builder.or("r9", vlan);
      builder.openTable(PASS).lookUpDestination().jumpIf("eq", "r0", 0, PASS);
      builder.load(4, "r2", "r0", TABLE_VALUE.flags).and("r2", FLAG_BARE).jumpIf("eq", "r2", 0, PASS);
      builder.loadDevice("r8").loadSender().jumpIf("eq", "r8", "r2", PASS);
    },
  };
}

/** A tag is an EtherType here. r7 is the frame's first byte afterwards. */
export const completeChecksum: Unit = {
  name: "checksum",
  emit: (builder) => {
    const [ipv4, summed] = [builder.freshLabel("ipv4"), builder.freshLabel("summed")];
    builder.load(2, "r2", "r7", ETHERNET.type).jumpIf("eq", "r2", ETHERTYPE.ipv4, ipv4).jumpIf("ne", "r2", ETHERTYPE.ipv6, PASS);
    builder.loadFrame(ETHERNET.bytes + IPV6.headerBytes + UDP_BYTES, PASS);
    judgeSum(builder, IPV6, summed);
    builder.jump(summed).label(ipv4);
    judgeSum(builder, IPV4, summed);
    builder.label(summed);
  },
};

function judgeSum(builder: PortBuilder, family: Family, summed: string): void {
  needPlainHeader(builder, family);
  sumPseudoHeader(builder, family);
  sumPayload(builder, family);
  loadChecksum(builder);
  // r0 is the sum of all that the checksum covers but the pseudo-header, r2 that one's, r4 the checksum that is there.
  builder.mov("r5", "r0").add("r5", "r2");
  fold(builder, "r5");
  builder.jumpIf("eq", "r5", ALL_ONES, summed).jumpIf("ne", "r4", "r2", PASS);
  fold(builder, "r0");
  const writable = builder.freshLabel("checksum");
  // UDP has another meaning for 0.
  builder.xor("r0", ALL_ONES).jumpIf("ne", "r0", 0, writable).mov("r0", ALL_ONES).label(writable).store(8, "r10", PLACES.sum, "r0");
  writeChecksum(builder, family);
}

/** r9 becomes how many bytes follow the IP header. */
function needPlainHeader(builder: PortBuilder, { version, headerBytes, protocolAt }: Family): void {
  const name = version === 4 ? "ipv4" : "ipv6";
  builder.load(1, "r2", "r7", ETHERNET.bytes).and("r2", VERSION_MASK[name]);
  builder.jumpIf("ne", "r2", version === 4 ? IPV4_PLAIN : IPV6_PLAIN, PASS);
  if (version === 4)
    builder
      .load(2, "r2", "r7", ETHERNET.bytes + FRAGMENT.at)
      .and("r2", FRAGMENT.bits)
      .jumpIf("ne", "r2", 0, PASS);
  builder.load(1, "r2", "r7", ETHERNET.bytes + protocolAt).store(1, "r10", PLACES.protocol, "r2");
  builder.load(2, "r9", "r7", ETHERNET.bytes + LENGTH_AT[name]).be16("r9");
  if (version === 4) builder.sub("r9", headerBytes);
  builder.jumpIf("lt", "r9", UDP_BYTES, PASS).jumpIf("gt", "r9", PAYLOAD_MAX, PASS);
}

/** RFC 9293 §3.1, RFC 768, RFC 8200 §8.1: addresses, length, protocol, as 16-bit words. */
function sumPseudoHeader(builder: PortBuilder, { sourceAt, addressBytes }: Family): void {
  builder.mov("r1", 0).mov("r2", 0).mov("r3", "r7");
  builder.add("r3", ETHERNET.bytes + sourceAt).mov("r4", 2 * addressBytes).mov("r5", 0).call("csumDiff"); // biome-ignore format: a sum
  builder.mov("r2", "r9").be16("r2").add("r0", "r2").load(1, "r2", "r10", PLACES.protocol).lsh("r2", 8).add("r0", "r2"); // biome-ignore format: a sum
  fold(builder, "r0");
  builder.store(8, "r10", PLACES.sum, "r0");
}

/** r0 becomes the sum of what follows the IP header, of which a copy is on the stack: a helper takes no length from a frame. */
function sumPayload(builder: PortBuilder, { headerBytes }: Family): void {
  // Whole words: behind the last byte is 0.
  builder.mov("r1", "r9").and("r1", WORDS_MASK).mov("r2", "r10").add("r2", PLACES.copy).add("r2", "r1").storeImmediate(4, "r2", 0, 0); // biome-ignore format: a sum
  builder.copyOut(ETHERNET.bytes + headerBytes, PLACES.copy, "r9", PASS);
  builder.mov("r1", 0).mov("r2", 0).mov("r3", "r10").add("r3", PLACES.copy).mov("r4", "r9").add("r4", 3).and("r4", WORDS_MASK);
  builder.jumpIf("gt", "r4", PAYLOAD_MAX, PASS).mov("r5", 0).call("csumDiff");
}

const WORDS_MASK = 0x1fc;

/** r4 becomes the checksum that is in the frame, r2 the sum of the pseudo-header. A datagram without a checksum may hold a tunnel. */
function loadChecksum(builder: PortBuilder): void {
  const [udp, loaded] = [builder.freshLabel("udp"), builder.freshLabel("loaded")];
  builder.load(1, "r3", "r10", PLACES.protocol).jumpIf("eq", "r3", PROTOCOL.udp, udp).jumpIf("ne", "r3", PROTOCOL.tcp, PASS);
  builder.jumpIf("lt", "r9", TCP.bytes, PASS).load(2, "r4", "r10", PLACES.copy + CHECKSUM_AT.tcp).jump(loaded); // biome-ignore format: a way
  builder.label(udp).load(2, "r4", "r10", PLACES.copy + CHECKSUM_AT.udp).jumpIf("eq", "r4", 0, PASS).label(loaded); // biome-ignore format: a way
  builder.load(8, "r2", "r10", PLACES.sum);
}

function writeChecksum(builder: PortBuilder, { headerBytes }: Family): void {
  const [udp, written] = [builder.freshLabel("udp"), builder.freshLabel("written")];
  const at = ETHERNET.bytes + headerBytes;
  builder.loadFrame(at + UDP_BYTES).load(8, "r0", "r10", PLACES.sum).load(1, "r2", "r10", PLACES.protocol); // biome-ignore format: a way
  builder.jumpIf("eq", "r2", PROTOCOL.udp, udp).loadFrame(at + TCP.bytes).store(2, "r7", at + CHECKSUM_AT.tcp, "r0").jump(written); // biome-ignore format: a way
  builder
    .label(udp)
    .store(2, "r7", at + CHECKSUM_AT.udp, "r0")
    .label(written);
}

/** To 16 bits: a sum of 16-bit words, RFC 1071. r3 is lost. */
function fold(builder: PortBuilder, sum: "r0" | "r5"): void {
  for (let times = 0; times < 3; times++) builder.mov("r3", sum).rsh("r3", 16).and(sum, ALL_ONES).add(sum, "r3");
}

/**
 * The receiver gets the frame. In a test run, which sends nothing, who it is is written where the frame has 4 bytes of metadata before
 * it: no frame of a guest has.
 */
export const handOver: Unit = {
  name: "hand over",
  emit: (builder) => {
    const send = builder.freshLabel("send");
    builder.load(4, "r1", "r6", XDP_MD.dataMeta).load(4, "r2", "r6", XDP_MD.data).mov("r3", "r1").add("r3", 4);
    builder.jumpIf("gt", "r3", "r2", send).store(4, "r1", 0, "r8").label(send);
    builder.mov("r1", "r8").mov("r2", 0).call("redirect").exit();
    builder.label(PASS).mov("r0", XDP_ACTION.pass).exit();
  },
};
