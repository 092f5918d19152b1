/**
 * Network links of the namespace that the calling thread is in: found, set, made, moved, deleted. Each is one request to the kernel.
 * Source: rtnetlink(7), veth(4), Linux Documentation/networking/ip-sysctl.rst.
 */
import { closeSync, existsSync, openSync, writeFileSync } from "node:fs";
import { SystemError } from "../../base/index.ts";
import { errnoCode } from "../libc.ts";
import {
  decodeLink,
  type Link,
  type LinkSettings,
  type NamespaceTarget,
  type NetlinkRequest,
  RTM_NEWLINK,
  requestLink,
  requestLinkChange,
  requestLinkMove,
  requestLinkRemoval,
  requestLinks,
  requestNoQueue,
  requestVeth,
} from "./link-message.ts";
import { checkLinkName } from "./link-name.ts";
import { inNamespace, openNamespace } from "./namespaces.ts";
import { askNetlink, NetlinkSocket } from "./netlink-socket.ts";

/** Every link, in the order of their indexes. */
export function listLinks(): Link[] {
  try {
    using socket = new NetlinkSocket();
    return listLinksBy(socket);
  } catch (cause) {
    throw new SystemError("listing the network links", { cause });
  }
}

/** Every link of the namespace that the socket was opened in. */
export function listLinksBy(socket: NetlinkSocket): Link[] {
  return socket
    .list(requestLinks())
    .filter(({ type }) => type === RTM_NEWLINK)
    .map(({ body }) => decodeLink(body));
}

/** @returns undefined when no link has that name */
export function findLink(name: string): Link | undefined {
  try {
    const [answer] = askNetlink(requestLink(name));
    return answer === undefined ? undefined : decodeLink(answer.body);
  } catch (cause) {
    if (errnoCode(cause) === "ENODEV") return undefined;
    throw new SystemError(`looking for the network link ${name}`, { cause });
  }
}

/** @returns undefined when no link has that name */
export function linkIndex(name: string): number | undefined {
  return findLink(name)?.index;
}

/** What is not said stays. */
export function setLink(name: string, settings: LinkSettings): void {
  ask(requestLinkChange(name, settings), `setting ${JSON.stringify(settings)} of the network link ${name}`);
}

/**
 * Has what leaves by a link go straight to it, without a queue of the kernel's before it: for a link that is a queue itself, as a tap.
 * Of a link that is down; what goes by one that is up would be lost meanwhile.
 */
export function removeQueue({ name, index }: Pick<Link, "name" | "index">): void {
  ask(requestNoQueue(index), `removing the queue of the network link ${name}`);
}

/** Makes two links, both down; what is sent by one arrives at the other. They are deleted together. */
export function createVeth(one: string, other: string): void {
  ask(requestVeth(one, other), `making the network links ${one} and ${other}`);
}

/** The kernel waits until nobody uses it any more, some milliseconds. */
export function deleteLink(name: string): void {
  ask(requestLinkRemoval(name), `deleting the network link ${name}`);
}

/**
 * Moves a link to another namespace, where it is down and has no addresses.
 * @param to the path of a namespace, or a process that is in one. Not this one's: within `inNamespace` it is there itself
 * @throws {SystemError} also when a link has its name there
 */
export function moveLink(name: string, to: string | number): void {
  if (typeof to === "number") {
    move(name, { kind: "pid", pid: to }, `of process ${to}`);
    return;
  }
  const fd = openNamespace(to);
  try {
    move(name, { kind: "fd", fd }, to);
  } finally {
    closeSync(fd);
  }
}

/** Moves a link from another namespace to the one of the calling thread. */
export function fetchLink(name: string, from: string): void {
  const fd = openSync("/proc/thread-self/ns/net", "r");
  try {
    inNamespace(from, () => move(name, { kind: "fd", fd }, `that asks for it, from ${from}`));
  } finally {
    closeSync(fd);
  }
}

function move(name: string, to: NamespaceTarget, where: string): void {
  ask(requestLinkMove(name, to), `moving the network link ${name} to the namespace ${where}`);
}

/**
 * Keeps the kernel itself from speaking IPv6 by a link, from which it would otherwise ask for routers as soon as the link is up.
 * @param name of a link, or "default" for those that are yet to come to the namespace
 */
export function disableIpv6(name: string): void {
  setIpv6(name, { disabled: true });
}

/** Of a link that had it disabled: it then has an address of its own as soon as it is up. */
export function enableIpv6(name: string): void {
  setIpv6(name, { disabled: false });
}

function setIpv6(name: string, { disabled }: { readonly disabled: boolean }): void {
  checkLinkName(name);
  const folder = `/proc/sys/net/ipv6/conf/${name}`; // as the calling thread's namespace has it
  try {
    // A kernel without IPv6 has none, nor has a link whose MTU is below 1280: neither speaks.
    if (!existsSync(folder) && (!hasIpv6() || findLink(name) !== undefined)) return;
    writeFileSync(`${folder}/disable_ipv6`, disabled ? "1" : "0");
  } catch (cause) {
    throw new SystemError(`${disabled ? "disabling" : "enabling"} IPv6 on the network link ${name}`, { cause });
  }
}

function ask(request: NetlinkRequest, what: string): void {
  try {
    askNetlink(request);
  } catch (cause) {
    throw new SystemError(what, { cause });
  }
}

/** Whether the kernel speaks IPv6 at all. */
export function hasIpv6(): boolean {
  return existsSync("/proc/sys/net/ipv6");
}
