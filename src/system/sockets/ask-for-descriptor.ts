/**
 * Asks at a unix socket for an open file: one line goes out, one line comes back, and with it perhaps a descriptor.
 * Node's own reads lose what is beside the bytes, so the answer is received on a connection that Node does not know of yet.
 * Source: unix(7) SCM_RIGHTS, recvmsg(2), socket(7) SO_RCVTIMEO.
 */
import { closeSync } from "node:fs";
import { Socket } from "node:net";
import { SystemError } from "../../base/index.ts";
import { libcCall } from "../libc.ts";
import { AF_UNIX, unixAddress } from "./address.ts";
import { CONTROL_BYTES, CONTROL_HEADER_BYTES, messageCalls, messageHeader, SCM_RIGHTS, SOL_SOCKET } from "./messages.ts";

const openSocket = libcCall<[domain: number, type: number, protocol: number]>("int socket(int domain, int type, int protocol)");
const connect = libcCall<[fd: number, address: Buffer, length: number]>("int connect(int fd, const void *address, uint32_t length)");
const send = libcCall<[fd: number, bytes: Buffer, length: number, flags: number]>(
  "int64_t send(int fd, const void *bytes, size_t length, int flags)",
);
const setsockopt = libcCall<[fd: number, level: number, option: number, value: Buffer, length: number]>(
  "int setsockopt(int fd, int level, int option, const void *value, uint32_t length)",
);

const SOCK_STREAM = 1;
const SOCK_CLOEXEC = 0o2000000;
const MSG_NOSIGNAL = 0x4000;
const MSG_CMSG_CLOEXEC = 0x40000000; // or a child that is started at that moment inherits what was received
const SO_RCVTIMEO = 20;
const SO_SNDTIMEO = 21;

export interface DescriptorAnswer {
  /** Without its newline. */
  readonly line: string;
  /** The caller's to close. */
  readonly fd: number | undefined;
  /** The rest of the conversation, as a socket of Node's. The caller ends it. */
  readonly socket: Socket;
}

export interface DescriptorQuestion {
  readonly path: string;
  readonly line: string;
  /** Longest answer that is taken. */
  readonly bytesMax: number;
  readonly timeoutMs: number;
}

/** @throws {SystemError} when nobody listens, or the answer does not come in time, or is none */
export async function askForDescriptor({ path, line, bytesMax, timeoutMs }: DescriptorQuestion): Promise<DescriptorAnswer> {
  let fd: number | undefined;
  const socket = openSocket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  try {
    setTimeouts(socket, timeoutMs);
    const address = unixAddress(path);
    connect(socket, address, address.length);
    const question = Buffer.from(`${line}\n`);
    if (send(socket, question, question.length, MSG_NOSIGNAL) !== question.length) throw new SystemError("the question was cut short");
    let answer = Buffer.alloc(0);
    while (!answer.includes("\n")) {
      if (answer.length >= bytesMax) throw new SystemError(`the answer is longer than ${bytesMax} bytes`);
      const piece = await receive(socket, bytesMax - answer.length);
      if (piece.fd !== undefined && fd !== undefined) closeSync(piece.fd);
      else fd ??= piece.fd;
      answer = Buffer.concat([answer, piece.bytes]);
    }
    return { line: answer.toString("utf8").split("\n", 1)[0] ?? "", fd, socket: new Socket({ fd: socket }) };
  } catch (cause) {
    if (fd !== undefined) closeSync(fd);
    closeSync(socket);
    throw new SystemError(`asking at ${path} for a file`, { cause });
  }
}

/** struct timeval { i64 seconds; i64 microseconds; }: a peer that is stuck must not hold a thread for good. */
function setTimeouts(socket: number, timeoutMs: number): void {
  const time = Buffer.alloc(16);
  time.writeBigInt64LE(BigInt(Math.trunc(timeoutMs / 1000)), 0);
  time.writeBigInt64LE(BigInt((timeoutMs % 1000) * 1000), 8);
  for (const option of [SO_RCVTIMEO, SO_SNDTIMEO]) setsockopt(socket, SOL_SOCKET, option, time, time.length);
}

function receive(socket: number, bytesMax: number): Promise<{ readonly bytes: Buffer; readonly fd: number | undefined }> {
  const bytes = Buffer.alloc(bytesMax);
  const control = Buffer.alloc(CONTROL_BYTES);
  return new Promise((resolve, reject) => {
    messageCalls().receive(socket, messageHeader(bytes, control), MSG_CMSG_CLOEXEC, (error, result) => {
      const received = Number(result);
      const descriptors = descriptorsIn(control);
      const [fd, ...others] = descriptors;
      for (const other of others) closeSync(other);
      if (error === null && received > 0) return resolve({ bytes: bytes.subarray(0, received), fd });
      if (fd !== undefined) closeSync(fd);
      reject(new SystemError(received === 0 ? "the connection was closed" : "no answer came"));
    });
  });
}

/** What the kernel wrote beside the bytes: nothing, or one struct cmsghdr with descriptors. */
function descriptorsIn(control: Buffer): number[] {
  const length = Number(control.readBigUInt64LE(0));
  if (length <= CONTROL_HEADER_BYTES || length > control.length) return [];
  if (control.readInt32LE(8) !== SOL_SOCKET || control.readInt32LE(12) !== SCM_RIGHTS) return [];
  return Array.from({ length: (length - CONTROL_HEADER_BYTES) / 4 }, (_, n) => control.readInt32LE(CONTROL_HEADER_BYTES + 4 * n));
}
