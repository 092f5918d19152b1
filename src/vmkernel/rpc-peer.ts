/** Who may speak to vmkernel: root, and hostd's user, each known by what the kernel says of it. */
import type { Socket } from "node:net";
import { descriptorOf, peerOf } from "../system/index.ts";

const ROOT_UID = 0;

/**
 * The mode of the socket says the same; the kernel's word on who connected is the check that a changed mode cannot undo.
 * @param ownerUid hostd's user
 * @returns why the connection is refused, for the log
 */
export function refusePeer(socket: Socket, ownerUid: number): string | undefined {
  const fd = descriptorOf(socket);
  if (fd === undefined) return "a connection was closed before it was looked at";
  const { uid, pid } = peerOf(fd);
  return uid === ROOT_UID || uid === ownerUid ? undefined : `refusing process ${pid} of user ${uid}`;
}
