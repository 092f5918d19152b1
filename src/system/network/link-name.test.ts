import { expect, test } from "vitest";
import { checkLinkName } from "./index.ts";

test.each(["eth0", "v123n4000", "enp0s31f6", "a", "a.100", "fifteen-bytes-x", "öäüöäüö"])("%s is a name for a link", (name) => {
  expect(() => checkLinkName(name)).not.toThrow();
});

test.each([
  ["", "it says nothing"],
  [".", "it says nothing"],
  ["..", "it says nothing"],
  ["sixteen-bytes-xx", "more than 15 bytes"],
  ["öäüöäüöä", "more than 15 bytes"], // of two bytes each
  ["../../x", '"/"'],
  ["a/b", '"/"'],
  ["a b", "spaces"],
  ["a\0b", "zero bytes"],
  ["eth0:1", '":"'],
  ["tap%d", '"%"'],
])("%j is refused as a name for a link: %s", (name, because) => {
  expect(() => checkLinkName(name)).toThrow(`${JSON.stringify(name)} is no name for a network link`);
  expect(() => checkLinkName(name)).toThrow(because);
});
