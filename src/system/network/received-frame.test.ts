import { expect, test } from "vitest";
import { withVlanTag } from "./received-frame.ts";

const FRAME = Buffer.from("ffffffffffff02000000000188b50102", "hex");
const TELLS = "2400000000000000 07010000 08000000";
const control = (text: string) => Buffer.concat([Buffer.from(text.replaceAll(" ", ""), "hex"), Buffer.alloc(40)]).subarray(0, 40);

test.each([
  ["nothing", "", ""],
  ["that there was no tag", `${TELLS} 01000000 10000000 10000000 0000 0e00 0000 0000`, ""],
  ["a tag", `${TELLS} 51000000 10000000 10000000 0000 0e00 6400 0081`, "81000064"],
  ["a tag with priority", `${TELLS} 51000000 10000000 10000000 0000 0e00 64a0 0081`, "8100a064"],
  ["a service tag", `${TELLS} 51000000 10000000 10000000 0000 0e00 6400 a888`, "88a80064"],
  ["the tag of VLAN 0", `${TELLS} 51000000 10000000 10000000 0000 0e00 0000 0081`, "81000000"],
  ["a tag, and not of what kind", `${TELLS} 11000000 10000000 10000000 0000 0e00 6400 0000`, "81000064"],
  ["something of another protocol", "2400000000000000 01000000 08000000 51000000 10000000 10000000 0000 0e00 6400 0081", ""],
  ["less than that", "1400000000000000 07010000 08000000 51000000 10000000 10000000 0000 0e00 6400 0081", ""],
])("where the kernel tells %s beside a frame, it gets a tag of %j", (_, text, tag) => {
  const expected = `ffffffffffff020000000001${tag}88b50102`;
  expect(withVlanTag(FRAME, control(text)).toString("hex")).toBe(expected);
});
