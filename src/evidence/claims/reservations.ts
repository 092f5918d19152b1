/** What a VM was promised of the machine's memory, it has. Pure. Paper «Resource Provisioning, Shares, and Limits». */
import { type Claim, judgeLooks, type Look } from "../claim.ts";
import type { ObservedReservation } from "../observe-reservations.ts";

const MIB = 2 ** 20;

const reservationsAreKept: Claim = {
  claim:
    "Nothing of the memory that a VM has reserved is taken from it: what is ballooned and swapped of a guest is memory beyond its reservation.",
  heading: "Resource Provisioning, Shares, and Limits",
  judge: ({ reservations }) => judgeLooks(reservations.map(look), "No VM is powered on, so nothing is reserved."),
};

function look({ name, sizeBytes, reservedBytes, limitBytes, balloonedBytes, swappedBytes }: ObservedReservation): Look {
  const mib = (bytes: number): number => Math.round(bytes / MIB);
  const trap =
    limitBytes < sizeBytes ? `; WARNING: its limit, ${mib(limitBytes)} MiB, is below its memory, and holds it up however much is free` : "";
  const fact = `${name}: ${mib(sizeBytes)} MiB, of them reserved ${mib(reservedBytes)}, ballooned ${mib(balloonedBytes)}, swapped ${mib(swappedBytes)}${trap}`;
  return { fact, holds: balloonedBytes + swappedBytes <= sizeBytes - reservedBytes };
}

export const reservationClaims: readonly Claim[] = [reservationsAreKept];
