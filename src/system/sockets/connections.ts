/** TCP and UDP sockets of this network namespace, and whose they are. Source: proc(5) /proc/net/tcp and its like, /proc/PID/fd. */
import { readdir, readFile, readlink } from "node:fs/promises";
import { allPids } from "../processes/find.ts";
import { type ConnectionRow, parseConnections } from "./parse-connections.ts";

export interface Connection extends Omit<ConnectionRow, "inode"> {
  readonly protocol: "tcp" | "udp";
  /** Who holds it: the lowest of several; undefined for what no process holds any more. */
  readonly owner: { readonly pid: number; readonly name: string } | undefined;
}

const CONNECTIONS_MAX = 4096; // the answer stays within a message of vmkernel's

const TABLES = [
  ["tcp", "/proc/net/tcp"],
  ["tcp", "/proc/net/tcp6"],
  ["udp", "/proc/net/udp"],
  ["udp", "/proc/net/udp6"],
] as const;

/** Those that listen first, and no more than {@link CONNECTIONS_MAX}. */
export async function readConnections(): Promise<readonly Connection[]> {
  const tables = await Promise.all(
    TABLES.map(async ([protocol, path]) => parseConnections(await textOf(path), protocol).map((row) => ({ protocol, ...row }))),
  );
  const found = tables.flat();
  const isOpen = ({ state }: ConnectionRow): boolean => state === "LISTEN" || state === "";
  const kept = [...found.filter(isOpen), ...found.filter((row) => !isOpen(row))].slice(0, CONNECTIONS_MAX);
  const owners = await ownersOf(new Set(kept.map(({ inode }) => inode)));
  return kept.map(({ inode, ...row }) => ({ ...row, owner: owners.get(inode) }));
}

/** One process after another: whoever asks waits, and nobody else does. */
async function ownersOf(inodes: ReadonlySet<number>): Promise<ReadonlyMap<number, NonNullable<Connection["owner"]>>> {
  const owners = new Map<number, NonNullable<Connection["owner"]>>();
  for (const pid of allPids().sort((one, other) => one - other)) {
    const folder = `/proc/${pid}/fd`;
    const fds = await readdir(folder).catch(() => []); // it has ended meanwhile
    for (const fd of fds) {
      const inode = Number(/^socket:\[(\d+)\]$/.exec(await readlink(`${folder}/${fd}`).catch(() => ""))?.[1]);
      if (!inodes.has(inode) || owners.has(inode)) continue;
      owners.set(inode, { pid, name: (await textOf(`/proc/${pid}/comm`)).trim() });
    }
  }
  return owners;
}

/** "" where the kernel has no such protocol, or the process has ended. */
async function textOf(path: string): Promise<string> {
  return readFile(path, "utf8").catch(() => "");
}
