/** What the supervisor needs to know of the machine that it stands on. */
import { readFileSync } from "node:fs";
import { networkInterfaces } from "node:os";
import { resolve } from "node:path";
import { SystemError } from "../base/index.ts";

/** The folder that holds dist/, node_modules/ and guest/: this file lies in src/main or dist/main. */
export const INSTALLATION = resolve(import.meta.dirname, "../..");

/** hostd's user; made by the set-up scripts. */
export const BULKHEAD_USER = "bulkhead";

export interface UserIds {
  readonly uid: number;
  readonly gid: number;
}

export function requireRoot(): void {
  if (process.getuid?.() !== 0) throw new SystemError("this needs root: the host starts confined processes. Run it with sudo.");
}

export function findBulkheadUser(): UserIds {
  const found = parseUser(readFileSync("/etc/passwd", "utf8"), BULKHEAD_USER);
  if (found === undefined)
    throw new SystemError(`there is no user ${BULKHEAD_USER}: run npm start once, or useradd --system ${BULKHEAD_USER}`);
  return found;
}

/** A user of passwd(5), a line each: name:password:uid:gid:… Pure. */
export function parseUser(passwd: string, name: string): UserIds | undefined {
  const [, , uid, gid] =
    passwd
      .split("\n")
      .find((line) => line.startsWith(`${name}:`))
      ?.split(":") ?? [];
  return uid === undefined || gid === undefined ? undefined : { uid: Number(uid), gid: Number(gid) };
}

/** Where others reach this machine: IPv4 first, and nothing that only this machine or this link knows. */
export function ownAddresses(): string[] {
  const all = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
  const reachable = all.filter(({ internal, address }) => !internal && !/^fe80:/i.test(address));
  return reachable.sort((a, b) => a.family.localeCompare(b.family)).map(({ address }) => address);
}
