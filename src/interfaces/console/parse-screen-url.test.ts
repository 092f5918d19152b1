import { expect, test } from "vitest";
import { parseScreenUrl } from "./parse-screen-url.ts";

test.each([
  ["/screen?id=7", "7"],
  ["/screen?id=vm%2D7", "vm-7"],
])("%s is of the VM %s", (url, id) => {
  expect(parseScreenUrl(url)).toEqual({ kind: "vm", id });
});

test.each([
  ["no VM", "/screen", "id must say"],
  ["an empty one", "/screen?id=", "id must say"],
  ["a long one", `/screen?id=${"1".repeat(81)}`, "id must say"],
  ["two", "/screen?id=1&id=2", "twice"],
  ["a size", "/screen?id=1&w=640", '"w" is not known'],
  ["a name of every object", "/screen?id=1&__proto__=x", '"__proto__" is not known'],
])("%s is refused", (_, url, text) => {
  expect(parseScreenUrl(url)).toMatchObject({ kind: "refused", status: 400, text: expect.stringContaining(text) });
});
