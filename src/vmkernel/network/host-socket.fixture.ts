/** A UDP socket of a network namespace, for tests: it stays there, whoever uses it. Source: ip(7), udp(7). */
import { closeSync } from "node:fs";
import koffi from "koffi";
import { inNamespace } from "../../system/index.ts";

const libc = koffi.load("libc.so.6");
const socket: (domain: number, type: number, protocol: number) => number = libc.func("int socket(int domain, int type, int protocol)");
const bind: (fd: number, address: Buffer, length: number) => number = libc.func("int bind(int fd, const void *address, uint32_t length)");
const sendto: (fd: number, bytes: Buffer, length: number, flags: number, address: Buffer, addressLength: number) => number = libc.func(
  "int64_t sendto(int fd, const void *bytes, size_t length, int flags, const void *address, uint32_t addressLength)",
);
const recv: (fd: number, bytes: Buffer, length: number, flags: number) => number = libc.func(
  "int64_t recv(int fd, void *bytes, size_t length, int flags)",
);

const AF_INET = 2;
const SOCK_DGRAM_NONBLOCK = 2 | 0o4000;
export const UDP_PORT = 7007;

export class HostSocket {
  readonly #fd: number;

  constructor(namespace: string) {
    this.#fd = inNamespace(namespace, () => socket(AF_INET, SOCK_DGRAM_NONBLOCK, 0));
    if (this.#fd < 0 || bind(this.#fd, addressOf("0.0.0.0"), ADDRESS_BYTES) !== 0) throw new Error(`no socket in ${namespace}`);
  }

  /** @returns whether the kernel knows a way there */
  send(to: string, text: string): boolean {
    return sendto(this.#fd, Buffer.from(text), text.length, 0, addressOf(to), ADDRESS_BYTES) === text.length;
  }

  /** @returns undefined when nothing came yet */
  receive(): string | undefined {
    const bytes = Buffer.alloc(2048);
    const length = recv(this.#fd, bytes, bytes.length, 0);
    return length < 0 ? undefined : bytes.toString("utf8", 0, length);
  }

  [Symbol.dispose](): void {
    closeSync(this.#fd);
  }
}

const ADDRESS_BYTES = 16;

/** struct sockaddr_in: | family:u16 | port:u16 big-endian | address:4 | 0:8 | */
function addressOf(ip: string): Buffer {
  const address = Buffer.alloc(ADDRESS_BYTES);
  address.writeUInt16LE(AF_INET, 0);
  address.writeUInt16BE(UDP_PORT, 2);
  Buffer.from(ip.split(".").map(Number)).copy(address, 4);
  return address;
}
