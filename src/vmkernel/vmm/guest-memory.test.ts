import { expect, test } from "vitest";
import { parseBalloon } from "./guest-memory.ts";
import { isGuestMemory } from "./plan-devices.ts";

test.each<[string, unknown, number]>([
  ["a balloon that holds a part", { actual: 200 }, 56],
  ["a balloon that holds nothing", { actual: 256 }, 0],
  ["a balloon that holds all", { actual: 0 }, 256],
  ["more memory than the guest has", { actual: 257 }, 0],
  ["less than none", { actual: -1 }, 0],
  ["no number", { actual: "200" }, 0],
  ["no answer", undefined, 0],
])("of a monitor that tells of %s", (_, answer, expected) => {
  expect(parseBalloon(answer, 256)).toBe(expected);
});

test("the guest's memory is its first piece and its modules, not what devices and firmware have", () => {
  expect(["pc.ram", "/objects/memory0", "memory12", "pc.bios", "vga.vram", "/objects/memory0x"].filter(isGuestMemory)).toEqual([
    ...["pc.ram", "/objects/memory0", "memory12"],
  ]);
});
