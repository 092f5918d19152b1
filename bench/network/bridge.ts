/** Linux's bridge, alone or with nftables: as hosts commonly connect VMs. */
import { existsSync } from "node:fs";
import { Bay, type Forwarder } from "./forwarder.ts";
import { macOf, OPEN_PORT } from "./frames.ts";

export type BridgeFilter = "nothing" | "addresses" | "connections";

const NAMES: Readonly<Record<BridgeFilter, string>> = {
  nothing: "bridge",
  addresses: "bridge + nft MAC filter",
  connections: "bridge + conntrack",
};

/** @param rules of the filter by connections: the last one lets {@link OPEN_PORT} through */
export function makeBridge(parts: { readonly ports: number; readonly filter?: BridgeFilter; readonly rules?: number }): Forwarder {
  const { ports, filter = "nothing", rules = 10 } = parts;
  const bay = new Bay(ports);
  try {
    bay.run(["ip", "link", "add", "bridge", "type", "bridge", "stp_state", "0", "forward_delay", "0", "mcast_snooping", "0"]);
    const commands = bay.ends.map((_, n) => `link set t${n + 1} master bridge\nlink set t${n + 1} up\n`);
    bay.run(["ip", "-batch", "-"], `${commands.join("")}link set bridge up\n`);
    if (filter === "addresses") bay.run(["nft", "-f", "-"], addressFilter(ports));
    if (filter === "connections") {
      // The bridge's own connection tracking is a module that few kernels have; this way is the older one.
      bay.run(["ip", "link", "set", "bridge", "type", "bridge", "nf_call_iptables", "1"]);
      bay.run(["nft", "-f", "-"], connectionFilter(rules));
    }
  } catch (error) {
    bay.remove();
    throw error;
  }
  return { name: NAMES[filter], ends: bay.ends, remove: async () => bay.remove() };
}

/** Each port its own sender's address, as MAC security of the switch. */
function addressFilter(ports: number): string {
  const rules = Array.from({ length: ports }, (_, n) => `iifname "t${n + 1}" ether saddr != ${macOf(n + 1)} drop`);
  return `table bridge filter { chain forward { type filter hook forward priority 0; policy accept;\n${rules.join("\n")}\n}\n}\n`;
}

function connectionFilter(rules: number): string {
  const others = Array.from({ length: rules - 1 }, (_, n) => `udp dport ${1000 + n} accept`);
  const own = [...others, `udp dport ${OPEN_PORT} accept`];
  return `table ip filter { chain forward { type filter hook forward priority 0; policy drop;\nct state established,related accept\n${own.join("\n")}\n}\n}\n`;
}

export function hasNft(): boolean {
  return existsSync("/usr/sbin/nft");
}
