/** Isolation claims: what the paper says, what was looked at on the live host, and whether it is so. Pure. */
import type { Observation } from "./observe.ts";

/** "not shown" is what a claim gets that cannot be looked at here; it never counts as passed. */
export type Verdict = "pass" | "fail" | "not shown";

export interface Evidence {
  readonly claim: string;
  /** The heading of the paper that it stands under. */
  readonly heading: string;
  readonly verdict: Verdict;
  /** What was looked at and what was there, a sentence each: enough to repeat the look by hand. */
  readonly facts: readonly string[];
}

export interface Claim {
  readonly claim: string;
  readonly heading: string;
  /** Judges what was observed. */
  readonly judge: (observation: Observation) => Finding;
}

export type Finding = Pick<Evidence, "verdict" | "facts">;

/** One thing that was looked at: what was there, and whether that is as claimed. */
export interface Look {
  readonly fact: string;
  readonly holds: boolean;
}

const FACTS_MAX = 1000; // of one claim; a host has at most a thousand VMs, and a failure is named first

/**
 * Passes when there was something to look at and all of it is as claimed.
 * @param otherwise why nothing was there to look at
 */
export function judgeLooks(looks: readonly Look[], otherwise: string): Finding {
  if (looks.length === 0) return { verdict: "not shown", facts: [otherwise] };
  const failed = looks.filter(({ holds }) => !holds).map(({ fact }) => `NOT SO: ${fact}`);
  const held = looks.filter(({ holds }) => holds).map(({ fact }) => fact);
  return { verdict: failed.length === 0 ? "pass" : "fail", facts: [...failed, ...held].slice(0, FACTS_MAX) };
}

/**
 * As {@link judgeLooks}, for a property that a host may have been told to do without (--degraded): what is then not as claimed
 * counts as not shown, and the facts name the weakness. A property that is there still passes, and nothing is called passed that is not.
 */
export function judgeUnlessDegraded(looks: readonly Look[], otherwise: string, weaknesses: readonly string[]): Finding {
  const finding = judgeLooks(looks, otherwise);
  if (finding.verdict !== "fail" || weaknesses.length === 0) return finding;
  return { verdict: "not shown", facts: [...weaknesses.map((weakness) => `This host is degraded: ${weakness}`), ...finding.facts] };
}
