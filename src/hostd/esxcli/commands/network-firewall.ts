/** `esxcli network firewall`: the host's own firewall, its rule sets and whom each lets in, as HostFirewallSystem has them. */
import { isIP } from "node:net";
import type { HostFirewallInfo, HostFirewallRule, HostFirewallRuleset, HostFirewallRulesetIpList, MoRef } from "../../../wire/index.ts";
import { HOST_MANAGERS } from "../../inventory-tree.ts";
import { bool, CommandFailed, command, nothing, one, required, struct, table, text } from "../command.ts";
import type { Host } from "../host.ts";

const FIREWALL: MoRef<"HostFirewallSystem"> = HOST_MANAGERS.firewallSystem;
const privilege = "Host.Config.NetService";
const rulesetid = text("-r", "--ruleset-id", "The rule set: sshServer.");
const named = { rulesetid: required(rulesetid) };

async function readFirewall(host: Host): Promise<HostFirewallInfo> {
  const info = await host.read(FIREWALL, "firewallInfo");
  if (info === undefined) throw new Error("the host's firewall has no firewallInfo");
  return info;
}

/** All of them, or the one that is named. @throws {CommandFailed} */
async function rulesets(host: Host, id: string | undefined): Promise<readonly HostFirewallRuleset[]> {
  const found = ((await readFirewall(host)).ruleset ?? []).filter(({ key }) => (id ?? key) === key);
  if (id !== undefined && found.length === 0) throw new CommandFailed(`Invalid ruleset id ${id.slice(0, 64)}`);
  return found;
}

const firewall = [
  command("network firewall get", {
    help: "Show whether what no rule set lets through is let through.",
    result: one(struct("Firewall", { "Default Action": "string", Enabled: "boolean", Loaded: "boolean" })),
    async run(host) {
      const { defaultPolicy, ruleset = [] } = await readFirewall(host);
      const isThere = ruleset.length > 0; // a machine that withholds one shows no rule sets
      const isBlocked = defaultPolicy.incomingBlocked === true || defaultPolicy.outgoingBlocked === true;
      return { "Default Action": isBlocked ? "DROP" : "PASS", Enabled: isThere, Loaded: isThere };
    },
  }),
  command("network firewall set", {
    help: "Choose whether what no rule set lets through is let through.",
    privilege,
    params: { defaultaction: required(bool("-d", "--default-action", "True lets it through, false drops it.")) },
    result: nothing,
    run: (host, { defaultaction: isPassed }) =>
      host.call(FIREWALL, "UpdateDefaultPolicy", { defaultPolicy: { incomingBlocked: !isPassed, outgoingBlocked: !isPassed } }),
  }),
  command("network firewall refresh", {
    help: "Put the rules into the kernel again.",
    privilege,
    result: nothing,
    run: (host) => host.call(FIREWALL, "RefreshFirewall", {}),
  }),
];

const allOf = ({ allowedHosts }: HostFirewallRuleset): HostFirewallRulesetIpList => allowedHosts ?? { allIp: true };

async function allow(host: Host, { key }: HostFirewallRuleset, allowedHosts: HostFirewallRulesetIpList): Promise<void> {
  await host.call(FIREWALL, "UpdateRuleset", { id: key, spec: { allowedHosts } });
}

const sets = [
  command("network firewall ruleset list", {
    help: "List the rule sets of the firewall.",
    params: { rulesetid },
    result: table(
      struct("Ruleset", {
        Name: "string",
        Enabled: "boolean",
        "Enable/Disable configurable": "boolean",
        "Allowed IP configurable": "boolean",
      }),
    ),
    run: async (host, args) =>
      (await rulesets(host, args.rulesetid)).map(({ key, enabled, userControllable, ipListUserConfigurable }) => ({
        Name: key,
        Enabled: enabled,
        "Enable/Disable configurable": userControllable,
        "Allowed IP configurable": ipListUserConfigurable,
      })),
  }),
  command("network firewall ruleset set", {
    help: "Switch a rule set on or off, or let it hold for all addresses or for those of its list.",
    privilege,
    params: {
      allowedall: bool("-a", "--allowed-all", "Whether it holds for all addresses."),
      enabled: bool("-e", "--enabled", "Whether it lets anything through."),
      ...named,
    },
    result: nothing,
    async run(host, { allowedall: allIp, enabled, rulesetid: id }) {
      const [found] = await rulesets(host, id);
      if (found === undefined) return;
      if (allIp !== undefined) await allow(host, found, { ...allOf(found), allIp });
      if (enabled !== undefined) await host.call(FIREWALL, enabled ? "EnableRuleset" : "DisableRuleset", { id });
    },
  }),
  command("network firewall ruleset rule list", {
    help: "List what each rule set lets through.",
    params: { rulesetid },
    result: table(
      struct("Rule", {
        Ruleset: "string",
        Direction: "string",
        Protocol: "string",
        "Port Type": "string",
        "Port Begin": "long",
        "Port End": "long",
      }),
    ),
    run: async (host, args) => (await rulesets(host, args.rulesetid)).flatMap(({ key, rule }) => rule.map((one) => showRule(key, one))),
  }),
];

