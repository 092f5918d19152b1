/** The kernel's tables of TCP and UDP sockets. Pure. Source: proc(5); states as include/net/tcp_states.h numbers them. */

export interface ConnectionRow {
  /** By which a descriptor `socket:[inode]` is told to be it. */
  readonly inode: number;
  readonly local: Endpoint;
  readonly remote: Endpoint;
  /** "LISTEN", "ESTABLISHED" …; "" for UDP, which has none. */
  readonly state: string;
  /** Bytes that nobody has read yet, and that the other end has not acknowledged. */
  readonly receiveQueue: number;
  readonly sendQueue: number;
}

export interface Endpoint {
  readonly address: string;
  readonly port: number;
}

const STATES = [
  "",
  "ESTABLISHED",
  "SYN_SENT",
  "SYN_RECV",
  "FIN_WAIT_1",
  "FIN_WAIT_2",
  "TIME_WAIT",
  "CLOSED",
  "CLOSE_WAIT",
  "LAST_ACK",
  "LISTEN",
  "CLOSING",
  "NEW_SYN_RECV",
] as const;

/** | sl: | local address:port | remote | state | tx:rx | timer | retransmits | uid | timeout | inode | …, all but uid and inode in hex. */
export function parseConnections(text: string, protocol: "tcp" | "udp"): readonly ConnectionRow[] {
  return text
    .split("\n")
    .slice(1)
    .flatMap((line) => {
      const [, local = "", remote = "", state = "", queues = "", , , , , inode] = line.trim().split(/\s+/);
      if (inode === undefined) return [];
      const [send = "", receive = ""] = queues.split(":");
      return [
        {
          inode: Number(inode),
          local: endpointOf(local),
          remote: endpointOf(remote),
          state: protocol === "udp" ? "" : (STATES[Number.parseInt(state, 16)] ?? ""),
          receiveQueue: Number.parseInt(receive, 16) || 0,
          sendQueue: Number.parseInt(send, 16) || 0,
        },
      ];
    });
}

/** The address is in 32-bit words, each in the machine's own byte order. */
function endpointOf(hex: string): Endpoint {
  const [address = "", port = ""] = hex.split(":");
  const bytes = (address.match(/.{8}/g) ?? []).flatMap((word) => [...Buffer.from(word, "hex")].reverse());
  return { address: bytes.length === 4 ? bytes.join(".") : ipv6Of(bytes), port: Number.parseInt(port, 16) || 0 };
}

function ipv6Of(bytes: readonly number[]): string {
  const groups = Array.from({ length: 8 }, (_, index) => ((bytes[2 * index] ?? 0) * 256 + (bytes[2 * index + 1] ?? 0)).toString(16));
  return new URL(`http://[${groups.join(":")}]/`).hostname.slice(1, -1); // as it is written shortest
}
