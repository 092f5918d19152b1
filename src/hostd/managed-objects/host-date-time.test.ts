import { expect, test } from "vitest";
import { offsetSeconds } from "./host-date-time.ts";

const WINTER = Date.UTC(2024, 0, 15);
const SUMMER = Date.UTC(2024, 6, 15);

test.each([
  ["Etc/UTC", WINTER, 0],
  ["Europe/Vienna", WINTER, 3600],
  ["Europe/Vienna", SUMMER, 7200],
  ["America/St_Johns", WINTER, -12_600],
  ["Asia/Kathmandu", WINTER, 20_700],
  ["Nowhere/At_All", WINTER, 0],
  ["", WINTER, 0],
])("the zone %s at %i is %i seconds ahead of UTC", (zone, atMs, seconds) => {
  expect(offsetSeconds(zone, atMs)).toBe(seconds);
});
