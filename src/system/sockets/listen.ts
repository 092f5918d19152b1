/**
 * Listening sockets as bare descriptors, to be passed to another process: Node's own would unlink the path that it bound
 * when it is closed, and would accept what is meant for the process that inherits it. Closed on exec unless passed.
 */
import { chmodSync, chownSync, closeSync, unlinkSync } from "node:fs";
import { SystemError } from "../../base/index.ts";
import { errnoCode, libcCall } from "../libc.ts";
import { AF_UNIX, tcpAddress, unixAddress } from "./address.ts";

const socket = libcCall<[domain: number, type: number, protocol: number]>("int socket(int domain, int type, int protocol)");
const bind = libcCall<[fd: number, address: Buffer, length: number]>("int bind(int fd, const void *address, uint32_t length)");
const listen = libcCall<[fd: number, backlog: number]>("int listen(int fd, int backlog)");
const setsockopt = libcCall<[fd: number, level: number, option: number, value: Buffer, length: number]>(
  "int setsockopt(int fd, int level, int option, const void *value, uint32_t length)",
);

const SOCK_STREAM = 1;
const SOCK_CLOEXEC = 0o2000000;
const SOL_SOCKET = 1;
const SO_REUSEADDR = 2;
const SO_BINDTODEVICE = 25;
/** Connections that wait to be accepted: as many as Node itself asks for. */
const BACKLOG = 511;

export interface UnixSocketOwner {
  readonly mode: number;
  readonly uid?: number;
  readonly gid?: number;
}

/**
 * Binds a unix socket, which must not be there yet, and listens.
 * @returns a descriptor; nothing but the caller ever unlinks the path
 */
export function listenUnix(path: string, { mode, uid = 0, gid = 0 }: UnixSocketOwner): number {
  const address = unixAddress(path);
  const fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  let bound = false;
  try {
    bind(fd, address, address.length);
    bound = true;
    // Nobody can connect before listen(), so there is no moment with the wrong mode.
    chmodSync(path, mode);
    if (process.getuid?.() === 0) chownSync(path, uid, gid);
    listen(fd, BACKLOG);
    return fd;
  } catch (cause) {
    closeSync(fd);
    if (bound) unlinkSync(path);
    throw new SystemError(`listening on the unix socket ${path}`, { cause });
  }
}

/** The address and port that were asked for are another process's. */
export class PortTaken extends SystemError {}

/**
 * @param host an IPv4 or IPv6 address
 * @param port 0 for any free one
 * @param link by which whoever connects must come, whatever other links there are
 * @throws {PortTaken}
 */
export function listenTcp(host: string, port: number, link?: string): number {
  const fd = bindTcp(host, port, link);
  try {
    listen(fd, BACKLOG);
    return fd;
  } catch (cause) {
    closeSync(fd);
    throw failedToListen(host, port, cause);
  }
}

/** As {@link listenTcp}, and leaves it to whoever gets the socket to listen: until then who connects is refused. */
export function bindTcp(host: string, port: number, link?: string): number {
  const { family, bytes } = tcpAddress(host, port);
  const fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  try {
    if (link !== undefined) setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, Buffer.from(`${link}\0`), Buffer.byteLength(link) + 1);
    // A host that was restarted must not wait for the last connections of its predecessor to time out.
    const yes = Buffer.from([1, 0, 0, 0]);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, yes, yes.length);
    bind(fd, bytes, bytes.length);
    return fd;
  } catch (cause) {
    closeSync(fd);
    throw failedToListen(host, port, cause);
  }
}

function failedToListen(host: string, port: number, cause: unknown): SystemError {
  const name = host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
  if (errnoCode(cause) === "EADDRINUSE") return new PortTaken(`${name} is taken by another process`, { cause });
  return new SystemError(`listening on ${name}`, { cause });
}
