/** Passes an open file to the process at the other end of a unix socket. Source: unix(7) SCM_RIGHTS, sendmsg(2), cmsg(3). */
import { createRequire } from "node:module";
import type { Socket } from "node:net";
import type koffi from "koffi";
import { SystemError } from "../../base/index.ts";

const SOL_SOCKET = 1;
const SCM_RIGHTS = 1;
const MSG_NOSIGNAL = 0x4000; // a peer that has gone is an error here, not the end of this process
/** struct cmsghdr { size_t len; int level; int type; } and one int, aligned to 8. */
const CONTROL_LENGTH = 20;
const CONTROL_BYTES = 24;

type SendMessage = (socket: number, message: object, flags: number) => unknown;

let bound: { readonly sendmsg: SendMessage; readonly errno: () => number } | undefined;

/** Bound when it is first used: koffi takes 4 MB, which a process that passes nothing pays nothing of. */
function bind(): NonNullable<typeof bound> {
  if (bound !== undefined) return bound;
  const library = createRequire(import.meta.url)("koffi") as typeof koffi;
  const vector = library.struct("BulkheadIovec", { base: "void *", length: "size_t" });
  const header = library.struct("BulkheadMsghdr", {
    name: "void *",
    nameLength: "uint32_t",
    vectors: library.pointer(vector),
    vectorCount: "size_t",
    control: "void *",
    controlLength: "size_t",
    flags: "int",
  });
  const sendmsg = library.load("libc.so.6").func("sendmsg", "int64_t", ["int", library.pointer(header), "int"]) as SendMessage;
  bound = { sendmsg, errno: () => library.errno() };
  return bound;
}

/** The descriptor of a connected socket of Node's; undefined once it is closed. */
export function descriptorOf(socket: Socket): number | undefined {
  // Node has no public way to it; `fd` of the handle is what its own child_process passes on.
  const handle = (socket as unknown as { readonly _handle?: { readonly fd?: number } | null })._handle;
  return handle?.fd !== undefined && handle.fd >= 0 ? handle.fd : undefined;
}

/**
 * Sends `text` in one piece, with a copy of the descriptor `fd` beside its first byte.
 * @throws {SystemError} when the peer is gone or its buffer is full: nothing was sent
 */
export function sendWithDescriptor(socket: Socket, text: string, fd: number): void {
  const to = descriptorOf(socket);
  if (to === undefined) throw new SystemError("passing a descriptor over a socket that is closed");
  const bytes = Buffer.from(text);
  const control = Buffer.alloc(CONTROL_BYTES);
  control.writeBigUInt64LE(BigInt(CONTROL_LENGTH), 0);
  control.writeInt32LE(SOL_SOCKET, 8);
  control.writeInt32LE(SCM_RIGHTS, 12);
  control.writeInt32LE(fd, 16);
  const message = {
    name: null,
    nameLength: 0,
    vectors: [{ base: bytes, length: bytes.length }],
    vectorCount: 1,
    control,
    controlLength: CONTROL_BYTES,
    flags: 0,
  };
  const { sendmsg, errno } = bind();
  const sent = Number(sendmsg(to, message, MSG_NOSIGNAL));
  if (sent !== bytes.length) throw new SystemError(`passing descriptor ${fd}: sendmsg gave ${sent}, errno ${errno()}`);
}
