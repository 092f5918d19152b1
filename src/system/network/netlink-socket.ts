/**
 * Requests to the kernel's network configuration, each answered before the call returns.
 * A socket belongs to the network namespace of the thread that opened it, for as long as it is open. Source: netlink(7), rtnetlink(7).
 */
import { closeSync } from "node:fs";
import { SystemError } from "../../base/index.ts";
import { errnoCode, errnoName, libcCall } from "../libc.ts";
import type { NetlinkRequest } from "./link-message.ts";
import {
  decodeAcknowledgement,
  decodeMessages,
  encodeMessage,
  type NetlinkMessage,
  NLM_F_ACK,
  NLM_F_DUMP,
  NLM_F_DUMP_INTR,
  NLM_F_REQUEST,
  NLMSG_DONE,
  NLMSG_ERROR,
} from "./netlink-message.ts";

const openSocket = libcCall<[domain: number, type: number, protocol: number]>("int socket(int domain, int type, int protocol)");
const bind = libcCall<[fd: number, address: Buffer, length: number]>("int bind(int fd, const void *address, uint32_t length)");
const setsockopt = libcCall<[fd: number, level: number, option: number, value: Buffer, length: number]>(
  "int setsockopt(int fd, int level, int option, const void *value, uint32_t length)",
);
const send = libcCall<[fd: number, bytes: Buffer, length: number, flags: number]>(
  "int64_t send(int fd, const void *bytes, size_t length, int flags)",
);
const recv = libcCall<[fd: number, bytes: Buffer, length: number, flags: number]>(
  "int64_t recv(int fd, void *bytes, size_t length, int flags)",
);

const AF_NETLINK = 16;
const SOCK_RAW = 3;
const SOCK_CLOEXEC = 0o2000000;
const NETLINK_ROUTE = 0;
export const NETLINK_GENERIC = 16;
const SOL_NETLINK = 270;
const NETLINK_CAP_ACK = 10;
const NETLINK_EXT_ACK = 11;
const MSG_TRUNC = 0x20;
/** The kernel has answered before send(2) returns, so nothing is ever waited for. */
const MSG_DONTWAIT = 0x40;

/** The kernel makes its lists in pieces of at most 32 KiB. */
const ANSWER_BYTES_MAX = 64 * 1024;
/** Of all sockets: an answer is copied out before anything else is asked. */
const answerBytes = Buffer.alloc(ANSWER_BYTES_MAX);
/** A list that others change while it is made is asked for again; one that never comes whole must not hold the thread. */
const LIST_ATTEMPTS_MAX = 10;

export interface NetlinkSocketOptions {
  readonly protocol?: number;
  /** Whose announcements it receives, a bit each: RTMGRP_LINK. */
  readonly groups?: number;
}

export class NetlinkSocket {
  readonly #fd: number;
  #sequence = 0;

  constructor({ protocol = NETLINK_ROUTE, groups = 0 }: NetlinkSocketOptions = {}) {
    this.#fd = openSocket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol);
    try {
      const yes = Buffer.from([1, 0, 0, 0]);
      for (const option of [NETLINK_CAP_ACK, NETLINK_EXT_ACK]) setsockopt(this.#fd, SOL_NETLINK, option, yes, yes.length);
      if (groups !== 0) bind(this.#fd, netlinkAddress(groups), NETLINK_ADDRESS_BYTES);
    } catch (error) {
      closeSync(this.#fd);
      throw error;
    }
  }

  /**
   * Sends a request that is no list.
   * @returns what the kernel told before it acknowledged: the link that was asked for
   * @throws an error with the `code` that the kernel refused with, and its reason where it gives one
   */
  ask(request: NetlinkRequest): NetlinkMessage[] {
    this.#send(request, NLM_F_ACK);
    return this.#answers();
  }

  /** Sends a request for a list. */
  list(request: NetlinkRequest): NetlinkMessage[] {
    for (let attempt = 0; attempt < LIST_ATTEMPTS_MAX; attempt++) {
      this.#send(request, NLM_F_DUMP);
      const answers = this.#answers();
      if (!answers.some(({ flags }) => (flags & NLM_F_DUMP_INTR) !== 0)) return answers;
    }
    throw new SystemError(`what was listed changed ${LIST_ATTEMPTS_MAX} times meanwhile`);
  }

  /** Whether something was announced since this was last asked. What it was is not told: the kernel drops announcements when too many wait. */
  takeAnnouncements(): boolean {
    for (let heard = false; ; heard = true) {
      try {
        recv(this.#fd, answerBytes, answerBytes.length, MSG_DONTWAIT);
      } catch (error) {
        if (errnoCode(error) === "EAGAIN") return heard;
        if (errnoCode(error) !== "ENOBUFS") throw error; // ENOBUFS: some were dropped
      }
    }
  }

  #send({ type, flags, body }: NetlinkRequest, more: number): void {
    this.#sequence++;
    const message = encodeMessage({ type, flags: NLM_F_REQUEST | flags | more, sequence: this.#sequence, body });
    send(this.#fd, message, message.length, 0);
  }

  /** Everything up to the acknowledgement, or up to the end of the list. */
  #answers(): NetlinkMessage[] {
    const answers: NetlinkMessage[] = [];
    for (;;) {
      const length = recv(this.#fd, answerBytes, answerBytes.length, MSG_DONTWAIT | MSG_TRUNC);
      if (length > answerBytes.length) throw new SystemError(`an answer of netlink has ${length} bytes`);
      for (const message of decodeMessages(Buffer.from(answerBytes.subarray(0, length)))) {
        if (message.sequence !== this.#sequence) continue;
        if (message.type !== NLMSG_ERROR && message.type !== NLMSG_DONE) {
          answers.push(message);
          continue;
        }
        const { errno, reason } = decodeAcknowledgement(message);
        if (errno !== 0) throw netlinkError(errno, reason);
        return answers;
      }
    }
  }

  [Symbol.dispose](): void {
    closeSync(this.#fd);
  }
}

const NETLINK_ADDRESS_BYTES = 12;

/** struct sockaddr_nl: | family:u16 | 0:u16 | port:u32 | groups:u32 | */
function netlinkAddress(groups: number): Buffer {
  const address = Buffer.alloc(NETLINK_ADDRESS_BYTES);
  address.writeUInt16LE(AF_NETLINK, 0);
  address.writeUInt32LE(groups, 8);
  return address;
}

/** As node:fs makes them: with a code. */
function netlinkError(errno: number, reason: string | undefined): Error {
  const code = errnoName(errno);
  return Object.assign(new Error(`${code}: ${reason ?? "netlink"}`), { code, errno: -errno, syscall: "netlink" });
}

/** Of the namespace that the thread is in for the length of one deed: the first request opens it. */
let kept: { socket?: NetlinkSocket } | undefined;

/** What is asked meanwhile is asked over one socket. @param deed done when it returns, and all of it in one namespace */
export function withOneSocket<T>(deed: () => T): T {
  const before = kept;
  const own: { socket?: NetlinkSocket } = {};
  kept = own;
  try {
    return deed();
  } finally {
    kept = before;
    own.socket?.[Symbol.dispose]();
  }
}

/** One request, in the namespace of the calling thread. */
export function askNetlink(request: NetlinkRequest): NetlinkMessage[] {
  if (kept !== undefined) {
    kept.socket ??= new NetlinkSocket();
    return kept.socket.ask(request);
  }
  using socket = new NetlinkSocket();
  return socket.ask(request);
}
