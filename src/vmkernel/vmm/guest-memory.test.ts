import { expect, test } from "vitest";
import { parseBalloon, touchesCountMs } from "./guest-memory.ts";
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

test.each<[string, number, number, number]>([
  ["few guests that are looked at in no time", 0.8, 50, 60_000],
  ["more guests", 0.8, 200, 160_000],
  ["fewer of more memory", 8, 20, 160_000],
  ["many of much memory", 40, 200, 600_000],
  ["none that was looked at yet", 0, 1, 60_000],
])(
  "of %s, touches are counted for a minute, or for as long as looking takes no more than a thousandth of a processor",
  (_, tookMs, guests, countMs) => {
    expect(touchesCountMs(tookMs, guests)).toBe(countMs);
  },
);
