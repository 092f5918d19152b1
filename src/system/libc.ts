/**
 * Calls of libc that Node does not have, each declared once here or beside its only user, bound when it is first called:
 * koffi takes 20 ms and 4 MB, which a process that never calls pays nothing of.
 */
import { createRequire } from "node:module";
import { constants } from "node:os";
import type koffi from "koffi";

type Koffi = typeof koffi;
type Argument = number | string | Buffer | null;

let loaded: { readonly koffi: Koffi; readonly libc: ReturnType<Koffi["load"]> } | undefined;

function load(): NonNullable<typeof loaded> {
  if (loaded === undefined) {
    const koffi = createRequire(import.meta.url)("koffi") as Koffi;
    loaded = { koffi, libc: koffi.load("libc.so.6") };
  }
  return loaded;
}

/**
 * @param declaration in C. A result or length that C calls ssize_t or long is an int64_t; an int stays an int, or -1 isn't seen.
 * @returns a function that throws as node:fs does when the result is negative: an error with `code` ("EPERM"), `errno` and `syscall`
 */
export function libcCall<Args extends readonly Argument[]>(declaration: string): (...args: Args) => number {
  const name = /(\w+)\(/.exec(declaration)?.[1] ?? declaration;
  let bound: ((...args: Args) => unknown) | undefined;
  return (...args) => {
    const { koffi, libc } = load();
    bound ??= libc.func(declaration) as (...args: Args) => unknown;
    const result = Number(bound(...args));
    if (result < 0) throw errnoError(koffi.errno(), name);
    return result;
  };
}

/** The name of an error number: "EPERM". */
export function errnoName(errno: number): string {
  return Object.entries(constants.errno).find(([, value]) => value === errno)?.[0] ?? `errno ${errno}`;
}

/** The code of a failed call ("EPERM"), also where it is the cause of another error; undefined when `error` is none. */
export function errnoCode(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  return "code" in error && typeof error.code === "string" ? error.code : errnoCode(error.cause);
}

function errnoError(errno: number, syscall: string): Error {
  const code = errnoName(errno);
  return Object.assign(new Error(`${code}: ${syscall}`), { code, errno: -errno, syscall });
}

/**
 * syscall(2) with arguments of these types. Numbers are of x86-64, or the same on every architecture from 424 on.
 * @param types of the arguments, in C: "int fd, void *attributes"
 */
export function systemCall<Args extends readonly Argument[]>(number: number, types: string): (...args: Args) => number {
  const call = libcCall<[number: number, ...args: Args]>(`int64_t syscall(int64_t number, ${types})`);
  return (...args) => call(number, ...args);
}

const memfdCreate = libcCall<[name: string, flags: number]>("int memfd_create(const char *name, unsigned int flags)");
const MFD_CLOEXEC = 1;

/** @returns a descriptor of a file without a name that holds nothing yet; it is gone with its last descriptor. Closed on exec. */
export function createMemoryFile(name: string): number {
  return memfdCreate(name, MFD_CLOEXEC);
}

/** For what was read of a process: undefined when it has ended, also while its file was open (ESRCH); every other error is thrown. */
export function ended(error: unknown): undefined {
  if (["ENOENT", "ESRCH"].includes(errnoCode(error) ?? "")) return undefined;
  throw error;
}
