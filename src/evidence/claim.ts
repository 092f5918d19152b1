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
  /** The machine withholds just what this needs, and the host was told to do without (--degraded). */
  readonly isWithheld?: boolean;
}

const FACTS_MAX = 1000; // of one claim; a host has at most a thousand VMs, and a failure is named first

/**
 * Passes when there was something to look at and all of it is as claimed. What is not as claimed fails, unless the machine withholds
 * what just that needs: then it is not shown, and the facts name the weaknesses. A host that lacks one thing is excused for no other.
 * @param otherwise why nothing was there to look at
 * @param weaknesses of the host, for the facts
 */
export function judgeLooks(looks: readonly Look[], otherwise: string, weaknesses: readonly string[] = []): Finding {
  if (looks.length === 0) return { verdict: "not shown", facts: [otherwise] };
  const broken = looks.filter(({ holds }) => !holds);
  const verdict = broken.length === 0 ? "pass" : broken.every(({ isWithheld }) => isWithheld === true) ? "not shown" : "fail";
  const because = broken.some(({ isWithheld }) => isWithheld === true) ? weaknesses : [];
  const facts = [
    ...because.map((weakness) => `This host is degraded: ${weakness}`),
    ...broken.map(({ fact }) => `NOT SO: ${fact}`),
    ...looks.filter(({ holds }) => holds).map(({ fact }) => fact),
  ];
  return { verdict, facts: facts.slice(0, FACTS_MAX) };
}
