/**
 * What a guest says of its files (untrusted), as vim25 shows it. Pure.
 * The guest writes what it likes: numbers are bounded, names lose what no XML text can have.
 */
import type { GuestFileInfo, GuestPosixFileAttributes } from "../../wire/index.ts";

export interface FileListing {
  readonly total: number;
  readonly files: readonly GuestFileInfo[];
}

const SECONDS_MAX = 253_402_300_799; // the year 9999
const STAT_LINE = /^s ([0-9a-f]{1,8}) (\d{1,18}) (-?\d{1,12})(?:\.\d+)? (-?\d{1,12})(?:\.\d+)? (\d{1,10}) (\d{1,10}) (.+)$/;
const S_IFMT = 0o170000;
const S_IFDIR = 0o040000;
const S_IFLNK = 0o120000;
const PERMISSION_BITS = 0o7777;

export function parseListing(output: Buffer, countMax: number): FileListing {
  const lines = output.toString("utf8").split("\n");
  const total = Number(/^total (\d{1,9})$/.exec(lines[0] ?? "")?.[1] ?? 0);
  const targets = parseTargets(lines);
  const files = lines.flatMap((line) => parseStatLine(line, targets) ?? []).slice(0, countMax);
  return { total: Math.max(total, files.length), files };
}

function parseTargets(lines: readonly string[]): ReadonlyMap<string, string> {
  const targets = new Map<string, string>();
  lines.forEach((line, index) => {
    const next = lines[index + 1] ?? "";
    if (line.startsWith("l ") && next.startsWith("t ")) targets.set(line.slice(2), cleanText(next.slice(2)));
  });
  return targets;
}

function parseStatLine(line: string, targets: ReadonlyMap<string, string>): GuestFileInfo | undefined {
  const match = STAT_LINE.exec(line);
  if (match === null) return undefined;
  const [, mode = "0", size, modified, accessed, owner, group, name = ""] = match;
  const bits = Number.parseInt(mode, 16);
  const kind = bits & S_IFMT;
  const target = kind === S_IFLNK ? targets.get(name) : undefined;
  const attributes: GuestPosixFileAttributes = {
    $type: "GuestPosixFileAttributes",
    modificationTime: dateOf(Number(modified)),
    accessTime: dateOf(Number(accessed)),
    ...(target === undefined ? {} : { symlinkTarget: target }),
    ownerId: asInt(Number(owner)),
    groupId: asInt(Number(group)),
    permissions: bits & PERMISSION_BITS,
  };
  return {
    path: cleanText(name.replace(/^\.\//, "")),
    type: kind === S_IFDIR ? "directory" : kind === S_IFLNK ? "symlink" : "file",
    size: Math.min(Number(size), Number.MAX_SAFE_INTEGER),
    attributes,
  };
}

/** vim25's ids are signed. */
function asInt(id: number): number {
  return id | 0;
}

export function dateOf(seconds: number): Date {
  return new Date(Math.min(Math.max(seconds, 0), SECONDS_MAX) * 1000);
}

export function cleanText(text: string): string {
  return text.replace(/[\p{Cc}\ufffe\uffff]/gu, "?");
}
