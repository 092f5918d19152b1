/**
 * Frames into taps and out of them, many with one system call, so that what is measured is the switch and not the sender: a call for
 * each frame from JavaScript costs as much as a switch does. Taps know no sendmmsg(2), but they are files, and Linux's own asynchronous
 * I/O (io_submit(2)) does for them at once what it is given: a list of writes and reads, also of different taps.
 * JavaScript, so that a worker can load it. Source: Linux include/uapi/linux/aio_abi.h.
 */
import koffi from "koffi";

const libc = koffi.load("libc.so.6");
const systemCall = libc.func("int64_t syscall(int64_t number, uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e)");
const clockGettime = libc.func("int clock_gettime(int clock, void *time)");
const SYS_IO_SETUP = 206; // of x86-64, as the next ones
const SYS_IO_DESTROY = 207;
const SYS_IO_GETEVENTS = 208;
const SYS_IO_SUBMIT = 209;

/** struct iocb: | data:u64 | key:u32 | flags:u32 | operation:u16 | priority:u16 | fd:u32 | buffer:u64 | bytes:u64 | offset:u64 | … | */
const IOCB_BYTES = 64;
const IOCB_CMD_PREAD = 0;
const IOCB_CMD_PWRITE = 1;
/** struct io_event: | data:u64 | iocb:u64 | result:s64 | s64 | */
const EVENT_BYTES = 32;
const CLOCK_THREAD_CPUTIME_ID = 3;

/** Virtio's header of a tap that nobody has told another size. */
export const VNET_HEADER_BYTES = 10;

function nativeMemory(bytes) {
  const pointer = koffi.alloc("uint8_t", bytes);
  return { pointer, address: koffi.address(pointer), bytes: Buffer.from(koffi.view(pointer, bytes)).fill(0) };
}

function call(number, ...args) {
  const [a = 0, b = 0, c = 0, d = 0, e = 0] = args;
  const result = Number(systemCall(number, a, b, c, d, e));
  if (result < 0) throw new Error(`system call ${number}: error ${koffi.errno()}`);
  return result;
}

const ioctl = libc.func("int ioctl(int fd, uint64_t request, uint64_t argument)");
const TUNSETOFFLOAD = 0x400454d0;
/** TUN_F_CSUM, TUN_F_TSO4 and TUN_F_TSO6. */
const OFFLOADS = 7;

/** As QEMU does for a guest with offloads: it takes frames without a checksum, and segments uncut. */
export function takeOffloads(fd) {
  if (ioctl(fd, TUNSETOFFLOAD, OFFLOADS) !== 0) throw new Error(`descriptor ${fd} takes no offloads: error ${koffi.errno()}`);
}

/** A list of writes or of reads that is performed as often as one likes. */
class Burst {
  #context;
  #memory;
  #iocbs;
  #pointers;
  #events;
  #buffers;
  #size;

  /** @param {{ operation: number, fds: readonly number[], bytes: number }} parts of each operation its tap and room */
  constructor({ operation, fds, bytes }) {
    this.#size = fds.length;
    const context = nativeMemory(8);
    call(SYS_IO_SETUP, this.#size, context.address);
    this.#context = context.bytes.readBigUInt64LE();
    this.#buffers = nativeMemory(this.#size * bytes);
    this.#iocbs = nativeMemory(this.#size * IOCB_BYTES);
    this.#pointers = nativeMemory(this.#size * 8);
    this.#events = nativeMemory(this.#size * EVENT_BYTES);
    this.#memory = [context, this.#buffers, this.#iocbs, this.#pointers, this.#events];
    for (const [n, fd] of fds.entries()) {
      const at = n * IOCB_BYTES;
      this.#iocbs.bytes.writeBigUInt64LE(BigInt(n), at);
      this.#iocbs.bytes.writeUInt16LE(operation, at + 16);
      this.#iocbs.bytes.writeUInt32LE(fd, at + 20);
      this.#iocbs.bytes.writeBigUInt64LE(this.#buffers.address + BigInt(n * bytes), at + 24);
      this.#iocbs.bytes.writeBigUInt64LE(BigInt(bytes), at + 32);
      this.#pointers.bytes.writeBigUInt64LE(this.#iocbs.address + BigInt(at), n * 8);
    }
  }

  get size() {
    return this.#size;
  }

  /** What is written, or was read: operation after operation. */
  get bytes() {
    return this.#buffers.bytes;
  }

  /** @returns how many succeeded; the others found nothing to read, or a tap that is down */
  perform(count = this.#size) {
    const submitted = call(SYS_IO_SUBMIT, this.#context, count, this.#pointers.address);
    const done = call(SYS_IO_GETEVENTS, this.#context, submitted, submitted, this.#events.address, 0);
    let succeeded = 0;
    // The high half of the result: only a negative one has bits there.
    for (let n = 0; n < done; n++) if (this.#events.bytes[n * EVENT_BYTES + 23] === 0) succeeded++;
    return succeeded;
  }

  [Symbol.dispose]() {
    call(SYS_IO_DESTROY, this.#context);
    for (const { pointer } of this.#memory) koffi.free(pointer);
  }
}

/** @param {{ fd: number, frames: readonly Uint8Array[] }} what of one length, each with its virtio header */
export function writing({ fd, frames }) {
  const bytes = frames[0]?.length ?? 0;
  const burst = new Burst({ operation: IOCB_CMD_PWRITE, fds: frames.map(() => fd), bytes });
  for (const [n, frame] of frames.entries()) burst.bytes.set(frame, n * bytes);
  return burst;
}

/** @param {{ fds: readonly number[], bytes: number }} what a read for each of `fds`: the same one many times, or many taps */
export function reading({ fds, bytes }) {
  return new Burst({ operation: IOCB_CMD_PREAD, fds, bytes });
}

/** What the processor has spent on the calling thread, in nanoseconds: waiting for others of the machine does not count. */
export function threadNs() {
  clockGettime(CLOCK_THREAD_CPUTIME_ID, clockBytes);
  return clockBytes.readUInt32LE(0) * 1e9 + clockBytes.readUInt32LE(8);
}

const clockBytes = Buffer.alloc(16);

const libcWrite = libc.func("int64_t write(int fd, const void *bytes, size_t length)");
const libcRead = libc.func("int64_t read(int fd, void *bytes, size_t length)");

/** One frame. */
export function write(fd, frame) {
  return Number(libcWrite(fd, frame, frame.length));
}

/** One frame. @returns its length; -1 where there is none */
export function read(fd, room) {
  return Number(libcRead(fd, room, room.length));
}
