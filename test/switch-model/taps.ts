/**
 * The outer ends of taps, as a test holds them: what is written is what a guest sends, what is read is what it receives. A frame that
 * is written has gone all its way through the switches when the call returns. Source: Linux Documentation/networking/tuntap.rst.
 */
import koffi from "koffi";
import type { ChecksumPlace } from "./build-frame.ts";

const libc = koffi.load("libc.so.6");
const write: (fd: number, bytes: Buffer, length: number) => bigint | number = libc.func(
  "int64_t write(int fd, const void *bytes, size_t length)",
);
const read: (fd: number, bytes: Buffer, length: number) => bigint | number = libc.func("int64_t read(int fd, void *bytes, size_t length)");
const ioctl: (fd: number, request: number, argument: Buffer) => number = libc.func("int ioctl(int fd, uint64_t request, void *argument)");
const poll: (ports: Buffer, count: number, timeoutMs: number) => number = libc.func("int poll(void *ports, uint64_t count, int timeoutMs)");

const TUNGETIFF = 0x800454d2;
const TUNGETVNETHDRSZ = 0x800454d7;
const IFF_VNET_HDR = 0x4000;
const IFREQ_BYTES = 40;
const IFREQ_FLAGS_AT = 16;
/** struct pollfd: | fd:i32 | events:i16 | revents:i16 | */
const POLLFD_BYTES = 8;
const POLLIN = 1;
/** struct virtio_net_hdr: | flags:u8 | segmentation:u8 | length of headers:u16 | of a segment:u16 | checksum's start:u16, and offset:u16 | */
const HEAD_BYTES_AT = 2;
const CHECKSUM_AT = 6;
const NEEDS_CHECKSUM = 1;
const FRAME_BYTES_MAX = 68 * 1024;

interface Tap {
  readonly name: string;
  readonly fd: number;
  /** Before each frame, both ways. */
  readonly headerBytes: number;
}

export interface SaidOfFrame {
  /** Of a long frame, in one piece; all where it is 0. */
  readonly headBytes?: number;
  /** The checksum that its adapter shall complete. */
  readonly left?: ChecksumPlace;
}

export interface ReceivedFrame {
  readonly port: string;
  readonly frame: Buffer;
}

export class Taps {
  readonly #taps = new Map<string, Tap>();
  readonly #frame = Buffer.alloc(FRAME_BYTES_MAX);
  #polled = Buffer.alloc(0);

  /** @param fd stays the caller's */
  add(name: string, fd: number): void {
    this.#taps.set(name, { name, fd, headerBytes: headerBytesOf(fd) });
    this.#polled = Buffer.alloc(this.#taps.size * POLLFD_BYTES);
    for (const [at, tap] of [...this.#taps.values()].entries()) {
      this.#polled.writeInt32LE(tap.fd, at * POLLFD_BYTES);
      this.#polled.writeInt16LE(POLLIN, at * POLLFD_BYTES + 4);
    }
  }

  /**
   * A frame that the kernel refuses (shorter than an Ethernet header, or the link is down) is not sent, as with any adapter.
   * @param said what the guest says of the frame, where the tap has a header to say it in
   */
  send(name: string, frame: Buffer, { headBytes = 0, left }: SaidOfFrame = {}): void {
    const tap = this.#taps.get(name);
    if (tap === undefined) throw new Error(`no tap is called ${name}`);
    const header = Buffer.alloc(tap.headerBytes);
    if (headBytes > 0 && tap.headerBytes > 0) header.writeUInt16LE(headBytes, HEAD_BYTES_AT);
    if (left !== undefined && tap.headerBytes > 0) {
      header.writeUInt8(NEEDS_CHECKSUM, 0);
      header.writeUInt16LE(left.start, CHECKSUM_AT);
      header.writeUInt16LE(left.offset, CHECKSUM_AT + 2);
    }
    const bytes = Buffer.concat([header, frame]);
    write(tap.fd, bytes, bytes.length);
  }

  /** Everything that has come out anywhere. */
  receive(): readonly ReceivedFrame[] {
    if (poll(this.#polled, this.#taps.size, 0) <= 0) return [];
    const received: ReceivedFrame[] = [];
    for (const [at, tap] of [...this.#taps.values()].entries()) {
      if ((this.#polled.readInt16LE(at * POLLFD_BYTES + 6) & POLLIN) === 0) continue;
      for (let frame = this.#readFrom(tap); frame !== undefined; frame = this.#readFrom(tap)) received.push({ port: tap.name, frame });
    }
    return received;
  }

  #readFrom({ fd, headerBytes }: Tap): Buffer | undefined {
    const length = Number(read(fd, this.#frame, this.#frame.length));
    return length < headerBytes ? undefined : Buffer.from(this.#frame.subarray(headerBytes, length));
  }
}

function headerBytesOf(fd: number): number {
  const request = Buffer.alloc(IFREQ_BYTES);
  if (ioctl(fd, TUNGETIFF, request) < 0) throw new Error(`descriptor ${fd} is no tap`);
  if ((request.readUInt16LE(IFREQ_FLAGS_AT) & IFF_VNET_HDR) === 0) return 0;
  const size = Buffer.alloc(4);
  if (ioctl(fd, TUNGETVNETHDRSZ, size) < 0) throw new Error(`the tap of descriptor ${fd} does not tell the length of its header`);
  return size.readInt32LE(0);
}
