import fc from "fast-check";
import { expect, test } from "vitest";
import { type Boxed, FIELDS, type Field, planTrees, type Range, type RuleTree } from "./rule-tree.ts";

interface TestRule extends Boxed {
  readonly index: number;
}

type Packet = Readonly<Record<Field, number>>;

const matches = ({ box }: Boxed, packet: Packet): boolean =>
  FIELDS.every((field) => {
    const range = box[field];
    return range === undefined || (range.first <= packet[field] && packet[field] <= range.last);
  });

const numbered = (boxes: readonly Boxed["box"][]): readonly TestRule[] => boxes.map((box, index) => ({ index, box, size: 6 }));

interface Search {
  readonly found: number | undefined;
  readonly questions: number;
  readonly tried: number;
}

/** As the compiled code goes through them. */
function search(trees: readonly RuleTree<TestRule>[], packet: Packet): Search {
  let [questions, tried] = [0, 0];
  for (let tree of trees) {
    for (; tree.kind === "question"; questions++) tree = packet[tree.field] < tree.from ? tree.below : tree.rest;
    for (const rule of tree.rules) {
      tried++;
      if (matches(rule, packet)) return { found: rule.index, questions, tried };
    }
  }
  return { found: undefined, questions, tried };
}

function sizeOf(tree: RuleTree<TestRule>): number {
  return tree.kind === "list" ? tree.rules.reduce((sum, { size }) => sum + size, 0) : 4 + sizeOf(tree.below) + sizeOf(tree.rest);
}

const NOWHERE: Packet = {
  protocol: 0,
  remotePort: 0,
  localPort: 0,
  icmpType: 0,
  remote0: 0,
  remote1: 0,
  remote2: 0,
  remote3: 0,
  remoteMac: 0,
};
const number = fc.oneof(fc.integer({ min: 0, max: 40 }), fc.constantFrom(0, 0xffff, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff));
const range = fc.tuple(number, number).map(([a, b]): Range => ({ first: Math.min(a, b), last: Math.max(a, b) }));
const box = fc.dictionary(fc.constantFrom(...FIELDS), range, { maxKeys: 3 }).map((ranges) => ({ ...ranges }) as Boxed["box"]);
const packet = fc.record(Object.fromEntries(FIELDS.map((field) => [field, number])) as Record<Field, typeof number>);

test("whatever the rules and the packet: the trees find the rule that the list finds", () => {
  fc.assert(
    fc.property(fc.array(box, { maxLength: 60 }), fc.array(packet, { minLength: 20, maxLength: 20 }), (boxes, packets) => {
      const rules = numbered(boxes);
      const trees = planTrees(rules, 1000);
      for (const one of packets) expect(search(trees, one).found).toBe(rules.find((rule) => matches(rule, one))?.index);
    }),
    { numRuns: 500 },
  );
});

test("whatever the rules: the trees are not longer than the rules and what is to spare", () => {
  fc.assert(
    fc.property(fc.array(box, { minLength: 1, maxLength: 300 }), fc.integer({ min: 0, max: 3000 }), (boxes, spare) => {
      const sizes = planTrees(numbered(boxes), spare).map(sizeOf);
      expect(sizes.reduce((sum, one) => sum + one, 0)).toBeLessThanOrEqual(boxes.length * 6 + spare);
    }),
    { numRuns: 30 },
  );
});

const THOUSAND = Array.from({ length: 1000 }, (_, at) => at);
const point = (value: number): Range => ({ first: value, last: value });

test.each<[string, readonly Boxed["box"][], (at: number) => Packet]>([
  ["ports", THOUSAND.map((at) => ({ protocol: point(17), remotePort: point(at) })), (at) => ({ ...NOWHERE, protocol: 17, remotePort: at })],
  [
    "networks",
    THOUSAND.map((at) => ({ remote0: { first: at * 256, last: at * 256 + 255 } })),
    (at) => ({ ...NOWHERE, remote0: at * 256 + 7 }),
  ],
  ["MAC addresses", THOUSAND.map((at) => ({ remoteMac: point(at * 77) })), (at) => ({ ...NOWHERE, remoteMac: at * 77 })],
  [
    "networks and ports, and in the end what any may",
    THOUSAND.map((at) => (at < 996 ? { remote0: point(at >> 3), localPort: { first: (at & 7) * 10, last: (at & 7) * 10 + 9 } } : {})),
    (at) => ({ ...NOWHERE, remote0: at >> 3, localPort: (at & 7) * 10 + 3 }),
  ],
])("of a thousand rules about %s a packet meets a few", (_, boxes, packetOf) => {
  const trees = planTrees(numbered(boxes), 12_000);
  const searches = THOUSAND.map((at) => search(trees, packetOf(at)));
  expect(Math.max(...searches.map(({ questions }) => questions))).toBeLessThanOrEqual(12);
  expect(Math.max(...searches.map(({ tried }) => tried))).toBeLessThanOrEqual(8);
});

test("rules that no question tells apart are a list, and few rules are", () => {
  expect(planTrees(numbered(Array.from({ length: 50 }, () => ({ remotePort: { first: 0, last: 9 } }))), 1000)).toMatchObject([
    { kind: "list" },
  ]);
  expect(planTrees(numbered([1, 2, 3, 4].map((port) => ({ remotePort: point(port) }))), 1000)).toMatchObject([{ kind: "list" }]);
  expect(planTrees([], 1000)).toEqual([]);
});
