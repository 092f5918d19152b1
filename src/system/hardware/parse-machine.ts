/** Reads the kernel's and the machine's own texts about its devices and its network. Pure. Source: resolv.conf(5), proc(5), sysfs. */

export interface Resolver {
  readonly nameServers: readonly string[];
  readonly searchDomains: readonly string[];
}

const ENTRIES_MAX = 32; // far over what the resolver itself looks at

export function parseResolvConf(text: string): Resolver {
  const lines = text.split("\n").map((line) => line.trim().split(/\s+/));
  const nameServers = lines.flatMap(([word, address]) => (word === "nameserver" && address !== undefined ? [address] : []));
  // The last of several such lines is the one that counts.
  const search = lines.findLast(([word]) => word === "search" || word === "domain");
  return { nameServers: nameServers.slice(0, ENTRIES_MAX), searchDomains: (search ?? []).slice(1, ENTRIES_MAX + 1) };
}

/** From /proc/net/route, whose addresses are hexadecimal in the machine's own byte order. */
export function parseDefaultGateway(text: string): { readonly address: string; readonly device: string } | undefined {
  for (const line of text.split("\n").slice(1)) {
    const [device = "", destination, gateway = ""] = line.split(/\s+/);
    if (destination !== "00000000" || !/^[0-9A-F]{8}$/.test(gateway) || gateway === "00000000") continue;
    return { address: [...Buffer.from(gateway, "hex")].reverse().join("."), device };
  }
  return undefined;
}

/** "0-3,8" is 0, 1, 2, 3 and 8. */
export function parseCpuList(text: string): readonly number[] {
  return text.split(",").flatMap((range) => {
    const [first, last = first] = range.split("-").map(Number);
    if (range === "" || first === undefined || last === undefined || !(last >= first) || last > 0xffff) return [];
    return Array.from({ length: last - first + 1 }, (_, index) => first + index);
  });
}

/** The PCI device that a device of sysfs hangs at: the last one on its way down from the root. */
export function controllerOf(path: string): string | undefined {
  return path.match(/[0-9a-f]{4,}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]/g)?.at(-1);
}

/** @param link where /etc/localtime leads; a machine without one is at UTC */
export function timeZoneOf(link: string): string {
  return /\/zoneinfo\/(.+)$/.exec(link)?.[1] ?? "UTC";
}
