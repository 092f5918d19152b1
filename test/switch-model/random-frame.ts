/**
 * Frames by chance, as guests and the wire send them and as attackers do: spoofed addresses, stacked tags, switches' own protocols,
 * headers that lie, packets in pieces. Pure. For tests.
 */
import {
  ARP,
  arp,
  CDP_SNAP,
  type ChecksumPlace,
  checksumPlace,
  DTP_SNAP,
  echo,
  ethernet,
  extension,
  fragmentHeader,
  IPV4,
  IPV6,
  type Ipv4Parts,
  icmp,
  ipv4,
  ipv6,
  STP_LLC,
  type TagParts,
  TCP_FLAGS,
  tcp,
  udp,
  withSum,
} from "./build-frame.ts";
import type { Random } from "./random.ts";
import {
  GROUPS,
  ipv4Of,
  ipv6Of,
  LOCAL_PORTS,
  macOf,
  type RandomNetwork,
  REMOTE_PORTS,
  STRANGER_MAC,
  UPLINK_NAMES,
  VLANS,
} from "./random-network.ts";

export interface SentFrame {
  /** A NIC's name, or an uplink's device. */
  readonly port: string;
  readonly bytes: Buffer;
  /** As much of it lies in one piece where programs see it first; 0 for all. The guest says so in the header before the frame. */
  readonly headBytes: number;
  /** The guest leaves this checksum to its adapter: what arrives has it. */
  readonly left?: ChecksumPlace;
}

type MadeFrame = Omit<SentFrame, "headBytes">;

/** Somebody who speaks: a guest behind its NIC, or a machine behind an uplink. */
interface Speaker {
  readonly port: string;
  readonly mac: string;
  /** The switch that it is at. */
  readonly owner: string | undefined;
  /** Of its IP addresses. */
  readonly host: number;
  readonly tags: readonly number[];
}

/** What two speakers have with each other; both say something in it now and then. */
interface Flow {
  readonly protocol: "tcp" | "udp" | "icmp" | "gre";
  readonly version: 4 | 6;
  readonly ends: readonly [Speaker, Speaker];
  readonly ports: readonly [number, number];
  readonly id: number;
}

const PAGE_BYTES = 4096;
const FLOWS_KEPT = 6;
const BROADCAST = "ff:ff:ff:ff:ff:ff";
/** What no adapter is made with; the last ones read as keys of lists in a table of MAC addresses that is also one of lists. */
const NOBODYS_MACS = [BROADCAST, GROUPS[0], "00:00:00:00:00:00", "01:00:00:00:00:00", "03:01:00:00:00:00"] as const;
const SWITCH_PROTOCOLS = ["01:80:c2:00:00:00", "01:80:c2:00:00:02", "01:80:c2:00:00:0e", "01:00:0c:cc:cc:cc", "01:00:0c:cc:cc:cd"] as const;
const PROTOCOL_NUMBERS = { tcp: 6, udp: 17, gre: 47 } as const;

function protocolOf({ protocol, version }: Flow): number {
  return protocol === "icmp" ? (version === 4 ? 1 : 58) : PROTOCOL_NUMBERS[protocol];
}

/** Frames for one network; each call makes the next. */
export class FrameSource {
  readonly #random: Random;
  readonly #round: number;
  readonly #speakers: readonly Speaker[];
  #flows: readonly Flow[] = [];

  constructor(random: Random, network: RandomNetwork) {
    this.#random = random;
    this.#round = network.round;
    this.#speakers = speakersOf(network);
  }

  next(): SentFrame {
    const frame = this.#random.chance(60) ? this.#packet() : this.#random.chance(25) ? this.#error() : this.#other();
    if (frame.left !== undefined) return { ...frame, headBytes: 0 };
    const bytes = this.#random.chance(8) ? this.#damaged(frame.bytes) : frame.bytes;
    // Of shorter ones the kernel keeps all in one piece whatever the guest says.
    const headBytes = bytes.length > PAGE_BYTES ? this.#random.pick([0, 14, 17, 18, 20, 33, 34, 50, 54, 1000]) : 0;
    return { port: frame.port, bytes, headBytes };
  }

