/**
 * Tells when the links of a namespace change: one comes or goes, up or down, gets or loses its carrier.
 * Node can wait on no netlink socket (libuv refuses a descriptor of that kind), and a thread that waits in recv(2) would be one of
 * the four that all files share. So the socket is asked again and again: one call, microseconds, while nothing changes.
 * Source: rtnetlink(7), RTMGRP_LINK.
 */
import { SystemError } from "../../base/index.ts";
import type { Link } from "./link-message.ts";
import { listLinksBy } from "./links.ts";
import { inNamespace } from "./namespaces.ts";
import { NetlinkSocket } from "./netlink-socket.ts";

const RTMGRP_LINK = 1;
/** A carrier that was lost for a tenth of a second costs less than the switch-over does. */
const ASKED_EVERY_MS = 100;

export interface LinkWatchOptions {
  /** Path of the namespace. */
  readonly namespace: string;
  /** All links as they are after a change; several changes at once are told as one. */
  readonly changed: (links: readonly Link[]) => void;
  /** The links could not be listed. They are again, the next time. */
  readonly failed: (error: unknown) => void;
  readonly everyMs?: number;
}

/** Does not keep the process running, but keeps the namespace: dispose of it before the namespace shall go. */
export class LinkWatch {
  readonly #announcements: NetlinkSocket;
  readonly #questions: NetlinkSocket;
  readonly #timer: NodeJS.Timeout;
  readonly #options: LinkWatchOptions;
  #isBehind = false;

  /** Every change after this has returned is told: list the links then. */
  constructor(options: LinkWatchOptions) {
    this.#options = options;
    try {
      [this.#announcements, this.#questions] = inNamespace(options.namespace, openSockets);
    } catch (cause) {
      throw new SystemError(`watching the network links of ${options.namespace}`, { cause });
    }
    this.#timer = setInterval(() => this.#ask(), options.everyMs ?? ASKED_EVERY_MS).unref();
  }

  #ask(): void {
    const links = this.#news();
    if (links !== undefined) this.#options.changed(links);
  }

  /** All links, when something of them has changed. */
  #news(): Link[] | undefined {
    try {
      if (this.#announcements.takeAnnouncements()) this.#isBehind = true;
      if (!this.#isBehind) return undefined;
      const links = listLinksBy(this.#questions);
      this.#isBehind = false;
      return links;
    } catch (cause) {
      this.#options.failed(new SystemError(`watching the network links of ${this.#options.namespace}`, { cause }));
      return undefined;
    }
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
    this.#announcements[Symbol.dispose]();
    this.#questions[Symbol.dispose]();
  }
}

function openSockets(): [NetlinkSocket, NetlinkSocket] {
  const announcements = new NetlinkSocket({ groups: RTMGRP_LINK });
  try {
    return [announcements, new NetlinkSocket()];
  } catch (error) {
    announcements[Symbol.dispose]();
    throw error;
  }
}
