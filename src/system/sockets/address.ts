/** Socket addresses as the kernel takes them. Pure. Source: unix(7), ip(7), ipv6(7). */
import { isIPv4, isIPv6 } from "node:net";
import { SOCKET_PATH_BYTES_MAX, SystemError } from "../../base/index.ts";

export const AF_UNIX = 1;
export const AF_INET = 2;
export const AF_INET6 = 10;

/** struct sockaddr_un: | family:u16 | path, zero-terminated | */
export function unixAddress(path: string): Buffer {
  const bytes = Buffer.byteLength(path);
  if (bytes === 0 || path.includes("\0")) throw new SystemError(`${JSON.stringify(path)} is no path for a socket`);
  if (bytes > SOCKET_PATH_BYTES_MAX) {
    throw new SystemError(`the socket path ${path} has ${bytes} bytes, and a unix socket's has at most ${SOCKET_PATH_BYTES_MAX}`);
  }
  const address = Buffer.alloc(2 + bytes + 1);
  address.writeUInt16LE(AF_UNIX, 0);
  address.write(path, 2);
  return address;
}

/**
 * struct sockaddr_in: | family:u16 | port:u16 big-endian | address:4 | 0:8 |;
 * struct sockaddr_in6: | family:u16 | port:u16 big-endian | flow:u32 | address:16 | scope:u32 |
 * @param host an IPv4 or IPv6 address in text; no names, because whom we listen to must not depend on a resolver
 */
export function tcpAddress(host: string, port: number): { readonly family: number; readonly bytes: Buffer } {
  if (!Number.isInteger(port) || port < 0 || port > 65535) throw new SystemError(`${port} is no TCP port`);
  if (isIPv4(host)) {
    const bytes = Buffer.alloc(16);
    bytes.writeUInt16LE(AF_INET, 0);
    bytes.writeUInt16BE(port, 2);
    Buffer.from(host.split(".").map(Number)).copy(bytes, 4);
    return { family: AF_INET, bytes };
  }
  if (isIPv6(host) && !host.includes("%")) {
    const bytes = Buffer.alloc(28);
    bytes.writeUInt16LE(AF_INET6, 0);
    bytes.writeUInt16BE(port, 2);
    ipv6Bytes(host).copy(bytes, 8);
    return { family: AF_INET6, bytes };
  }
  throw new SystemError(`${host} is no IPv4 or IPv6 address to listen on`);
}

function ipv6Bytes(host: string): Buffer {
  // "::ffff:1.2.3.4": the last four bytes may be written as IPv4.
  const dotted = /^(.*:)(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(host);
  const hex = (high: string | undefined, low: string | undefined) => ((Number(high) << 8) | Number(low)).toString(16);
  const text = dotted === null ? host : `${dotted[1]}${hex(dotted[2], dotted[3])}:${hex(dotted[4], dotted[5])}`;
  const [head = "", tail] = text.split("::");
  const groups = (part: string) => part.split(":").filter((group) => group !== "");
  const [first, last] = [groups(head), groups(tail ?? "")];
  const middle = new Array<string>(8 - first.length - last.length).fill("0");
  const bytes = Buffer.alloc(16);
  for (const [index, group] of [...first, ...middle, ...last].entries()) bytes.writeUInt16BE(Number.parseInt(group, 16), index * 2);
  return bytes;
}
