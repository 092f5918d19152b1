/** Passes an open file to the process at the other end of a unix socket. Source: unix(7) SCM_RIGHTS, sendmsg(2), cmsg(3). */
import type { Socket } from "node:net";
import { SystemError } from "../../base/index.ts";
import { CONTROL_BYTES, CONTROL_HEADER_BYTES, messageCalls, messageHeader, SCM_RIGHTS, SOL_SOCKET } from "./messages.ts";

const MSG_NOSIGNAL = 0x4000; // a peer that has gone is an error here, not the end of this process
const CONTROL_LENGTH = CONTROL_HEADER_BYTES + 4;

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
  const { sendmsg, errno } = messageCalls();
  const sent = Number(sendmsg(to, messageHeader(bytes, control), MSG_NOSIGNAL));
  if (sent !== bytes.length) throw new SystemError(`passing descriptor ${fd}: sendmsg gave ${sent}, errno ${errno()}`);
}
