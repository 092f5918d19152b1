import { expect, test } from "vitest";
import { reservationClaims } from "./claims/reservations.ts";
import type { Observation } from "./observe.ts";
import type { ObservedReservation } from "./observe-reservations.ts";

const [kept] = reservationClaims;
const MIB = 2 ** 20;
const vm = (settings: Partial<ObservedReservation> = {}): ObservedReservation => ({
  ...{ name: "VM 1 (web)", sizeBytes: 256 * MIB, reservedBytes: 128 * MIB, limitBytes: Number.POSITIVE_INFINITY },
  ...{ balloonedBytes: 100 * MIB, swappedBytes: 28 * MIB },
  ...settings,
});
const judge = (...reservations: readonly ObservedReservation[]) => kept?.judge({ reservations } as unknown as Observation);

test("what is taken beyond a reservation is as claimed, a page more is not, and without a VM nothing is shown", () => {
  expect(judge(vm())?.verdict).toBe("pass");
  expect(judge(vm({ swappedBytes: 28 * MIB + 4096 }))?.verdict).toBe("fail");
  expect(judge(vm({ reservedBytes: 256 * MIB, balloonedBytes: 0, swappedBytes: 4096 }))?.verdict).toBe("fail");
  expect(judge()?.verdict).toBe("not shown");
});

test("a limit below the memory is warned about, and one that leaves room is not", () => {
  expect(judge(vm({ limitBytes: 200 * MIB }))?.facts.join()).toContain("WARNING: its limit, 200 MiB, is below its memory");
  expect(judge(vm({ limitBytes: 256 * MIB }))?.facts.join()).not.toContain("WARNING");
});
