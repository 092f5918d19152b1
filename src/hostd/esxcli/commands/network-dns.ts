/** `esxcli network ip dns` and `netstack`: whom the host asks for names, and the netstacks that it has. */
import { isIP } from "node:net";
import type { HostDnsConfig } from "../../../wire/index.ts";
import { canonical } from "../../network/ip-networks.ts";
import { blocks, CommandFailed, command, flag, nothing, one, required, struct, text } from "../command.ts";
import type { Host } from "../host.ts";
import { NETWORK_SYSTEM, CONFIG_NETWORK as privilege, readNetwork } from "./network-system.ts";

async function readDns(host: Host): Promise<HostDnsConfig> {
  const dns = (await readNetwork(host)).dnsConfig;
  if (dns === undefined) throw new Error("the host's network system has no dnsConfig");
  return dns;
}

/** What a DHCP server tells is not for a client to change. @throws {CommandFailed} */
async function updateDns(host: Host, dns: HostDnsConfig, change: Partial<HostDnsConfig>): Promise<void> {
  if (dns.dhcp) throw new CommandFailed(`${dns.virtualNicDevice} is told the name servers by DHCP; set it with --peer-dns false first.`);
  await host.call(NETWORK_SYSTEM, "UpdateDnsConfig", { config: { ...dns, ...change } });
}

/** @throws {CommandFailed} */
function parseServer(written: string): string {
  if (isIP(written) === 0 || written.includes("%")) throw new CommandFailed(`Invalid IP address: ${written.slice(0, 64)}`);
  return canonical(written);
}

/** Where none is left, the host asks its machine's own again. @throws {CommandFailed} */
async function removeServers(
  host: Host,
  { all = false, server }: { readonly all: boolean | undefined; readonly server: string | undefined },
) {
  if (all === (server !== undefined)) throw new CommandFailed("Just one of --all and --server is needed.");
  const dns = await readDns(host);
  const gone = server === undefined ? undefined : parseServer(server);
  const servers = dns.address ?? [];
  const kept = gone === undefined ? [] : servers.filter((address) => canonical(address) !== gone);
  if (gone !== undefined && kept.length === servers.length) throw new CommandFailed(`The host has no name server ${gone}`);
  await updateDns(host, dns, { address: kept });
  if (gone === undefined || kept.length > 0 || !(await readDns(host)).address?.includes(gone)) return;
  throw new CommandFailed(`${gone} is a name server of the machine, which the host asks as long as no other is added.`);
}

const servers = [
  command("network ip dns server list", {
    help: "List the name servers that the host asks.",
    result: one(struct("DNSServer", { DNSServers: "string[]" })),
    run: async (host) => ({ DNSServers: (await readDns(host)).address ?? [] }),
  }),
  command("network ip dns server add", {
    help: "Add a name server, which is asked after the others.",
    privilege,
    params: { server: required(text("-s", "--server", "The address of the name server.")) },
    result: nothing,
    async run(host, args) {
      const [dns, server] = [await readDns(host), parseServer(args.server)];
      if (dns.address?.some((address) => canonical(address) === server))
        throw new CommandFailed(`The host has the name server ${server} already`);
      await updateDns(host, dns, { address: [...(dns.address ?? []), server] });
    },
  }),
  command("network ip dns server remove", {
    help: "Remove a name server, or all. Without one the host asks those of the machine.",
    privilege,
    params: {
      all: flag("-a", "--all", "Remove all that were added."),
      server: text("-s", "--server", "The address of the name server."),
    },
    result: nothing,
    run: removeServers,
  }),
];

const domain = required(text("-d", "--domain", "The domain: example.org."));
const isSame = (one: string) => (other: string) => one.toLowerCase() === other.toLowerCase();

const searchDomains = [
  command("network ip dns search list", {
    help: "List the domains that the host looks for names in.",
    result: one(struct("SearchDomain", { "DNSSearch Domains": "string[]" })),
    run: async (host) => ({ "DNSSearch Domains": (await readDns(host)).searchDomain ?? [] }),
  }),
  command("network ip dns search add", {
    help: "Add a domain to look for names in.",
    privilege,
    params: { domain },
    result: nothing,
    async run(host, args) {
      const dns = await readDns(host);
      const domains = dns.searchDomain ?? [];
      if (domains.some(isSame(args.domain))) throw new CommandFailed(`The host looks in ${args.domain.slice(0, 253)} already`);
      await updateDns(host, dns, { searchDomain: [...domains, args.domain] });
    },
  }),
  command("network ip dns search remove", {
    help: "Look for names in a domain no more.",
    privilege,
    params: { domain },
    result: nothing,
    async run(host, args) {
      const dns = await readDns(host);
      const domains = dns.searchDomain ?? [];
      const kept = domains.filter((name) => !isSame(args.domain)(name));
      if (kept.length === domains.length) throw new CommandFailed(`The host does not look in ${args.domain.slice(0, 253)}`);
      await updateDns(host, dns, { searchDomain: kept });
    },
  }),
];

/** What ESXi says of a netstack that is in use. */
const ACTIVE = 4660;

const netstacks = [
  command("network ip netstack list", {
    help: "List the netstacks of the host.",
    result: blocks(struct("NetStack", { Key: "string", Name: "string", State: "long" }), "%Key%"),
    run: async (host) =>
      ((await readNetwork(host)).netStackInstance ?? []).map(({ key, name }) => ({ Key: key, Name: name, State: ACTIVE })),
  }),
];

export const dnsCommands = [...servers, ...searchDomains, ...netstacks];