  /** One end of a flow says something to the other. */
  #packet(): MadeFrame {
    const flow = this.#flow();
    const at = this.#random.below(2);
    const [from, to] = at === 0 ? flow.ends : ([flow.ends[1], flow.ends[0]] as const);
    const [source, destination] = at === 0 ? flow.ports : ([flow.ports[1], flow.ports[0]] as const);
    const said = { flow, from, to, source, destination };
    const [type, payload] = flow.version === 4 ? ([IPV4, this.#ipv4(said)] as const) : ([IPV6, this.#ipv6(said)] as const);
    const framed = this.#framed(from, { to: to.mac, type, payload });
    return this.#summed(framed, framed.bytes.length - payload.length);
  }

  /** Most packets have their checksum, or leave it to the adapter. Who is behind an uplink has none to leave it to. */
  #summed({ port, bytes }: MadeFrame, ipAt: number): MadeFrame {
    const place = this.#random.chance(70) && bytes.length <= PAGE_BYTES ? checksumPlace(bytes, ipAt) : undefined;
    if (place === undefined) return { port, bytes };
    if (UPLINK_NAMES.some((name) => name === port) || this.#random.chance(50)) return { port, bytes: withSum(bytes, place, "whole") };
    return { port, bytes: withSum(bytes, place, "left"), left: place };
  }

  #flow(): Flow {
    if (this.#flows.length > 0 && this.#random.chance(75)) return this.#random.pick(this.#flows);
    const flow: Flow = {
      protocol: this.#random.pick(["tcp", "tcp", "udp", "udp", "icmp", "gre"]),
      version: this.#random.chance(65) ? 4 : 6,
      ends: this.#ends(),
      ports: [this.#random.pick(LOCAL_PORTS), this.#random.pick(REMOTE_PORTS)],
      id: this.#random.below(3),
    };
    this.#flows = [flow, ...this.#flows].slice(0, FLOWS_KEPT);
    return flow;
  }

  /** Mostly two of one switch, who are not the same. */
  #ends(): readonly [Speaker, Speaker] {
    const one = this.#random.pick(this.#speakers);
    const near = this.#speakers.filter((other) => other.owner === one.owner && other.port !== one.port);
    return [one, this.#random.pick(near.length > 0 && this.#random.chance(85) ? near : this.#speakers)];
  }

  #ipv4(said: Said): Buffer {
    const addresses = { from: ipv4Of(this.#round, said.from.host), to: ipv4Of(this.#round, said.to.host) };
    const whole = { ...addresses, protocol: protocolOf(said.flow), payload: this.#transport(said), id: said.flow.id };
    if (this.#random.chance(70)) return ipv4(whole);
    if (this.#random.chance(20)) return ipv4({ ...whole, options: Buffer.alloc(4 * this.#random.below(11), 1) });
    if (this.#random.chance(20)) return ipv4({ ...whole, ...this.#lie(20 + whole.payload.length) });
    // A piece: the first one, or a later one whose first may have passed or not.
    const offset = this.#random.pick([0, 0, 0, 1, 1, 3, 185]);
    const payload = offset === 0 ? whole.payload.subarray(0, this.#random.chance(80) ? undefined : 8) : this.#random.bytes(16);
    return ipv4({ ...whole, payload, fragmentOffset: offset, moreFragments: offset === 0 || this.#random.chance(50) });
  }

  #lie(bytes: number): Pick<Ipv4Parts, "version" | "headerWords" | "totalBytes"> {
    return this.#random.pick([
      { totalBytes: this.#random.pick([0, 19, 20, bytes - 1, bytes + 1, 65_535]) },
      { headerWords: this.#random.pick([0, 4, 6, 15]) },
      { version: this.#random.pick([0, 5, 6]) },
      { headerWords: 6, totalBytes: this.#random.pick([20, 23, 24]) },
    ]);
  }

  #ipv6(said: Said): Buffer {
    const addresses = { from: ipv6Of(this.#round, said.from.host), to: ipv6Of(this.#round, said.to.host) };
    let [next, payload] = [protocolOf(said.flow), this.#transport(said)];
    for (let count = this.#random.chance(12) ? this.#random.pick([1, 1, 1, 2]) : 0; count > 0; count--) {
      const offset = this.#random.pick([0, 0, 1, 3]);
      const header = fragmentHeader({ next, offset, more: this.#random.chance(offset === 0 ? 80 : 50), id: said.flow.id });
      [next, payload] = [44, Buffer.concat([header, offset === 0 ? payload : this.#random.bytes(16)])];
    }
    for (let count = this.#random.chance(75) ? 0 : this.#random.between(1, 9); count > 0; count--) {
      const body = Buffer.alloc(6 + 8 * this.#random.below(2));
      [next, payload] = [this.#random.pick([0, 43, 60]), Buffer.concat([extension({ next, body }), payload])];
    }
    const payloadBytes = this.#random.chance(97)
      ? payload.length
      : this.#random.pick([0, Math.max(payload.length, 1) - 1, payload.length + 1]);
    return ipv6({ ...addresses, next, payload, payloadBytes });
  }

  #transport(said: Said): Buffer {
    const bytes = this.#wholeTransport(said);
    return this.#random.chance(97) ? bytes : bytes.subarray(0, this.#random.pick([0, 4, 7, 8, 13, 14, 19]));
  }

  #wholeTransport(said: Said): Buffer {
    const { flow } = said;
    const data = Buffer.alloc(this.#random.chance(98) ? this.#random.pick([0, 4, 24]) : 8900, 0x61);
    switch (flow.protocol) {
      case "tcp":
        return tcp(said, this.#random.chance(45) ? TCP_FLAGS.syn : this.#random.below(64), data);
      case "udp":
        return udp(said, data);
      case "icmp":
        return this.#icmp(flow);
      case "gre":
        return Buffer.concat([Buffer.from("00000800", "hex"), data]);
    }
  }

  #icmp({ version, id }: Flow): Buffer {
    const echoes = version === 4 ? [8, 0] : [128, 129];
    const others = version === 4 ? [3, 5, 11, 12, 13] : [1, 2, 3, 4, 135, 137];
    return echo(this.#random.pick(this.#random.chance(85) ? echoes : others), id);
  }

  /** Somebody says of a packet of a flow that it did not arrive; mostly to whom that packet was from. */
  #error(): MadeFrame {
    const flow = this.#flow();
    const at = this.#random.below(2);
    const [blamed, other] = [flow.ends[at] as Speaker, flow.ends[1 - at] as Speaker];
    const from = this.#random.chance(70) ? other : this.#random.pick(this.#speakers);
    const host = this.#random.chance(75) ? blamed.host : this.#random.pick(this.#speakers).host;
    const quoted = this.#quoted(flow, at);
    const rest = Buffer.concat([
      Buffer.alloc(4),
      this.#random.chance(90) ? quoted : quoted.subarray(0, quoted.length - this.#random.below(14)),
    ]);
    const [version, round] = [this.#random.chance(97) ? flow.version : 4, this.#round];
    if (version === 4) {
      const payload = icmp(this.#random.pick([3, 3, 11, 12, 5, 13]), rest);
      return this.#framed(from, {
        to: blamed.mac,
        type: IPV4,
        payload: ipv4({ from: ipv4Of(round, from.host), to: ipv4Of(round, host), protocol: 1, payload }),
      });
    }
    const payload = icmp(this.#random.pick([1, 2, 3, 4, 135, 137]), rest);
    return this.#framed(from, {
      to: blamed.mac,
      type: IPV6,
      payload: ipv6({ from: ipv6Of(round, from.host), to: ipv6Of(round, host), next: 58, payload }),
    });
  }

  /** As little of a packet of the flow as errors quote. */
  #quoted(flow: Flow, at: number): Buffer {
    const [from, to] = [(flow.ends[at] as Speaker).host, (flow.ends[1 - at] as Speaker).host];
    const ports = { source: flow.ports[at] as number, destination: flow.ports[1 - at] as number };
    const payload = this.#quotedTransport(flow, ports).subarray(0, 8);
    if (flow.version === 6) return ipv6({ from: ipv6Of(this.#round, from), to: ipv6Of(this.#round, to), next: protocolOf(flow), payload });
    const fragmentOffset = this.#random.chance(95) ? 0 : 1;
    return ipv4({ from: ipv4Of(this.#round, from), to: ipv4Of(this.#round, to), protocol: protocolOf(flow), payload, fragmentOffset });
  }

  #quotedTransport({ protocol, version, id }: Flow, ports: { source: number; destination: number }): Buffer {
    if (protocol === "icmp") return echo(this.#random.pick(version === 4 ? [8, 8, 0] : [128, 128, 129]), id);
    return protocol === "tcp" ? tcp(ports, TCP_FLAGS.syn) : udp(ports);
  }

  /** What is no packet of a flow: ARP, switches' protocols, floods, noise. */
  #other(): MadeFrame {
    const from = this.#random.pick(this.#speakers);
    if (this.#random.chance(25)) return this.#arp(from);
    if (this.#random.chance(20)) return this.#switchProtocol(from);
    const to = this.#random.pick([
      BROADCAST,
      this.#random.pick(GROUPS),
      this.#anyMac(),
      this.#anyMac(),
      this.#anyMac(),
      "00:00:00:00:00:00",
    ]);
    const length = this.#random.chance(96) ? this.#random.pick([0, 1, 46, 46, 200]) : this.#random.pick([1500, 1501, 8986]);
    return this.#framed(from, {
      to,
      type: this.#random.pick([0x88b5, 0x86dd, 0x0800, 0x05dc, 0x0600]),
      payload: this.#random.bytes(length),
    });
  }

  #arp(from: Speaker): MadeFrame {
    const host = this.#random.chance(50) ? from.host : this.#random.pick(this.#speakers).host;
    const senderMac = this.#random.chance(50) ? from.mac : this.#anyMac();
    const target = { targetMac: this.#anyMac(), targetIp: ipv4Of(this.#round, this.#random.pick(this.#speakers).host) };
    const payload = arp({ operation: this.#random.between(1, 2), senderMac, senderIp: ipv4Of(this.#round, host), ...target });
    return this.#framed(from, { to: this.#random.chance(60) ? BROADCAST : this.#anyMac(), type: ARP, payload });
  }

  #switchProtocol(from: Speaker): MadeFrame {
    const to = this.#random.chance(85) ? this.#random.pick(SWITCH_PROTOCOLS) : this.#anyMac();
    const header = this.#random.pick([STP_LLC, CDP_SNAP, DTP_SNAP]);
    const payload = Buffer.concat([header, this.#random.bytes(38)]);
    return this.#framed(from, { to, type: this.#random.pick([payload.length, payload.length, 0x88cc, 0x8809]), payload });
  }

  #framed(from: Speaker, parts: { readonly to: string; readonly type: number; readonly payload: Buffer }): MadeFrame {
    const source = this.#random.chance(85)
      ? from.mac
      : this.#random.pick([this.#anyMac(), this.#anyMac(), this.#random.pick(NOBODYS_MACS)]);
    return { port: from.port, bytes: ethernet({ ...parts, from: source, tags: this.#tags(from) }) };
  }

  #tags({ tags }: Speaker): readonly TagParts[] {
    const usual: readonly TagParts[] = tags.length === 0 || this.#random.chance(15) ? [] : [this.#tag(this.#random.pick(tags))];
    if (this.#random.chance(90)) return usual;
    const hostile = Array.from({ length: this.#random.between(1, 3) }, () => this.#tag(this.#random.pick([...VLANS, 0, 4095])));
    return this.#random.chance(50) ? hostile : [...usual, ...hostile];
  }

  #tag(vlan: number): TagParts {
    const control = this.#random.chance(70) ? { vlan } : { vlan, priority: this.#random.below(8), isDropEligible: this.#random.chance(50) };
    return this.#random.chance(96) ? control : { ...control, protocol: this.#random.pick([0x88a8, 0x9100]) };
  }

  #anyMac(): string {
    return this.#random.chance(85) ? this.#random.pick(this.#speakers).mac : this.#random.pick([STRANGER_MAC, macOf(8)]);
  }

  #damaged(bytes: Buffer): Buffer {
    if (this.#random.chance(50)) return bytes.subarray(0, this.#random.below(Math.min(bytes.length, 100) + 1));
    const copy = Buffer.from(bytes);
    for (let count = this.#random.between(1, 3); count > 0 && copy.length > 12; count--) {
      copy[this.#random.between(12, Math.min(copy.length, 70) - 1)] = this.#random.pick([
        0,
        1,
        4,
        5,
        6,
        0x45,
        0x60,
        0x81,
        0xff,
        this.#random.below(256),
      ]);
    }
    return copy;
  }
}

interface Said {
  readonly flow: Flow;
  readonly from: Speaker;
  readonly to: Speaker;
  readonly source: number;
  readonly destination: number;
}

/** Guests speak from their NICs, and more than the one machine behind each uplink. */
function speakersOf({ config: { switches }, nics }: RandomNetwork): readonly Speaker[] {
  const guests = nics.map(({ name, nic }, host): Speaker => {
    const owner = switches.find(({ portGroups }) => portGroups.some((group) => group.name === nic.portGroup));
    const isTrunk = owner?.portGroups.find((group) => group.name === nic.portGroup)?.vlanId === 4095;
    return { port: name, owner: owner?.name, mac: nic.effectiveMac, host, tags: isTrunk ? VLANS : [] };
  });
  const machines = switches.flatMap(({ name: owner, uplinks }) =>
    uplinks.map((port): Speaker => {
      const at = UPLINK_NAMES.indexOf(port as never);
      return { port, owner, mac: `00:50:56:00:01:0${at}`, host: 200 + at, tags: VLANS };
    }),
  );
  return [...guests, ...guests, ...machines];
}
