/**
 * Where the firewall of a port keeps what it read of a packet: on the stack, as private copies, so that each field is looked at as
 * often as there are rules and is the same each time. Pure. Also what the connections of a port look like.
 */

/**
 * From the end of the stack; below what the other units have there.
 *
 * What is a constant on one way through the program and another on the next lies where its offset is no multiple of 8, and is never 0:
 * there the verifier remembers no values. Else it would go through all rules once for each combination of them, and refuse a thousand.
 */
export const PLACES = {
  /** 40 bytes: the flow that the packet belongs to, see {@link FLOW}. */
  flow: -80,
  /** 16 bytes: a connection as it is written, see {@link CONNECTION}. */
  connection: -96,
  /** 40 bytes: the IP header. */
  header: -136,
  /** 20 bytes: the first of what the IP header is before. */
  segment: -156,
  /** 8 bytes: the packet's end, from the frame's first byte. */
  end: -168,
  /** 1 byte: YES for the first fragment of several. */
  isFirstFragment: -172,
  /** 4 bytes: the number that a packet's fragments have in common. */
  fragmentId: -180,
  /** 1 byte: YES if a connection is made of it, should the rules let it through. */
  makesConnection: -188,
  /** 40 bytes: the flow of a packet that an error quotes. */
  quoted: -232,
  /** 8 bytes: the other end's MAC address << 16. */
  remoteMac: -240,
} as const;
export const NO = 1;
export const YES = 2;

/** As the port's own side sees it, so both directions have one key. IPv4's addresses are in the first 4 bytes. */
export const FLOW = { remote: 0, local: 16, remotePort: 32, localPort: 34, protocol: 36, kind: 37, vlan: 38 } as const;
export const FLOW_BYTES = 40;

/** Of a flow's kind: its IP version, and what it is beside a connection of ports. Echoes have their identifier for ports. */
export const FLOW_KIND = { ipv4: 4, ipv6: 6, echoOut: 0x10, echoIn: 0x20, fragmentOut: 0x40, fragmentIn: 0x80 } as const;

/** Nanoseconds of the monotonic clock: until when it lasts, and how long it lasts from each packet on. */
export const CONNECTION = { expires: 0, timeout: 8 } as const;
export const CONNECTION_BYTES = 16;
/** The one that was not used for the longest makes room. */
export const CONNECTIONS_MAX = 16_384;

const SECOND = 1_000_000_000n;

/** How long a connection lasts without a packet. */
export const TIMEOUT = {
  tcpOpening: 60n * SECOND,
  tcpOpen: 12n * 3600n * SECOND,
  tcpClosing: 120n * SECOND,
  udp: 90n * SECOND,
  echo: 30n * SECOND,
  fragment: 31n * SECOND, // senders give up after 30
} as const;
/** A connection is written at most so often, so that most packets write nothing. */
export const RENEWAL_NS = 1_000_000_000;

export const PROTOCOL = { icmp: 1, tcp: 6, udp: 17, icmpv6: 58 } as const;
export const ETHERNET_BYTES = 14;
/** TCP's flags. */
export const TCP = { bytes: 20, flagsAt: 13, fin: 1, syn: 2, rst: 4, ack: 16 } as const;
export const UDP_BYTES = 8;
export const ICMP = { bytes: 8, typeAt: 0, identifierAt: 4 } as const;

export type Direction = "in" | "out";

export interface Family {
  readonly version: 4 | 6;
  readonly icmp: number;
  readonly echoRequest: number;
  readonly echoReply: number;
  /** ICMP errors: they quote what they are about. */
  readonly errors: readonly number[];
  readonly headerBytes: number;
  readonly addressBytes: 4 | 16;
  readonly sourceAt: number;
  readonly protocolAt: number;
}

export const IPV4: Family = {
  version: 4,
  icmp: PROTOCOL.icmp,
  echoRequest: 8,
  echoReply: 0,
  errors: [3, 11, 12],
  headerBytes: 20,
  addressBytes: 4,
  sourceAt: 12,
  protocolAt: 9,
};

export const IPV6: Family = {
  version: 6,
  icmp: PROTOCOL.icmpv6,
  echoRequest: 128,
  echoReply: 129,
  errors: [1, 2, 3, 4],
  headerBytes: 40,
  addressBytes: 16,
  sourceAt: 8,
  protocolAt: 6,
};

export function otherDirection(direction: Direction): Direction {
  return direction === "in" ? "out" : "in";
}
