/** Who reaches the host, by what the kernel's packet filter holds and does. Pure. Paper «Management Interface Firewall». */
import { type Claim, judgeLooks, type Look } from "../claim.ts";
import type { FirewallTry, ObservedFirewall } from "../observe-firewall.ts";

const HEADING = "Management Interface Firewall";

const heldAsConfigured: Claim = {
  claim: "What the kernel's packet filter holds for this host is what its firewall is configured to be, rule by rule.",
  heading: HEADING,
  judge: ({ firewall, withheld, weaknesses }) => {
    if (firewall === undefined) return { verdict: "not shown", facts: ["The host's firewall was not asked for."] };
    const { state, unseen } = firewall;
    if (state.withheld !== undefined) return judgeLooks([{ fact: state.withheld, holds: false, isWithheld: true }], "", weaknesses);
    const isWithheld = withheld.includes("rootMountNamespace"); // it is compared in a namespace that is made for it
    if (unseen !== undefined) return judgeLooks([{ fact: `could not be looked at: ${unseen}`, holds: false, isWithheld }], "", weaknesses);
    return judgeLooks(compare(firewall), "Nothing is configured yet: no host agent has come up.");
  },
};

function compare({ state: { table, filter }, held, expected }: ObservedFirewall): readonly Look[] {
  if (expected === undefined || filter === undefined) return [];
  if (held === undefined) return [{ fact: `the kernel has no table inet ${table}`, holds: false }];
  const [found, wanted] = [held.map(show), expected.map(show)];
  const missing = wanted.filter((text) => !found.includes(text)).map((text) => ({ fact: `inet ${table} lacks ${text}`, holds: false }));
  const strange = found.filter((text) => !wanted.includes(text)).map((text) => ({ fact: `inet ${table} has ${text}`, holds: false }));
  const isSame = found.length === wanted.length && found.every((text, index) => text === wanted[index]);
  const enabled = filter.config.ruleSets.filter((one) => one.enabled).map(({ key }) => key);
  const fact = `inet ${table}: ${found.length} objects as the rule sets ${enabled.join(", ")} make them`;
  if (isSame) return [{ fact, holds: true }];
  const differences = [...missing, ...strange];
  return differences.length > 0 ? differences : [{ fact: `inet ${table}: its rules stand in another order, or twice`, holds: false }];
}

const show = (object: unknown): string => JSON.stringify(object);

const blockedByDefault: Claim = {
  claim: "A connection from outside to a port that no enabled rule set names is dropped before anything on this machine answers it.",
  heading: HEADING,
  judge: ({ firewall }) => {
    const filter = firewall?.state.filter;
    if (firewall === undefined || filter === undefined) return { verdict: "not shown", facts: ["There is no firewall to be tried."] };
    if (filter.scope === "ownPorts") {
      const why = "This machine has other work than this host, whose firewall is for the host's own ports; with --dedicated it is for all.";
      return { verdict: "not shown", facts: [why] };
    }
    if (!filter.config.incomingBlocked)
      return { verdict: "not shown", facts: ["The default policy lets in what no rule set names: it is configured so."] };
    return judgeLooks(
      firewall.tries.map((one) => look(one, firewall)),
      "No port could be tried.",
    );
  },
};

function look({ port, outcome }: FirewallTry, { tries, dropped }: ObservedFirewall): Look {
  const said = { open: "it was connected", refused: "it was answered that nobody listens", silent: "no answer" }[outcome];
  return {
    fact: `TCP port ${port} from outside: ${said}; packets dropped meanwhile: ${dropped}`,
    holds: outcome === "silent" && dropped >= tries.length,
  };
}

export const firewallClaims: readonly Claim[] = [heldAsConfigured, blockedByDefault];
