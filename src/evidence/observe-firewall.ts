/**
 * Looks at the host's firewall in the kernel: what the packet filter holds, beside what the configuration makes of an empty one; and, on a
 * machine of the host's own, what becomes of a connection that no rule set names, tried over a cable that is made for it.
 */
import { randomInt } from "node:crypto";
import { messageOf, parseIpNetwork } from "../base/index.ts";
import {
  addAddress,
  countAtEnd,
  createVeth,
  deleteLink,
  deleteTable,
  inNamespace,
  listTable,
  loadRules,
  moveLink,
  setLink,
  type TcpSocket,
  type TriedConnection,
  tryConnect,
  withEmptyNamespace,
} from "../system/index.ts";
import { admits, type HostFilter, type HostFirewallState, planRules } from "../vmkernel/index.ts";

export interface ObservedFirewall {
  readonly state: HostFirewallState;
  /** What the kernel holds; undefined where it has no such table. */
  readonly held: readonly unknown[] | undefined;
  /** What it makes of the configuration in an empty namespace; undefined where nothing is configured. */
  readonly expected: readonly unknown[] | undefined;
  /** None where the firewall is not for all of the machine's traffic, or lets in what no rule set names. */
  readonly tries: readonly FirewallTry[];
  /** Packets that came to the end of the filter while they were tried: that these were among them is what silence must go with. */
  readonly dropped: number;
  /** Why it could not be looked at. */
  readonly unseen?: string;
}

export interface FirewallTry {
  readonly port: number;
  readonly outcome: TriedConnection;
}

export interface FirewallPlace {
  /** Of the network that is filtered: the file of a namespace. */
  readonly namespace: string;
  readonly tcpSockets: readonly TcpSocket[];
}

export async function observeFirewall(state: HostFirewallState, place: FirewallPlace): Promise<ObservedFirewall> {
  const { table, filter } = state;
  if (filter === undefined) return { state, held: undefined, expected: undefined, ...NOT_TRIED };
  try {
    return await withEmptyNamespace(async (empty) => {
      await loadRules(planRules(table, filter), { namespace: empty });
      const [held, expected] = [await listTable(table, place), await listTable(table, { namespace: empty })];
      await deleteTable(table, { namespace: empty }); // from now on it is another machine's
      const isTried = held !== undefined && filter.scope === "machine" && filter.config.incomingBlocked;
      const tried = isTried ? await tryPorts({ table, filter, outside: empty }, place) : NOT_TRIED;
      return { state, held, expected, ...tried };
    });
  } catch (error) {
    return { state, held: undefined, expected: undefined, ...NOT_TRIED, unseen: messageOf(error) };
  }
}

const NOT_TRIED = { tries: [], dropped: 0 };

interface Tried {
  readonly table: string;
  readonly filter: HostFilter;
  /** A namespace that plays the other machine. */
  readonly outside: string;
}

const ANSWER_MS = 500; // from one end of a cable within this machine to the other
const PORTS_MAX = 3;
/** Where nothing listens at a port that is tried, the kernel would say so at once: to it that makes no difference. */
const UNUSED_PORTS = [9, 5900, 6000];

async function tryPorts({ table, filter, outside }: Tried, { namespace, tcpSockets }: FirewallPlace) {
  const link = `bhe${randomInt(0x1000000).toString(16)}`;
  const [near, far] = linkLocalPair();
  inNamespace(namespace, () => {
    createVeth(link, `${link}o`);
    moveLink(`${link}o`, outside);
  });
  try {
    inNamespace(outside, () => bringUp(`${link}o`, far));
    inNamespace(namespace, () => bringUp(link, near));
    const before = (await countAtEnd(table, "input", { namespace })) ?? 0;
    const tries = await Promise.all(
      portsToTry(filter, tcpSockets, far).map(async (port): Promise<FirewallTry> => {
        return { port, outcome: await tryConnect({ namespace: outside, host: near, port, timeoutMs: ANSWER_MS }) };
      }),
    );
    return { tries, dropped: ((await countAtEnd(table, "input", { namespace })) ?? 0) - before };
  } finally {
    inNamespace(namespace, () => deleteLink(link));
  }
}

/** Two addresses of a network of four that is nobody's for long: RFC 3927 §2.1. */
function linkLocalPair(): readonly [string, string] {
  const [third, fourth] = [randomInt(1, 255), randomInt(0, 64) * 4];
  return [`169.254.${third}.${fourth + 1}`, `169.254.${third}.${fourth + 2}`];
}

function bringUp(link: string, address: string): void {
  setLink(link, { up: true });
  addAddress(link, `${address}/30`);
}

/** Ports that no enabled rule set names for that address: first those at which something listens. */
function portsToTry(filter: HostFilter, tcpSockets: readonly TcpSocket[], from: string): readonly number[] {
  const address = parseIpNetwork(from);
  if (address === undefined) return [];
  const isNamed = (port: number) =>
    admits(filter, { direction: "inbound", protocol: "tcp", address, destinationPort: port, sourcePort: 0 });
  const listening = tcpSockets.filter(({ isListening }) => isListening).map(({ localPort }) => localPort);
  return [...new Set([...listening, ...UNUSED_PORTS])].filter((port) => !isNamed(port)).slice(0, PORTS_MAX);
}
