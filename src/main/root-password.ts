/**
 * root's first password: given, or made and kept where only root of the machine can read it until somebody takes it away.
 *
 * A made one is kept under a name of its own until hostd has stored it, so that a start that breaks off in between loses nothing.
 */
import { randomInt } from "node:crypto";
import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { hashPassword, PASSWORD_BYTES_MAX } from "../access/index.ts";
import { type HostPaths, SystemError } from "../base/index.ts";
import { isErrno } from "../system/index.ts";

/** The environment variable that gives it. */
export const PASSWORD_VARIABLE = "BULKHEAD_ROOT_PASSWORD";

/** The one that gives the password of whoever uses a command of this machine. */
export const USER_PASSWORD_VARIABLE = "BULKHEAD_PASSWORD";

export type RootPassword =
  /** By the environment: it becomes root's now. */
  | { readonly kind: "given"; readonly password: string }
  /** Made, and not stored by hostd yet. */
  | { readonly kind: "made"; readonly password: string }
  /** Made at an earlier start; root may have another by now. */
  | { readonly kind: "kept"; readonly password: string }
  /** Stored by hostd; nobody else knows it. */
  | { readonly kind: "unknown" };

export interface KnownPasswords {
  readonly given: string | undefined;
  /** Made at a start that broke off. */
  readonly pending: string | undefined;
  readonly initial: string | undefined;
  /** Whether hostd has never run here. */
  readonly isNewHost: boolean;
}

const PASSWORD_BYTES_MIN = 8;
const MADE_LENGTH = 24;
const MADE_ALPHABET = "abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"; // none that is taken for another; 24 of 55 are 138 bits

/** Pure but for `make`, which is asked only when one is needed. */
export function chooseRootPassword({ given, pending, initial, isNewHost }: KnownPasswords, make: () => string): RootPassword {
  if (given !== undefined && given !== "") {
    const bytes = Buffer.byteLength(given);
    if (bytes >= PASSWORD_BYTES_MIN && bytes <= PASSWORD_BYTES_MAX) return { kind: "given", password: given };
    throw new SystemError(`${PASSWORD_VARIABLE} has ${bytes} bytes; it takes ${PASSWORD_BYTES_MIN} to ${PASSWORD_BYTES_MAX}`);
  }
  if (pending !== undefined) return { kind: "made", password: pending };
  if (isNewHost) return { kind: "made", password: make() };
  return initial === undefined ? { kind: "unknown" } : { kind: "kept", password: initial };
}

export function makePassword(): string {
  return Array.from({ length: MADE_LENGTH }, () => MADE_ALPHABET[randomInt(MADE_ALPHABET.length)]).join("");
}

export const initialPasswordPath = ({ state }: HostPaths): string => join(state, "initial-root-password");
const pendingPath = (paths: HostPaths): string => `${initialPasswordPath(paths)}.pending`;

export function knownPasswords(paths: HostPaths, environment: NodeJS.ProcessEnv): KnownPasswords {
  return {
    given: environment[PASSWORD_VARIABLE],
    pending: readLine(pendingPath(paths)),
    initial: readLine(initialPasswordPath(paths)),
    isNewHost: !existsSync(join(paths.hostdState, "hostd.db")),
  };
}

function readLine(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8").trim();
  } catch (error) {
    if (isErrno(error, "ENOENT")) return undefined;
    throw error;
  }
}

/** Before hostd starts. @returns the hash that hostd is to give root; undefined leaves root's password as it is */
export async function prepareRootPassword(paths: HostPaths, choice: RootPassword): Promise<string | undefined> {
  if (choice.kind === "unknown" || choice.kind === "kept") return undefined;
  if (choice.kind === "made") writeFileSync(pendingPath(paths), `${choice.password}\n`, { mode: 0o600 });
  return hashPassword(choice.password);
}

/** Once hostd has stored it. */
export function settleRootPassword(paths: HostPaths, choice: RootPassword): void {
  if (choice.kind === "made") renameSync(pendingPath(paths), initialPasswordPath(paths));
  if (choice.kind !== "given") return;
  for (const path of [pendingPath(paths), initialPasswordPath(paths)]) rmSync(path, { force: true }); // neither is root's any more
}
