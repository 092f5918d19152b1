/**
 * sendmsg(2) and recvmsg(2), which Node does not have: what travels beside the bytes of a unix socket needs them.
 * Source: unix(7) SCM_RIGHTS, cmsg(3).
 */
import { createRequire } from "node:module";
import type koffi from "koffi";

export const SOL_SOCKET = 1;
export const SCM_RIGHTS = 1;
/** struct cmsghdr { size_t len; int level; int type; } and one int, aligned to 8. */
export const CONTROL_HEADER_BYTES = 16;
export const CONTROL_BYTES = 24;

type Callback = (error: unknown, result: unknown) => void;

interface Calls {
  readonly sendmsg: (socket: number, message: object, flags: number) => unknown;
  /** Of a socket that does not block: -1 when nothing is there. */
  readonly recvmsg: (socket: number, message: object, flags: number) => unknown;
  /** Waits on a thread of its own; what went wrong is not told, only that it did. */
  readonly receive: (socket: number, message: object, flags: number, done: Callback) => void;
  readonly errno: () => number;
}

let bound: Calls | undefined;

/** Bound when it is first used: koffi takes 4 MB, which a process that passes nothing pays nothing of. */
export function messageCalls(): Calls {
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
  const libc = library.load("libc.so.6");
  const parameters = ["int", library.pointer(header), "int"];
  const recvmsg = libc.func("recvmsg", "int64_t", parameters);
  bound = {
    sendmsg: libc.func("sendmsg", "int64_t", parameters) as Calls["sendmsg"],
    recvmsg: recvmsg as unknown as Calls["recvmsg"],
    receive: (socket, message, flags, done) => recvmsg.async(socket, message, flags, done),
    errno: () => library.errno(),
  };
  return bound;
}

/** A message of one piece of memory and one of control: what is in them is sent, or they are filled. */
export function messageHeader(bytes: Buffer, control: Buffer): object {
  return {
    name: null,
    nameLength: 0,
    vectors: [{ base: bytes, length: bytes.length }],
    vectorCount: 1,
    control,
    controlLength: control.length,
    flags: 0,
  };
}
