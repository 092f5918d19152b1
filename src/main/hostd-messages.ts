/** What the supervisor and hostd say to each other while the host shuts down: a line of JSON each. Pure. */

/** What hostd is told when the host shuts down. It answers twice: how long that may take, and that it is done. */
export const STOP_GUESTS = JSON.stringify({ stopGuests: true });
const STOPS_WITHIN_MS_MAX = 2 ** 40; // every VM that a host can have, with the longest delay

/** Reads hostd's word on how long its guests take to stop in order. Pure. */
export function readStopsWithin(line: string): number | undefined {
  const { stopsWithinMs } = parseMessage(line);
  const isSane = typeof stopsWithinMs === "number" && stopsWithinMs >= 0 && stopsWithinMs <= STOPS_WITHIN_MS_MAX;
  return isSane ? stopsWithinMs : undefined;
}

/** Reads hostd's word that they have stopped. Pure. */
export function readGuestsStopped(line: string): true | undefined {
  return parseMessage(line).guestsStopped === true || undefined;
}

/** hostd parses hostile input: what it says is checked before it is believed. Pure. */
export function parseMessage(line: string): Readonly<Record<string, unknown>> {
  try {
    const message: unknown = JSON.parse(line);
    return typeof message === "object" && message !== null ? (message as Readonly<Record<string, unknown>>) : {};
  } catch {
    return {};
  }
}
