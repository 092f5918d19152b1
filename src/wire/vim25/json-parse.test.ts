import fc from "fast-check";
import { expect, test } from "vitest";
import { isJsonNumber, isJsonObject, type JsonValue, parseJson } from "./json-parse.ts";

const parse = (text: string): JsonValue => parseJson(Buffer.from(text));

/** What JSON.parse would have made of it. */
function plain(value: JsonValue): unknown {
  if (isJsonObject(value)) return Object.fromEntries([...value].map(([name, member]) => [name, plain(member)]));
  if (Array.isArray(value)) return value.map(plain);
  return isJsonNumber(value) ? Number(value.number) : value;
}

test("whatever JSON.stringify writes is read as JSON.parse reads it", () => {
  fc.assert(
    fc.property(fc.json({ depthSize: "medium" }), fc.constantFrom(undefined, 2, "\t\r\n"), (json, space) => {
      const text = JSON.stringify(JSON.parse(json), null, space);
      expect(JSON.stringify(plain(parse(text)))).toBe(JSON.stringify(JSON.parse(text)));
    }),
  );
});

test("whatever JSON.parse refuses is refused", () => {
  fc.assert(
    fc.property(fc.json(), fc.nat(), fc.constantFrom("", "{", "]", ",", '"', "\\", "0", "-", "e", "\u0000", " x"), (json, at, change) => {
      const text = json.slice(0, at % (json.length + 1)) + change + json.slice((at % (json.length + 1)) + 1);
      let good = true;
      try {
        JSON.parse(text);
      } catch {
        good = false;
      }
      if (!good) expect(() => parse(text)).toThrow(expect.objectContaining({ fault: "InvalidRequest" }));
    }),
    { numRuns: 2000 },
  );
});

test("a number keeps every digit", () => {
  expect(parse("9007199254740993")).toEqual({ number: "9007199254740993" });
});

test("__proto__ is a name like any other", () => {
  const value = parse('{"__proto__":{"polluted":true},"constructor":1}');
  expect(isJsonObject(value) && [...value.keys()]).toEqual(["__proto__", "constructor"]);
  expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
});

test.each([
  ["nothing", ""],
  ["spaces", "  "],
  ["two members of one name", '{"a":1,"a":1}'],
  ["two members of one name, one of them escaped", '{"a":1,"\\u0061":2}'],
  ["65 arrays in one another", `${"[".repeat(66)}${"]".repeat(66)}`],
  ["a million open arrays", "[".repeat(1_000_000)],
  ["a million open objects", '{"a":'.repeat(500_000)],
  ["more values than 100,000", `[${"0,".repeat(100_000)}0]`],
  ["a number with a leading zero", "01"],
  ["a hexadecimal number", "0x1"],
  ["NaN", "NaN"],
  ["Infinity", "-Infinity"],
  ["a plus", "+1"],
  ["a comma at the end", "[1,]"],
  ["a comment", "/**/1"],
  ["single quotes", "'a'"],
  ["a string that does not end", '"a'],
  ["an escape that there is not", '"\\x41"'],
  ["half of a surrogate pair in a string", '"\\ud800"'],
  ["half of a surrogate pair in a member's name", '{"a\\udc00":1}'],
  ["a line break in a string", '"a\nb"'],
  ["a byte order mark", "\ufeff\ufeff1"],
  ["two values", "1 1"],
  ["a name without quotes", "{a:1}"],
])("%s is refused", (_, text) => expect(() => parse(text)).toThrow(expect.objectContaining({ fault: "InvalidRequest" })));

test("what is no UTF-8, or longer than 4 MiB, is refused", () => {
  expect(() => parseJson(new Uint8Array([0x22, 0xff, 0x22]))).toThrow("no UTF-8");
  expect(() => parseJson(Buffer.alloc(4 * 1024 * 1024 + 1, " "))).toThrow("more than 4194304 bytes");
});

test("64 arrays in one another, and a string of 4 MiB, are read", () => {
  expect(() => parse(`${"[".repeat(64)}${"]".repeat(64)}`)).not.toThrow();
  expect(parse(`"${"\\\\".repeat(1_000_000)}"`)).toBe("\\".repeat(1_000_000));
});
