/** The texts of /proc/PID as values. Pure. Source: proc(5), one format each; the kernel writes them, so they are not hostile. */
import { assert } from "../../base/index.ts";

export interface Stat {
  /** R, S, D, T, Z, X … */
  readonly state: string;
  readonly parentPid: number;
  readonly threads: number;
  readonly startTicks: number;
}

/** /proc/PID/stat: | pid (name) state ppid … |; the name may hold spaces and brackets, so it ends at the last one. */
export function parseStat(text: string): Stat {
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  const [state, parentPid, threads, startTicks] = [fields[0], fields[1], fields[17], fields[19]];
  assert(state !== undefined && startTicks !== undefined, `/proc/PID/stat is ${text}`);
  return { state, parentPid: Number(parentPid), threads: Number(threads), startTicks: Number(startTicks) };
}

export interface Ids {
  readonly real: number;
  readonly effective: number;
  readonly saved: number;
  readonly fileSystem: number;
}

/** Sets of capabilities as 16 hex digits: bit n is capability n. */
export interface CapabilitySets {
  readonly inheritable: string;
  readonly permitted: string;
  readonly effective: string;
  readonly bounding: string;
  readonly ambient: string;
}

export interface Status {
  readonly name: string;
  readonly uids: Ids;
  readonly gids: Ids;
  readonly groups: readonly number[];
  readonly capabilities: CapabilitySets;
  readonly noNewPrivileges: boolean;
  readonly seccomp: "off" | "strict" | "filter";
  readonly seccompFilters: number;
}

/** /proc/PID/status: | Name:\tvalue | a line. */
export function parseStatus(text: string): Status {
  const fields = new Map(text.split("\n").map((line) => [line.slice(0, line.indexOf(":")), line.slice(line.indexOf(":") + 1).trim()]));
  const field = (name: string) => fields.get(name) ?? "";
  return {
    name: field("Name"),
    uids: parseIds(field("Uid")),
    gids: parseIds(field("Gid")),
    groups: field("Groups").split(/\s+/).filter(Boolean).map(Number),
    capabilities: {
      inheritable: field("CapInh"),
      permitted: field("CapPrm"),
      effective: field("CapEff"),
      bounding: field("CapBnd"),
      ambient: field("CapAmb"),
    },
    noNewPrivileges: field("NoNewPrivs") === "1",
    seccomp: field("Seccomp") === "2" ? "filter" : field("Seccomp") === "1" ? "strict" : "off",
    seccompFilters: Number(field("Seccomp_filters") || "0"),
  };
}

function parseIds(text: string): Ids {
  const [real = Number.NaN, effective = Number.NaN, saved = Number.NaN, fileSystem = Number.NaN] = text.split(/\s+/).map(Number);
  return { real, effective, saved, fileSystem };
}

/** Ids of a user namespace and what they are outside: `count` of them from each. */
export interface IdRange {
  readonly inside: number;
  readonly outside: number;
  readonly count: number;
}

/** /proc/PID/uid_map: | inside outside count | a line, as the reader's own namespace sees them. */
export function parseIdMap(text: string): IdRange[] {
  return text
    .split("\n")
    .filter(Boolean)
    .map((line) => {
      const [inside = 0, outside = 0, count = 0] = line.trim().split(/\s+/).map(Number);
      return { inside, outside, count };
    });
}

/** /proc/PID/fdinfo/N: | pos:\t0 | flags:\t0100002 (octal, as open(2) has them) | … | */
export function parseFdInfo(text: string): FdInfo {
  const lock = /^lock:\s*\d+: FLOCK\s+\w+\s+(READ|WRITE)\b/m.exec(text)?.[1];
  return {
    offset: Number(/^pos:\s*(\d+)/m.exec(text)?.[1] ?? 0),
    flags: Number.parseInt(/^flags:\s*([0-7]+)/m.exec(text)?.[1] ?? "0", 8),
    lock: lock === undefined ? undefined : lock === "WRITE" ? "exclusive" : "shared",
  };
}

export interface FdInfo {
  readonly offset: number;
  readonly flags: number;
  /** By flock(2), of the open file that the descriptor is of, whoever took it. */
  readonly lock: "shared" | "exclusive" | undefined;
}

export interface CgroupMembership {
  /** Of a v1 tree, or none: the v2 tree. */
  readonly controllers: readonly string[];
  readonly path: string;
}

/** /proc/PID/cgroup: | id:controllers:path | a line. */
export function parseCgroups(text: string): CgroupMembership[] {
  return text
    .split("\n")
    .filter(Boolean)
    .map((line) => {
      const [, controllers = "", ...path] = line.split(":");
      return { controllers: controllers.split(",").filter(Boolean), path: path.join(":") };
    });
}

export interface MappedFile {
  readonly path: string;
  readonly device: string;
  readonly inode: number;
  readonly isWritable: boolean;
  readonly isShared: boolean;
  readonly isExecutable: boolean;
}

/** /proc/PID/maps: | from-to rwxp offset device inode path |; one entry a file, with every right that any of its mappings has. */
export function parseMappedFiles(text: string): MappedFile[] {
  const files = new Map<string, MappedFile>();
  for (const line of text.split("\n")) {
    const [, rights = "", device = "", inode = "0", path = ""] = /^\S+ (\S+) \S+ (\S+) (\d+)\s*(.*)$/.exec(line) ?? [];
    if (inode === "0") continue; // anonymous, stack, vdso …
    const earlier = files.get(`${device} ${inode}`);
    files.set(`${device} ${inode}`, {
      path,
      device,
      inode: Number(inode),
      isWritable: rights[1] === "w" || earlier?.isWritable === true,
      isShared: rights[3] === "s" || earlier?.isShared === true,
      isExecutable: rights[2] === "x" || earlier?.isExecutable === true,
    });
  }
  return [...files.values()];
}
