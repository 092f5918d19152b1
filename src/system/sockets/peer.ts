/** Who is at the other end of a unix socket, as the kernel recorded it when they connected. Source: unix(7), SO_PEERCRED. */
import { SystemError } from "../../base/index.ts";
import { libcCall } from "../libc.ts";

const getsockopt = libcCall<[fd: number, level: number, option: number, value: Buffer, length: Buffer]>(
  "int getsockopt(int fd, int level, int option, void *value, void *length)",
);
const SOL_SOCKET = 1;
const SO_PEERCRED = 17;
/** struct ucred: | pid:i32 | uid:u32 | gid:u32 | */
const UCRED_BYTES = 12;

export interface Peer {
  readonly pid: number;
  readonly uid: number;
  readonly gid: number;
}

/** @param fd a connected unix socket */
export function peerOf(fd: number): Peer {
  const credentials = Buffer.alloc(UCRED_BYTES);
  const length = Buffer.alloc(4);
  length.writeUInt32LE(UCRED_BYTES);
  try {
    getsockopt(fd, SOL_SOCKET, SO_PEERCRED, credentials, length);
  } catch (cause) {
    throw new SystemError(`asking who is connected to socket ${fd}`, { cause });
  }
  return { pid: credentials.readInt32LE(0), uid: credentials.readUInt32LE(4), gid: credentials.readUInt32LE(8) };
}
