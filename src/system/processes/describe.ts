/** What the kernel says of a process, seen from outside: the raw material of every claim about its confinement. */
import { constants, readdirSync, readFileSync, readlinkSync, type Stats, statSync } from "node:fs";
import { SystemError } from "../../base/index.ts";
import {
  type CgroupMembership,
  type IdRange,
  type MappedFile,
  parseCgroups,
  parseFdInfo,
  parseIdMap,
  parseMappedFiles,
  parseStat,
  parseStatus,
  type Stat,
  type Status,
} from "./parse-proc.ts";
import type { ProcessRef } from "./process-ref.ts";

export const NAMESPACE_KINDS = ["user", "pid", "mnt", "net", "ipc", "uts", "cgroup"] as const;
export type NamespaceKind = (typeof NAMESPACE_KINDS)[number];
/** The inode number of each: two processes are in one namespace when they have the same. */
export type Namespaces = Readonly<Record<NamespaceKind, number>>;

export interface OpenDescriptor {
  readonly fd: number;
  /** A path as the process itself would see it, "socket:[123]", "anon_inode:[eventfd]", "/memfd:x (deleted)" … */
  readonly target: string;
  readonly kind: "file" | "folder" | "characterDevice" | "blockDevice" | "socket" | "pipe" | "anonymous";
  readonly access: "read" | "write" | "readWrite" | "path";
  /** As open(2) has them. */
  readonly flags: number;
  readonly offset: number;
  /** By flock(2). */
  readonly lock: "shared" | "exclusive" | undefined;
  /** Which file it is, whatever its name: st_dev and st_ino. */
  readonly device: number;
  readonly inode: number;
  /** Major and minor number of a device, "10:232"; undefined for what is none. */
  readonly deviceNumber: string | undefined;
}

export interface ProcessDescription extends ProcessRef, Stat, Status {
  readonly executable: string;
  readonly command: readonly string[];
  readonly namespaces: Namespaces;
  readonly uidMap: readonly IdRange[];
  readonly gidMap: readonly IdRange[];
  readonly cgroups: readonly CgroupMembership[];
  /** Names in its root folder. */
  readonly rootEntries: readonly string[];
  readonly descriptors: readonly OpenDescriptor[];
  readonly mappedFiles: readonly MappedFile[];
}

/** @throws {SystemError} when it ends meanwhile, or is not ours to look at */
export function describeProcess(pid: number): ProcessDescription {
  const read = (name: string) => readFileSync(`/proc/${pid}/${name}`, "utf8");
  try {
    return {
      pid,
      ...parseStat(read("stat")),
      ...parseStatus(read("status")),
      executable: readlinkSync(`/proc/${pid}/exe`),
      command: read("cmdline").split("\0").slice(0, -1),
      namespaces: namespacesOf(pid),
      uidMap: parseIdMap(read("uid_map")),
      gidMap: parseIdMap(read("gid_map")),
      cgroups: parseCgroups(read("cgroup")),
      rootEntries: readdirSync(`/proc/${pid}/root`).sort(),
      descriptors: descriptorsOf(pid),
      mappedFiles: parseMappedFiles(read("maps")),
    };
  } catch (cause) {
    throw new SystemError(`looking at process ${pid}`, { cause });
  }
}

export function namespacesOf(pid: number | "self"): Namespaces {
  const inode = (kind: NamespaceKind) => statSync(`/proc/${pid}/ns/${kind}`).ino;
  return Object.fromEntries(NAMESPACE_KINDS.map((kind) => [kind, inode(kind)])) as Record<NamespaceKind, number>;
}

/** Every open descriptor, ascending. One that is closed while they are read is left out. */
export function descriptorsOf(pid: number): OpenDescriptor[] {
  const numbers = readdirSync(`/proc/${pid}/fd`).map(Number);
  return numbers
    .sort((a, b) => a - b)
    .flatMap((fd) => {
      try {
        return [describeDescriptor(pid, fd)];
      } catch (error) {
        if (error instanceof Error && "code" in error && error.code === "ENOENT") return [];
        throw error;
      }
    });
}

const O_PATH = 0o10000000;

function describeDescriptor(pid: number, fd: number): OpenDescriptor {
  const target = readlinkSync(`/proc/${pid}/fd/${fd}`);
  const { flags, offset, lock } = parseFdInfo(readFileSync(`/proc/${pid}/fdinfo/${fd}`, "utf8"));
  const stats = statSync(`/proc/${pid}/fd/${fd}`);
  const isDevice = stats.isCharacterDevice() || stats.isBlockDevice();
  return {
    fd,
    target,
    kind: kindOf(stats),
    access: accessOf(flags),
    flags,
    offset,
    lock,
    device: stats.dev,
    inode: stats.ino,
    deviceNumber: isDevice ? deviceNumber(stats.rdev) : undefined,
  };
}

function kindOf(stats: Stats): OpenDescriptor["kind"] {
  if (stats.isFile()) return "file";
  if (stats.isDirectory()) return "folder";
  if (stats.isCharacterDevice()) return "characterDevice";
  if (stats.isBlockDevice()) return "blockDevice";
  if (stats.isSocket()) return "socket";
  if (stats.isFIFO()) return "pipe";
  return "anonymous"; // eventfd, timerfd, epoll, signalfd: inodes without a file type
}

function accessOf(flags: number): OpenDescriptor["access"] {
  if ((flags & O_PATH) !== 0) return "path";
  const mode = flags & (constants.O_WRONLY | constants.O_RDWR);
  return mode === constants.O_RDWR ? "readWrite" : mode === constants.O_WRONLY ? "write" : "read";
}

/** The kernel's 64-bit dev_t: | minor high | major:12 | minor low:8 |, see makedev(3). */
function deviceNumber(rdev: number): string {
  const major = Math.floor(rdev / 256) & 0xfff;
  const minor = (rdev & 0xff) | (Math.floor(rdev / 4096) & 0xfff00);
  return `${major}:${minor}`;
}
