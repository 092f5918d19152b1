/**
 * How the kernel behaves as a host in the network namespace that the calling thread is in: set once, before any link is there.
 * A namespace has these from the machine's first one, which may be a router.
 * Source: Linux Documentation/networking/ip-sysctl.rst.
 */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { SystemError } from "../../base/index.ts";
import { checkLinkName } from "./link-name.ts";

const RULES: readonly (readonly [path: string, value: string])[] = [
  // What arrives by one link leaves by no other: links of a namespace would be one network otherwise.
  ["ipv4/ip_forward", "0"],
  ["ipv6/conf/all/forwarding", "0"],
  // A link answers for its own addresses alone, and asks in the name of none but them.
  ["ipv4/conf/all/arp_ignore", "1"],
  ["ipv4/conf/all/arp_announce", "2"],
  // Nobody is answered by another link than the one that leads to him.
  ["ipv4/conf/all/rp_filter", "1"],
  // Addresses and routes are those that are configured, whatever others on the network tell.
  ["ipv4/conf/all/accept_redirects", "0"],
  ["ipv4/conf/default/accept_redirects", "0"],
  ["ipv6/conf/default/accept_redirects", "0"],
  ["ipv6/conf/default/accept_ra", "0"],
  ["ipv6/conf/default/autoconf", "0"],
];

/**
 * Whether a link takes addresses of IPv6, and the way on, from what routers tell. Its address in each network ends with what its MAC
 * address says (EUI-64), and stays the same. While the link is up, routers are asked once IPv6 is enabled anew.
 * Source: RFC 4862, RFC 4291 appendix A.
 */
export function followRouters(link: string, follows: boolean): void {
  checkLinkName(link);
  const folder = `/proc/sys/net/ipv6/conf/${link}`;
  if (!existsSync(folder)) return; // a kernel without IPv6
  const rules = { accept_ra: follows ? "1" : "0", autoconf: follows ? "1" : "0", addr_gen_mode: "0", use_tempaddr: "0" };
  for (const [name, value] of Object.entries(rules)) {
    try {
      writeFileSync(`${folder}/${name}`, value);
    } catch (cause) {
      throw new SystemError(`setting ${name} of the network link ${link} to ${value}`, { cause });
    }
  }
}

/** Whether it does. */
export function followsRouters(link: string): boolean {
  checkLinkName(link);
  const path = `/proc/sys/net/ipv6/conf/${link}/accept_ra`;
  return existsSync(path) && readFileSync(path, "utf8").trim() !== "0";
}

export function setHostRules(): void {
  for (const [path, value] of RULES) {
    try {
      // A kernel without IPv6 has none of its.
      if (path.startsWith("ipv4/") || existsSync("/proc/sys/net/ipv6")) writeFileSync(`/proc/sys/net/${path}`, value);
    } catch (cause) {
      throw new SystemError(`setting ${path} of a network namespace to ${value}`, { cause });
    }
  }
}
