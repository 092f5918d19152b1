import { expect, test } from "vitest";
import { certificateStatus } from "./host-access.ts";

const DAY_MS = 86_400_000;
const NOW = Date.UTC(2024, 0, 1);

test.each([
  ["not valid yet", 1, 400, "unknown"],
  ["fresh", -1, 3650, "good"],
  ["seven months before its end", -1, 210, "expiring"],
  ["a month before its end", -1, 30, "expiringShortly"],
  ["a day before its end", -1, 1, "expirationImminent"],
  ["over", -400, -1, "expired"],
])("a certificate that is %s", (_, fromDays, toDays, status) => {
  expect(certificateStatus({ notBeforeMs: NOW + fromDays * DAY_MS, notAfterMs: NOW + toDays * DAY_MS }, NOW)).toBe(status);
});
