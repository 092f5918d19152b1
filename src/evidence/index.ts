import type { VmkernelClient } from "../vmkernel/index.ts";
import type { Claim, Evidence } from "./claim.ts";
import { accessClaims } from "./claims/access.ts";
import { consoleClaims } from "./claims/consoles.ts";
import { deviceClaims } from "./claims/devices.ts";
import { firewallClaims } from "./claims/firewall.ts";
import { hostClaims } from "./claims/host.ts";
import { managementClaims } from "./claims/management.ts";
import { memoryClaims } from "./claims/memory.ts";
import { monitorClaims } from "./claims/monitors.ts";
import { networkClaims } from "./claims/network.ts";
import { networkRefusalClaims } from "./claims/network-refusals.ts";
import { processorClaims } from "./claims/processors.ts";
import { reservationClaims } from "./claims/reservations.ts";
import { type HostPids, type Observation, observe, type Places } from "./observe.ts";

export type { Evidence, Verdict } from "./claim.ts";
export type { HostPids, Places } from "./observe.ts";

/** Every claim of this host, in the order in which they are printed. */
export const claims: readonly Claim[] = [
  ...monitorClaims,
  ...memoryClaims,
  ...reservationClaims,
  ...processorClaims,
  ...deviceClaims,
  ...consoleClaims,
  ...networkClaims,
  ...networkRefusalClaims,
  ...firewallClaims,
  ...hostClaims,
  ...accessClaims,
  ...managementClaims,
];

/** Judges every claim by what was observed. Pure. */
export function judge(observation: Observation): readonly Evidence[] {
  return claims.map(({ claim, heading, judge }) => ({ claim, heading, ...judge(observation) }));
}

/** Looks at the live host and judges every claim. Needs root: other users' processes can't be looked at. */
export async function gatherEvidence(
  vmkernel: Pick<VmkernelClient, "request">,
  pids: HostPids,
  places: Places,
): Promise<readonly Evidence[]> {
  return judge(await observe(vmkernel, pids, places));
}

/** Evidence as people read it. Pure. */
export function formatEvidence(evidence: readonly Evidence[]): string {
  const mark = { pass: "pass     ", fail: "FAIL     ", "not shown": "not shown" } as const;
  const lines = evidence.flatMap(({ claim, heading, verdict, facts }) => [
    `${mark[verdict]}  «${heading}» ${claim}`,
    ...facts.map((fact) => `             ${fact}`),
  ]);
  return [...lines, summarize(evidence)].join("\n");
}

/** "11 claims: 11 pass, 0 fail, 0 not shown". */
export function summarize(evidence: readonly Evidence[]): string {
  const count = (verdict: Evidence["verdict"]): number => evidence.filter((item) => item.verdict === verdict).length;
  return `${evidence.length} claims: ${count("pass")} pass, ${count("fail")} fail, ${count("not shown")} not shown`;
}
