/**
 * A list of rules of which the first match decides, as trees of questions that lead to the few rules that can still match: so a packet
 * meets some ten questions and four rules, of a thousand. Pure.
 *
 * A question halves one field of the packet: is it below a number, or not. A rule that can match on both sides is in both, so the caller
 * says how much longer than the list the trees may be; where that is reached, and where no question helps, rules are tried one after
 * another. Rules that ask for little would be everywhere: they stand between the trees, in their order.
 */

/** What questions are about: words of 32 bits of the other end's address, of IPv4 the first alone. Of its MAC address the last 4 bytes. */
export const FIELDS = ["protocol", "remotePort", "localPort", "icmpType", "remote0", "remote1", "remote2", "remote3", "remoteMac"] as const;
export type Field = (typeof FIELDS)[number];

/** Both are in it; of 32 bits, unsigned. */
export interface Range {
  readonly first: number;
  readonly last: number;
}

export interface Boxed {
  /** It matches no packet that is outside of one of these; it may ask for more. */
  readonly box: { readonly [Name in Field]?: Range };
  /** How long it is as code, in instructions at most. */
  readonly size: number;
}

export type RuleTree<Rule> =
  /** In their order. */
  | { readonly kind: "list"; readonly rules: readonly Rule[] }
  | {
      readonly kind: "question";
      readonly field: Field;
      readonly from: number;
      readonly below: RuleTree<Rule>;
      readonly rest: RuleTree<Rule>;
    };

/** So many rules are tried as quickly as another question is asked of them. */
const LIST_MAX = 4;
/** How long a question is as code, in instructions at most. */
const QUESTION_SIZE = 4;
/** Of the ends of ranges in a field that are within a rule's own: more, and the rule asks for little there. */
const WIDE_SHARE = 0.25;
/** A field in which the rules ask for less than so many different things tells little apart. */
const DIFFERENT_MIN = 8;

/**
 * @param spare how much longer than the rules themselves all of it may be, in instructions
 * @returns to be gone through in their order, until a rule matches
 */
export function planTrees<Rule extends Boxed>(rules: readonly Rule[], spare: number): readonly RuleTree<Rule>[] {
  const size = sizeOf(rules);
  return runsOf(rules).map((run) =>
    run.isWide ? { kind: "list", rules: run.rules } : grow(run.rules, Math.floor((spare * sizeOf(run.rules)) / size)),
  );
}

interface Run<Rule> {
  readonly isWide: boolean;
  readonly rules: Rule[];
}

/** Neighbours that are alike: rules that ask for little, and rules that ask for much. */
function runsOf<Rule extends Boxed>(rules: readonly Rule[]): readonly Run<Rule>[] {
  const isWide = wideness(rules);
  const runs: Run<Rule>[] = [];
  for (const rule of rules) {
    const run = runs.at(-1);
    if (run?.isWide === isWide(rule)) run.rules.push(rule);
    else runs.push({ isWide: isWide(rule), rules: [rule] });
  }
  return runs;
}

function wideness(rules: readonly Boxed[]): (rule: Boxed) => boolean {
  const fields = FIELDS.map((field) => ({ field, ends: endsIn(rules, field) })).filter(({ ends }) => ends.length >= DIFFERENT_MIN);
  if (fields.length === 0) return () => true;
  return ({ box }) =>
    fields.every(({ field, ends }) => {
      const range = box[field];
      return range === undefined || countBelow(ends, range.last + 1) - countBelow(ends, range.first) > ends.length * WIDE_SHARE;
    });
}

/** @param spare how much longer than its rules the tree may be */
function grow<Rule extends Boxed>(rules: readonly Rule[], spare: number): RuleTree<Rule> {
  const question = rules.length > LIST_MAX ? bestQuestion(rules) : undefined;
  if (question === undefined) return { kind: "list", rules };
  const { field, from } = question;
  const below = rules.filter(({ box }) => (box[field]?.first ?? 0) < from);
  const rest = rules.filter(({ box }) => (box[field]?.last ?? WORD_MAX) >= from);
  const [sizeBelow, sizeOfBoth] = [sizeOf(below), sizeOf(below) + sizeOf(rest)];
  const left = spare - QUESTION_SIZE - (sizeOfBoth - sizeOf(rules));
  if (left < 0) return { kind: "list", rules };
  const spareBelow = Math.floor((left * sizeBelow) / sizeOfBoth);
  return { kind: "question", field, from, below: grow(below, spareBelow), rest: grow(rest, left - spareBelow) };
}

const WORD_MAX = 0xffff_ffff;

interface Question {
  readonly field: Field;
  readonly from: number;
  /** How many rules the longer side has; how many both have. */
  readonly longer: number;
  readonly both: number;
}

/** The one that leaves the fewest rules on its longer side; undefined where none leaves fewer on each. */
function bestQuestion(rules: readonly Boxed[]): Question | undefined {
  let best: Question | undefined;
  for (const field of FIELDS) {
    const ranges = rules.flatMap(({ box }) => box[field] ?? []);
    const firsts = ranges.map(({ first }) => first).sort(ascending);
    const lasts = ranges.map(({ last }) => last).sort(ascending);
    const anywhere = rules.length - ranges.length;
    for (const from of endsIn(rules, field)) {
      const below = anywhere + countBelow(firsts, from);
      const rest = anywhere + ranges.length - countBelow(lasts, from);
      const question = { field, from, longer: Math.max(below, rest), both: below + rest };
      if (question.longer < rules.length && (best === undefined || isBetter(question, best))) best = question;
    }
  }
  return best;
}

function isBetter(one: Question, other: Question): boolean {
  return one.longer < other.longer || (one.longer === other.longer && one.both < other.both);
}

/** Where ranges begin, and where the next thing begins behind them: each once, ascending. */
function endsIn(rules: readonly Boxed[], field: Field): readonly number[] {
  const ends = new Set<number>();
  for (const { box } of rules) {
    const range = box[field];
    if (range === undefined) continue;
    if (range.first > 0) ends.add(range.first);
    if (range.last < WORD_MAX) ends.add(range.last + 1);
  }
  return [...ends].sort(ascending);
}

/** How many of them are less; they ascend. */
function countBelow(sorted: readonly number[], limit: number): number {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((sorted[middle] ?? WORD_MAX) < limit) low = middle + 1;
    else high = middle;
  }
  return low;
}

function sizeOf(rules: readonly Boxed[]): number {
  return rules.reduce((sum, { size }) => sum + size, 0);
}

function ascending(a: number, b: number): number {
  return a - b;
}
