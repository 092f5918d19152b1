import { expect, test } from "vitest";
import { formatCanonicalUuid, formatSpacedUuid, parseCanonicalUuid, parseSpacedUuid } from "./spaced-uuid.ts";

const hex = "564d0a1b2c3d4e5f90a1b2c3d4e5f607";

test("both forms are read as they are written", () => {
  expect(formatSpacedUuid(hex)).toBe("56 4d 0a 1b 2c 3d 4e 5f-90 a1 b2 c3 d4 e5 f6 07");
  expect(parseSpacedUuid("56 4D 0a 1b 2c 3d 4e 5f-90 a1 b2 c3 d4 e5 f6 07")).toBe(hex);
  expect(formatCanonicalUuid(hex)).toBe("564d0a1b-2c3d-4e5f-90a1-b2c3d4e5f607");
  expect(parseCanonicalUuid("564D0a1b-2c3d-4e5f-90a1-b2c3d4e5f607")).toBe(hex);
});

test.each([
  [""],
  ["56 4d"],
  ["56 4d 0a 1b 2c 3d 4e 5f 90 a1 b2 c3 d4 e5 f6 07"],
  [hex],
  [`${formatSpacedUuid(hex)} 00`],
  ["zz 4d 0a 1b 2c 3d 4e 5f-90 a1 b2 c3 d4 e5 f6 07"],
])("%j is no spaced UUID", (text) => {
  expect(parseSpacedUuid(text)).toBeUndefined();
  expect(parseCanonicalUuid(text)).toBeUndefined();
});
