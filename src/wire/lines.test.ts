import { expect, test } from "vitest";
import { LineSplitter, LineTooLong } from "./lines.ts";

test("a line that arrives in pieces comes out whole, with the one after it", () => {
  const splitter = new LineSplitter(100);
  expect(splitter.push(Buffer.from('{"a"'))).toEqual([]);
  expect(splitter.push(Buffer.from(':1}\r\n{"b":2}\n{"c"'))).toEqual(['{"a":1}', '{"b":2}']);
  expect(splitter.push(Buffer.from(":3}\n"))).toEqual(['{"c":3}']);
});

test("a character that is cut between two pieces is not damaged", () => {
  const bytes = Buffer.from("grüße\n");
  const splitter = new LineSplitter(100);
  expect([...bytes].flatMap((byte) => splitter.push(Buffer.from([byte])))).toEqual(["grüße"]);
});

test("a line that never ends is refused at the bound, not when memory is gone", () => {
  const splitter = new LineSplitter(64);
  splitter.push(Buffer.alloc(60, "x"));
  expect(() => splitter.push(Buffer.alloc(60, "x"))).toThrow(LineTooLong);
});

test("many lines together may be longer than the bound of one", () => {
  expect(new LineSplitter(4).push(Buffer.from("abc\n".repeat(50)))).toHaveLength(50);
});