function showRule(ruleset: string, { direction, protocol, port, endPort, portType }: HostFirewallRule) {
  return {
    Ruleset: ruleset,
    Direction: direction === "inbound" ? "Inbound" : "Outbound",
    Protocol: protocol.toUpperCase(),
    "Port Type": portType === undefined ? undefined : portType === "dst" ? "Dst" : "Src",
    "Port Begin": port,
    "Port End": endPort ?? port,
  };
}

const ipaddress = required(text("-i", "--ip-address", "An address, or a network: 192.0.2.7, 192.0.2.0/24."));

const addressesOf = ({ ipAddress = [], ipNetwork = [] }: HostFirewallRulesetIpList): readonly string[] => [
  ...ipAddress,
  ...ipNetwork.map(({ network, prefixLength }) => `${network}/${prefixLength}`),
];

/** Pure. @throws {CommandFailed} when it is no address, or is there already or not at all */
export function changeAllowed(list: HostFirewallRulesetIpList, written: string, deed: "add" | "remove"): HostFirewallRulesetIpList {
  const [, address = "", prefix] = /^([^/]{2,45})(?:\/(\d{1,3}))?$/.exec(written) ?? [];
  const version = isIP(address);
  if (version === 0 || Number(prefix ?? 0) > (version === 4 ? 32 : 128))
    throw new CommandFailed(`Invalid IP address ${written.slice(0, 64)}`);
  const before = addressesOf(list);
  if (before.includes(written) === (deed === "add"))
    throw new CommandFailed(deed === "add" ? "Ip address already exists" : "Ip address not found");
  const after = deed === "add" ? [...before, written] : before.filter((one) => one !== written);
  const networks = after.filter((one) => one.includes("/")).map((one) => one.split("/"));
  return {
    allIp: list.allIp,
    ipAddress: after.filter((one) => !one.includes("/")),
    ipNetwork: networks.map(([network = "", length]) => ({ network, prefixLength: Number(length) })),
  };
}

async function changeList(host: Host, id: string, written: string, deed: "add" | "remove"): Promise<void> {
  const [found] = await rulesets(host, id);
  if (found !== undefined) await allow(host, found, changeAllowed(allOf(found), written, deed));
}

const lists = [
  command("network firewall ruleset allowedip list", {
    help: "List whom each rule set lets through.",
    params: { rulesetid },
    result: table(struct("AllowedIp", { Ruleset: "string", "Allowed IP Addresses": "string[]" })),
    run: async (host, args) =>
      (await rulesets(host, args.rulesetid)).map((set) => ({
        Ruleset: set.key,
        "Allowed IP Addresses": allOf(set).allIp ? ["All"] : addressesOf(allOf(set)),
      })),
  }),
  command("network firewall ruleset allowedip add", {
    help: "Let a rule set hold for an address or a network.",
    privilege,
    params: { ipaddress, ...named },
    result: nothing,
    run: (host, args) => changeList(host, args.rulesetid, args.ipaddress, "add"),
  }),
  command("network firewall ruleset allowedip remove", {
    help: "Let a rule set hold for an address or a network no more.",
    privilege,
    params: { ipaddress, ...named },
    result: nothing,
    run: (host, args) => changeList(host, args.rulesetid, args.ipaddress, "remove"),
  }),
];

export const firewallCommands = [...firewall, ...sets, ...lists];
