/** How the host stays manageable over its own virtual network. Pure. Paper «Network Access to Administrative Interfaces». */
import { isDeepStrictEqual } from "node:util";
import type { NetworkConfig } from "../../vmkernel/index.ts";
import { type Claim, judgeLooks, type Look } from "../claim.ts";
import type { ObservedManagement } from "../observe-management.ts";

const HEADING = "Network Access to Administrative Interfaces";
const NO_AGENT = "hostd is not running, so nobody changes the network.";
/** A change that should have gone back may be on its way, or vmkernel may be starting. */
const GRACE_MS = 3000;

function ofManagement(claim: string, look: (management: ObservedManagement) => readonly Look[]): Claim {
  const judge: Claim["judge"] = ({ management }) => judgeLooks(management === undefined ? [] : look(management), NO_AGENT);
  return { claim, heading: HEADING, judge };
}

const goesBack = ofManagement(
  "What is in force is the network on record; and a change that can cut off those who manage the host is undone in time, unless one of them is heard of.",
  ({ record, inForce, nowMs }) => [
    {
      fact: `in force: ${summaryOf(inForce)}; on record: ${summaryOf(record.network)}`,
      holds: isDeepStrictEqual(inForce, record.network),
    },
    record.pending === undefined
      ? { fact: "no change waits for somebody who manages the host", holds: true }
      : {
          fact: `${record.pending.methodName} ${whenOf(record.pending.untilMs - nowMs)} to ${summaryOf(record.pending.before)}, unless somebody who manages the host is heard of`,
          holds: record.pending.untilMs + GRACE_MS >= nowMs,
        },
  ],
);

function whenOf(leftMs: number): string {
  const seconds = (Math.abs(leftMs) / 1000).toFixed(1);
  return leftMs >= 0 ? `goes back in ${seconds} s` : `should have gone back ${seconds} s ago`;
}

/** "2 switches (vSwitch0: eth1; lab: no uplink), 3 port groups, vmk0 on Management Network" */
function summaryOf({ switches, hostNics = [] }: NetworkConfig): string {
  const uplinks = switches.map(({ name, uplinks: devices }) => `${name}: ${devices.join(", ") || "no uplink"}`);
  const groups = switches.flatMap(({ portGroups }) => portGroups).length;
  const nics = hostNics.map(({ device, portGroup }) => `${device} on ${portGroup}`);
  return `${switches.length} switches (${uplinks.join("; ")}), ${groups} port groups, ${nics.join(", ") || "no interface of the host"}`;
}

const servedWhereChosen = ofManagement(
  "Among the host's own interfaces, the API is served on those that are chosen for management, and on no other.",
  ({ inForce: { hostNics = [] }, listening, port }) => {
    if (listening.size === 0) return [{ fact: "the host has no interface of its own", holds: hostNics.length === 0 }];
    return [...listening].map(([netstack, sockets]) => {
      const chosen = hostNics.filter((nic) => nic.netstack === netstack && nic.servesApi).map(({ device }) => device);
      return {
        fact: `${netstack}: ${chosen.join(", ") || "no interface"} chosen for management, ${sockets} sockets listen at port ${port}`,
        holds: sockets === chosen.length,
      };
    });
  },
);

export const managementClaims: readonly Claim[] = [goesBack, servedWhereChosen];
