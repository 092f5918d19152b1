/** Drops as the model tells them and as the kernel counts them: the same, port by port and reason by reason. Pure. */
import type { NetworkDescription, PortDescription } from "../../src/vmkernel/network/index.ts";
import type { Drop, DropReason } from "./switch-model.ts";

/** Of the kernel's counters; undefined for what no program gets to see. */
const COUNTED_AS: Readonly<Record<DropReason, string | undefined>> = {
  runt: undefined,
  "not connected": "notConnected",
  "tagged on an access port": "vlan",
  "no 802.1Q tag": "vlan",
  "two tags": "vlan",
  "priority tag or reserved VLAN": "vlan",
  "VLAN not carried": "vlan",
  "longer than the MTU": "tooLong",
  "forged source": "forgedTransmit",
  "switch protocol": "switchProtocol",
  firewall: "firewall",
  "MAC address changed": "macChange",
  "not a group of its adapter": "otherGroup",
  "own address": "ownAddress",
  "unknown destination": "unknownDestination",
  "uplink not in the team": "unusedUplink",
  reflected: "reflected",
};
/** What the kernel tells apart further. */
const ALSO: Readonly<Record<string, string>> = { malformed: "firewall", fragment: "firewall", noUplink: "unknownDestination" };

export class DropCounts {
  /** "vm1 firewall" → 3 */
  readonly #counts = new Map<string, number>();

  add({ port, because }: Drop): void {
    const counter = COUNTED_AS[because];
    if (counter !== undefined) this.#count(`${port} ${counter}`, 1);
  }

  /** What the kernel has counted so far. */
  static of(description: NetworkDescription): DropCounts {
    const counts = new DropCounts();
    for (const { connectee, counters } of allPorts(description)) {
      const port = connectee.kind === "virtualMachine" ? `vm${connectee.vm}` : connectee.device;
      for (const [reason, frames] of Object.entries(counters.dropped)) {
        counts.#count(`${port} ${ALSO[reason] ?? reason}`, frames);
      }
    }
    return counts;
  }

  since(before: DropCounts): DropCounts {
    const counts = new DropCounts();
    for (const [what, frames] of this.#counts) counts.#count(what, frames - (before.#counts.get(what) ?? 0));
    return counts;
  }

  /** @returns what there are not equally many of here and there, for people; empty when they agree */
  differences(other: DropCounts): readonly string[] {
    const all = new Set([...this.#counts.keys(), ...other.#counts.keys()]);
    return [...all]
      .map((what) => ({ what, here: this.#counts.get(what) ?? 0, there: other.#counts.get(what) ?? 0 }))
      .filter(({ here, there }) => here !== there)
      .map(({ what, here, there }) => `${what}: ${here} and ${there}`);
  }

  #count(what: string, frames: number): void {
    this.#counts.set(what, (this.#counts.get(what) ?? 0) + frames);
  }
}

function allPorts({ switches, unattached = [] }: NetworkDescription): readonly PortDescription[] {
  return [...switches.flatMap(({ ports }) => ports), ...unattached];
}
