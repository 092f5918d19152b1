/**
 * Beacon probing at the uplinks of switches of which a team asks for it: each says every second that it is there, and one that nobody of
 * its switch hears any more is not used by those teams. vim25 HostNicFailureCriteria.checkBeacon.
 */
import { randomBytes } from "node:crypto";
import { messageWithCauses } from "../../base/index.ts";
import { FrameSocket, inNamespace, listLinks } from "../../system/index.ts";
import { BEACON_TYPE, decideLost, readBeacon, writeBeacon } from "./beacon.ts";
import type { NetworkConfig, SwitchConfig } from "./config.ts";
import { effectivePolicy } from "./effective-policy.ts";

const EVERY_MS = 1000;
/** Three that are not heard, and half of one for the way. */
const LOST_MS = 3500;
/** One that floods is not read all day. */
const FRAMES_AT_ONCE_MAX = 64;
/** Classic BPF: beacons by their EtherType, and nothing else. */
const FILTER = [
  [0x28, 0, 0, 12],
  [0x15, 0, 1, BEACON_TYPE],
  [0x06, 0, 0, 0xffff],
  [0x06, 0, 0, 0],
] as const;

export interface BeaconsParts {
  /** The switches' namespace. */
  readonly namespace: string;
  readonly log: (line: string) => void;
  /** Other uplinks are lost than before. */
  readonly changed: () => void;
  readonly everyMs?: number;
}

interface Prober {
  readonly index: number;
  readonly mac: string;
  readonly socket: FrameSocket;
  readonly sinceMs: number;
}

export class Beacons implements Disposable {
  readonly #parts: BeaconsParts;
  readonly #key = randomBytes(32);
  readonly #timer: NodeJS.Timeout;
  readonly #scale: number;
  readonly #probers = new Map<string, Prober>();
  /** When each was heard last at each other, by both names. */
  readonly #heardAtMs = new Map<string, number>();
  #config: NetworkConfig = { switches: [] };
  #sequence = 0n;
  #lost: ReadonlySet<string> = new Set();

  constructor(parts: BeaconsParts) {
    this.#parts = parts;
    const everyMs = parts.everyMs ?? EVERY_MS;
    this.#scale = everyMs / EVERY_MS;
    this.#timer = setInterval(() => this.#probe(), everyMs).unref();
  }

  follow(config: NetworkConfig): void {
    this.#config = config;
  }

  /** Whether an uplink with a link leads where the others of its switch do not. */
  isLost(device: string): boolean {
    return this.#lost.has(device);
  }

  #probe(): void {
    try {
      const switches = this.#config.switches.filter(probes);
      if (switches.length === 0 && this.#probers.size === 0) return;
      this.#openSockets(new Set(switches.flatMap(({ uplinks }) => uplinks)));
      this.#hear();
      this.#sequence += 1n;
      for (const [uplink, { socket, mac }] of this.#probers) {
        trying(() => socket.send(writeBeacon({ uplink, sequence: this.#sequence }, { mac, key: this.#key })));
      }
      this.#decide(switches);
    } catch (error) {
      this.#parts.log(`network: beacons: ${messageWithCauses(error)}`);
    }
  }

  #openSockets(wanted: ReadonlySet<string>): void {
    inNamespace(this.#parts.namespace, () => {
      const links = new Map(listLinks().map((link) => [link.name, link]));
      for (const [device, { index }] of this.#probers) {
        const link = links.get(device);
        if (!wanted.has(device) || link?.index !== index || !link.hasCarrier) this.#close(device);
      }
      for (const device of wanted) {
        const link = this.#probers.has(device) ? undefined : links.get(device);
        if (link === undefined || !link.hasCarrier) continue;
        const socket = new FrameSocket(device, { receives: true, filter: FILTER });
        this.#probers.set(device, { index: link.index, mac: link.mac, socket, sinceMs: Date.now() });
      }
    });
  }

  #hear(): void {
    for (const [to, { socket }] of this.#probers) {
      for (let count = 0; count < FRAMES_AT_ONCE_MAX; count++) {
        const frame = trying(() => socket.receive());
        if (frame === undefined) break;
        const beacon = readBeacon(frame, this.#key);
        // An old one that somebody sends again tells of no uplink that is there now.
        if (beacon === undefined || beacon.sequence < this.#sequence - 1n) continue;
        this.#heardAtMs.set(pair(beacon.uplink, to), Date.now());
      }
    }
  }

  /** One that has just begun counts as heard. */
  #decide(switches: readonly SwitchConfig[]): void {
    const now = Date.now();
    const isFresh = (ms: number): boolean => now - ms < LOST_MS * this.#scale;
    const lost = new Set<string>();
    for (const { uplinks } of switches) {
      const there = uplinks.filter((device) => this.#probers.has(device));
      const heard = there.flatMap((from) =>
        there.flatMap((to) => {
          const begun = Math.max(this.#probers.get(from)?.sinceMs ?? 0, this.#probers.get(to)?.sinceMs ?? 0);
          return from !== to && isFresh(Math.max(begun, this.#heardAtMs.get(pair(from, to)) ?? 0)) ? [{ from, to }] : [];
        }),
      );
      for (const device of decideLost(there, heard)) lost.add(device);
    }
    const isSame = lost.size === this.#lost.size && [...lost].every((device) => this.#lost.has(device));
    this.#lost = lost;
    if (!isSame) this.#parts.changed();
  }

  #close(device: string): void {
    this.#probers.get(device)?.socket[Symbol.dispose]();
    this.#probers.delete(device);
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
    for (const device of [...this.#probers.keys()]) this.#close(device);
  }
}

/** Whether the switch, or a port group of it, goes by beacons. */
function probes({ policy, portGroups }: SwitchConfig): boolean {
  return [policy, ...portGroups.map(({ overrides }) => effectivePolicy(policy, overrides))].some(({ teaming }) => teaming.checkBeacon);
}

function pair(from: string, to: string): string {
  return `${from} ${to}`;
}

/** A link that goes down meanwhile is what links are watched for. */
function trying<T>(deed: () => T): T | undefined {
  try {
    return deed();
  } catch {
    return undefined;
  }
}
