/** The TCP sockets of the network namespace that this thread is in, as the kernel lists them. Source: proc(5) net/tcp and tcp6. */
import { existsSync, readFileSync } from "node:fs";

export interface TcpSocket {
  /** By which a descriptor `socket:[inode]` is told to be it. */
  readonly inode: number;
  readonly localPort: number;
  readonly isListening: boolean;
}

export function tcpSockets(): readonly TcpSocket[] {
  const tables = ["/proc/thread-self/net/tcp", "/proc/thread-self/net/tcp6"].filter((path) => existsSync(path));
  return tables.flatMap((path) => parseTcpTable(readFileSync(path, "utf8")));
}

const LISTEN = "0A";

/** | sl: | local address:port | remote | state | tx:rx | timer | retransmits | uid | timeout | inode | …, all but uid and inode in hex. Pure. */
export function parseTcpTable(text: string): readonly TcpSocket[] {
  return text
    .split("\n")
    .slice(1)
    .flatMap((line) => {
      const [, local = "", , state, , , , , , inode] = line.trim().split(/\s+/);
      if (inode === undefined) return [];
      return [
        { inode: Number(inode), localPort: Number.parseInt(local.slice(local.lastIndexOf(":") + 1), 16), isListening: state === LISTEN },
      ];
    });
}
