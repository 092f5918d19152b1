/**
 * Network namespaces: links that only those see who are in the same one. Each is kept by a file that the kernel's own is mounted on,
 * so it lives without any process, and another process finds it again.
 * Source: network_namespaces(7), setns(2), unshare(2), ioctl_ns(2).
 */
import { access, closeSync, constants, fstatSync, mkdtempSync, openSync, rmSync, statfsSync, statSync, unlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { assert, SystemError } from "../../base/index.ts";
import { errnoCode, libcCall } from "../libc.ts";
import { bindMount, unmount } from "../mounts.ts";
import { withOneSocket } from "./netlink-socket.ts";

const setns = libcCall<[fd: number, kind: number]>("int setns(int fd, int kind)");
const unshare = libcCall<[flags: number]>("int unshare(int flags)");
const ioctl = libcCall<[fd: number, request: number, argument: number]>("int ioctl(int fd, uint64_t request, uint64_t argument)");

const CLONE_NEWNET = 0x40000000;
const NSFS_MAGIC = 0x6e736673;
const NS_GET_NSTYPE = 0xb703;
/** Of the calling thread: the process may have others, which stay where they are. */
const OWN_NAMESPACE = "/proc/thread-self/ns/net";

/**
 * Makes an empty namespace and keeps it at `path`. Where one is kept there already, that stays.
 * @throws {SystemError} also when `path` is a file with something in it
 */
export function makeNamespace(path: string): void {
  if (isNamespace(path)) return;
  let made = false;
  try {
    const file = openSync(path, constants.O_RDONLY | constants.O_CREAT | constants.O_NOFOLLOW, 0o600);
    made = isEmptyFile(file);
    closeSync(file);
    if (!made) throw new SystemError("there is something else at its path");
    const own = openSync(OWN_NAMESPACE, "r");
    try {
      beginThreads();
      unshare(CLONE_NEWNET);
      comingBack(own, () => bindMount(OWN_NAMESPACE, path));
    } finally {
      closeSync(own);
    }
  } catch (cause) {
    if (made) unlinkSync(path);
    throw new SystemError(`making the network namespace ${path}`, { cause });
  }
}

/** Whether a network namespace is kept at `path`. An empty file is none: its namespace ended with the machine. */
export function isNamespace(path: string): boolean {
  try {
    if (statfsSync(path).type !== NSFS_MAGIC) return false;
    const fd = openSync(path, "r");
    try {
      return ioctl(fd, NS_GET_NSTYPE, 0) === CLONE_NEWNET;
    } finally {
      closeSync(fd);
    }
  } catch (error) {
    if (errnoCode(error) === "ENOENT" || errnoCode(error) === "ENOTDIR") return false;
    throw new SystemError(`looking for the network namespace ${path}`, { cause: error });
  }
}

/** The number that the kernel knows it by: one namespace has it wherever it is mounted, and no other at that time. */
export function namespaceId(path: string): number {
  if (!isNamespace(path)) throw new SystemError(`there is no network namespace at ${path}`);
  return statSync(path).ino;
}

/** @returns a descriptor, the caller's to close; as long as it is open the namespace lives */
export function openNamespace(path: string): number {
  if (!isNamespace(path)) throw new SystemError(`there is no network namespace at ${path}`);
  return openSync(path, "r");
}

/**
 * Lets the namespace go: with it go its links, except adapters, which go back to the machine's first namespace. The kernel does that
 * a little later, and not before the last process in it has ended and the last descriptor is closed that is open on it or on a
 * socket or tap of it. Where there is none this does nothing.
 * @throws {SystemError} when there is something else at `path`, which stays
 */
export function removeNamespace(path: string): void {
  try {
    if (isNamespace(path)) unmount(path);
    const file = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW);
    const isOurs = isEmptyFile(file);
    closeSync(file);
    if (!isOurs) throw new SystemError("there is something else at its path");
    // Processes with a copy of our mounts have this one too: a file that is unlinked takes them all along.
    unlinkSync(path);
  } catch (cause) {
    if (errnoCode(cause) === "ENOENT") return;
    throw new SystemError(`removing the network namespace ${path}`, { cause });
  }
}

function isEmptyFile(fd: number): boolean {
  const status = fstatSync(fd);
  return status.isFile() && status.size === 0;
}

/**
 * Does something with the calling thread in a namespace, and comes back whatever happens. Sockets and taps that are opened belong to
 * the namespace for good, and so does a process that is started or a thread that begins meanwhile: nothing may be left to go on in
 * the background, as node:fs does in its functions with promises.
 * @param deed done when it returns
 */
export function inNamespace<T>(path: string, deed: () => T): T {
  const there = openNamespace(path);
  try {
    const own = openSync(OWN_NAMESPACE, "r");
    try {
      beginThreads();
      enter(there, path);
      return comingBack(own, () => withOneSocket(deed));
    } finally {
      closeSync(own);
    }
  } finally {
    closeSync(there);
  }
}

/** @param own the namespace to come back to */
function comingBack<T>(own: number, deed: () => T): T {
  try {
    const result = deed();
    assert(!(result instanceof Promise), "what is done in a network namespace is done at once");
    return result;
  } finally {
    enter(own, "that it came from");
  }
}

let threadsBegan = false;

/**
 * Node's threads for files and names begin with the first task that they get, in the namespace of the thread that gives it to them, and
 * stay there for good. So they get one before any namespace is entered.
 */
function beginThreads(): void {
  if (threadsBegan) return;
  threadsBegan = true;
  access("/", () => {}); // whatever comes of it
}

function enter(fd: number, name: string): void {
  try {
    setns(fd, CLONE_NEWNET);
  } catch (cause) {
    throw new SystemError(`entering the network namespace ${name}`, { cause });
  }
}

/** A namespace with nothing in it, for as long as it is used. */
export async function withEmptyNamespace<T>(use: (namespace: string) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), "bulkhead-namespace-"));
  const namespace = join(folder, "namespace");
  try {
    makeNamespace(namespace);
    return await use(namespace);
  } finally {
    removeNamespace(namespace);
    rmSync(folder, { recursive: true });
  }
}
