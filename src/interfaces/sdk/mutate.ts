/** Requests as a hostile or broken client would send them, made from good ones by chance. Pure. For tests. */

/** What does harm somewhere: to parsers, to number readers, to JavaScript objects, to path builders. */
const HOSTILE_TEXTS = [
  "",
  " ",
  "-1",
  "0",
  "2147483648",
  "-9223372036854775808",
  "99999999999999999999999999",
  "1e999",
  "NaN",
  "0x7f",
  "true",
  "null",
  "__proto__",
  "constructor",
  "toString",
  "../../../../etc/passwd",
  "[datastore1] ../../etc/shadow",
  "[] /dev/sda",
  "%00",
  "%2f..%2f",
  "'; DROP TABLE accounts; --",
  "$(reboot)",
  "&amp;lt;",
  "&#0;",
  "&#xd800;",
  "&#x10ffff;",
  "&undeclared;",
  "&constructor;",
  "\u0000",
  "\ud800",
  "\u202e",
  "]]>",
  "<![CDATA[x]]>",
  "<!-- -->",
  "<x/>",
  "</soapenv:Body>",
  "<?php ?>",
  "A".repeat(70_000),
  "9".repeat(70_000),
] as const;

const HOSTILE_TYPES = [
  "xsd:string",
  "xsd:int",
  "xsd:anyType",
  "ArrayOfAnyType",
  "ArrayOfInt",
  "ArrayOfArrayOfInt",
  "ArrayOf",
  "ManagedObjectReference",
  "MethodFault",
  "DynamicData",
  "VirtualDisk",
  "VirtualMachineConfigSpec",
  "OptionValue",
  "__proto__",
  "void",
  "",
] as const;

type Mutation = (random: () => number, xml: string) => string;

const mutations: readonly Mutation[] = [
  // Bytes
  (random, xml) => splice(xml, at(random, xml), 1, String.fromCharCode(Math.floor(random() * 256))),
  (random, xml) => splice(xml, at(random, xml), 1 + Math.floor(random() * 40), ""),
  (random, xml) => xml.slice(0, at(random, xml)),
  (random, xml) => splice(xml, at(random, xml), 0, pick(random, HOSTILE_TEXTS)),
  (random, xml) => {
    const from = at(random, xml);
    return splice(xml, at(random, xml), 0, xml.slice(from, from + Math.floor(random() * 200)));
  },
  // Text between tags, the value of an attribute
  (random, xml) => replaceOne(random, xml, />[^<>]+</g, () => `>${pick(random, HOSTILE_TEXTS)}<`),
  (random, xml) => replaceOne(random, xml, /="[^"<>]*"/g, () => `="${pick(random, HOSTILE_TEXTS)}"`),
  (random, xml) => replaceOne(random, xml, /="[^"<>]*"/g, () => `="${pick(random, HOSTILE_TYPES)}"`),
  // Elements: one gone, one doubled, one renamed, one with a type of its own, two exchanged
  (random, xml) => replaceOne(random, xml, /<(\w+)[^<>]*>[^<>]*<\/\1>/g, () => ""),
  (random, xml) => replaceOne(random, xml, /<(\w+)[^<>]*>[^<>]*<\/\1>/g, (element) => element.repeat(1 + Math.floor(random() * 300))),
  (random, xml) =>
    replaceOne(random, xml, /<\/?\w+/g, (tag) =>
      tag.replace(/\w+/, () => pick(random, ["__proto__", "constructor", "x", "spec", "_this"])),
    ),
  (random, xml) => replaceOne(random, xml, /<\w+(?=[ >])/g, (tag) => `${tag} xsi:type="${pick(random, HOSTILE_TYPES)}"`),
  (random, xml) => replaceOne(random, xml, /<\w+(?=[ >])/g, (tag) => `${tag} xsi:nil="true"`),
  (random, xml) => replaceOne(random, xml, /<(\w+)[^<>]*>[^<>]*<\/\1>/g, (element) => nest(element, Math.floor(random() * 200))),
  // Documents
  (_, xml) => `<!DOCTYPE x [<!ENTITY a "${"a".repeat(1000)}"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>${xml.replace(/^<\?xml[^>]*\?>/, "")}`,
  (_, xml) => xml.replace(/encoding="[^"]*"/i, 'encoding="UTF-16"'),
  (random, xml) => replaceOne(random, xml, /xmlns(:\w+)?="[^"]*"/g, () => ""),
];

/**
 * A request that differs from `xml` in one to four places.
 * @param random 0 ≤ n < 1, for example Math.random, or one with a seed
 * @param xml a well-formed request
 */
export function mutateRequest(random: () => number, xml: string): string {
  let mutated = xml;
  for (let left = 1 + Math.floor(random() * 4); left > 0; left--) mutated = pick(random, mutations)(random, mutated);
  return mutated;
}

/** Numbers between 0 and 1 that only `seed` decides: a failure can be run again. */
export function randomOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    // A Weyl sequence, mixed: enough to wander through the mutations.
    state = (state + 0x9e3779b9) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 16), 0x21f0aaad);
    mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97);
    return ((mixed ^ (mixed >>> 15)) >>> 0) / 2 ** 32;
  };
}

function pick<T>(random: () => number, choices: readonly T[]): T {
  const choice = choices[Math.floor(random() * choices.length)];
  if (choice === undefined) throw new Error("nothing to choose from");
  return choice;
}

function at(random: () => number, text: string): number {
  return Math.floor(random() * (text.length + 1));
}

function splice(text: string, index: number, remove: number, insert: string): string {
  return text.slice(0, index) + insert + text.slice(index + remove);
}

/** Replaces one of the matches; the text as it is when there is none. */
function replaceOne(random: () => number, text: string, pattern: RegExp, replace: (match: string) => string): string {
  const matches = [...text.matchAll(pattern)];
  if (matches.length === 0) return text;
  const { 0: match, index } = pick(random, matches);
  return splice(text, index, match.length, replace(match));
}

function nest(element: string, depth: number): string {
  return "<a>".repeat(depth) + element + "</a>".repeat(depth);
}
