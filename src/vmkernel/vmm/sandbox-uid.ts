/** A user of its own for each monitor. Pure. */

/** Above the users that Debian gives out and below its subordinate ids' end; a host begins at an offset of its own. */
export const MONITOR_UIDS = { min: 200_000, max: 265_535 } as const;
const COUNT = MONITOR_UIDS.max - MONITOR_UIDS.min + 1;

/**
 * @param hostId eight hex digits; hosts of one machine begin far apart, so that they rarely meet
 * @param taken uids that a process of this machine has, or that a monitor of this host holds
 * @returns undefined when all are taken
 */
export function pickUid(hostId: string, taken: ReadonlySet<number>): number | undefined {
  const offset = Number.parseInt(hostId, 16) % COUNT;
  for (let step = 0; step < COUNT; step += 1) {
    const uid = MONITOR_UIDS.min + ((offset + step) % COUNT);
    if (!taken.has(uid)) return uid;
  }
  return undefined;
}
