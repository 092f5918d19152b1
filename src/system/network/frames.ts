/**
 * Whole Ethernet frames out of and into a link, beside the kernel's own protocols.
 * Source: packet(7), Linux include/uapi/linux/if_packet.h.
 */
import { close, closeSync } from "node:fs";
import { assert, SystemError } from "../../base/index.ts";
import { NativeMemory } from "../bpf/native-memory.ts";
import { errnoName, libcCall } from "../libc.ts";
import { messageCalls, messageHeader } from "../sockets/messages.ts";
import { linkIndex } from "./links.ts";
import { AUXDATA_CONTROL_BYTES, PACKET_AUXDATA, SOL_PACKET, withVlanTag } from "./received-frame.ts";

const openSocket = libcCall<[domain: number, type: number, protocol: number]>("int socket(int domain, int type, int protocol)");
const bind = libcCall<[fd: number, address: Buffer, length: number]>("int bind(int fd, const void *address, uint32_t length)");
const setsockopt = libcCall<[fd: number, level: number, option: number, value: Buffer, length: number]>(
  "int setsockopt(int fd, int level, int option, const void *value, uint32_t length)",
);
const send = libcCall<[fd: number, bytes: Buffer, length: number, flags: number]>(
  "int64_t send(int fd, const void *bytes, size_t length, int flags)",
);

const SOL_SOCKET = 1;
const SO_ATTACH_FILTER = 26;
const AF_PACKET = 17;
const SOCK_RAW = 3;
const SOCK_CLOEXEC = 0o2000000;
const SOCK_NONBLOCK = 0o4000;
const ETH_P_ALL = 0x0003;
const PACKET_IGNORE_OUTGOING = 23;
/** The longest that a link of any kind hands over: a segment that is yet to be cut, and its headers. */
const FRAME_BYTES_MAX = 64 * 1024 + 256;

/** Of classic BPF: opcode, how far to jump where it holds and where not, and a number. Source: bpf(4), linux/filter.h. */
export type FilterInstruction = readonly [opcode: number, jumpTrue: number, jumpFalse: number, k: number];

export interface FrameSocketOptions {
  readonly receives: boolean;
  readonly filter?: readonly FilterInstruction[];
}

/** Before it is bound, so that nothing comes in by it unasked. struct sock_fprog: | count:u16 | 0:6 | address:u64 | */
function attachFilter(fd: number, filter: readonly FilterInstruction[]): void {
  const bytes = Buffer.alloc(8 * filter.length);
  for (const [index, [opcode, jumpTrue, jumpFalse, k]] of filter.entries()) {
    bytes.writeUInt16LE(opcode, 8 * index);
    bytes.writeUInt8(jumpTrue, 8 * index + 2);
    bytes.writeUInt8(jumpFalse, 8 * index + 3);
    bytes.writeUInt32LE(k, 8 * index + 4);
  }
  using instructions = NativeMemory.of(bytes);
  const program = Buffer.alloc(16);
  program.writeUInt16LE(filter.length, 0);
  program.writeBigUInt64LE(instructions.address, 8);
  setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, program, program.length);
}

/**
 * A link seen as frames. It belongs to the namespace that it was opened in, and hears nothing more once the link has left it.
 * Closing one takes the kernel some 15 ms, which are not waited for: for several frames, send them all by one.
 */
export class FrameSocket {
  readonly #fd: number;
  readonly #link: string;

  /**
   * @param link in the namespace of the calling thread
   * @param options `receives` false: for sending alone, so that nothing is copied to it; `filter`: only what it lets through is
   */
  constructor(link: string, { receives, filter }: FrameSocketOptions) {
    this.#link = link;
    const index = linkIndex(link);
    if (index === undefined) throw new SystemError(`opening the network link ${link} for frames: there is none`);
    let fd: number | undefined;
    try {
      fd = openSocket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
      const yes = Buffer.from([1, 0, 0, 0]);
      for (const option of [PACKET_IGNORE_OUTGOING, PACKET_AUXDATA]) setsockopt(fd, SOL_PACKET, option, yes, yes.length);
      if (filter !== undefined) attachFilter(fd, filter);
      const address = linkAddress(index, receives ? ETH_P_ALL : 0);
      bind(fd, address, address.length);
      this.#fd = fd;
    } catch (cause) {
      if (fd !== undefined) closeSync(fd);
      throw new SystemError(`opening the network link ${link} for frames`, { cause });
    }
  }

  /** @throws {SystemError} when the link is down, or the frame shorter than its header or longer than the MTU */
  send(frame: Buffer): void {
    try {
      send(this.#fd, frame, frame.length, 0);
    } catch (cause) {
      throw new SystemError(`sending a frame of ${frame.length} bytes out of the network link ${this.#link}`, { cause });
    }
  }

  /** @returns the next frame that arrived at the link, with its VLAN tag, or undefined when there is none now */
  receive(): Buffer | undefined {
    const bytes = Buffer.alloc(FRAME_BYTES_MAX);
    const control = Buffer.alloc(AUXDATA_CONTROL_BYTES);
    const { recvmsg, errno } = messageCalls();
    const length = Number(recvmsg(this.#fd, messageHeader(bytes, control), 0));
    if (length >= 0) return withVlanTag(bytes.subarray(0, length), control);
    const code = errnoName(errno());
    if (code === "EAGAIN") return undefined;
    throw new SystemError(`receiving a frame from the network link ${this.#link}: ${code}`);
  }

  [Symbol.dispose](): void {
    close(this.#fd, (error) => assert(error === null || error === undefined, `the descriptor of ${this.#link} is closed once`));
  }
}

/** struct sockaddr_ll: | family:u16 | protocol:u16 big-endian | index:i32 | kind:u16 | 0:u8 | length:u8 | address:8 | */
function linkAddress(index: number, protocol: number): Buffer {
  const address = Buffer.alloc(20);
  address.writeUInt16LE(AF_PACKET, 0);
  address.writeUInt16BE(protocol, 2);
  address.writeInt32LE(index, 4);
  return address;
}

/** Sends one frame out of a link of the calling thread's namespace. */
export function sendFrame(link: string, frame: Buffer): void {
  using socket = new FrameSocket(link, { receives: false });
  socket.send(frame);
}
