/** vim25 HostDateTimeSystem: the machine's clock, which is its own to set. No time servers are configured by this host. */
import type { HostDateTimeInfo, HostDateTimeSystemTimeZone } from "../../wire/index.ts";
import type { HostAgent } from "../agent.ts";
import type { ManagedObjectType } from "../managed-object.ts";

export const hostDateTimeSystem = {
  type: "HostDateTimeSystem",
  properties: { dateTimeInfo: (agent) => dateTimeInfo(agent) },
  methods: {
    QueryDateTime: ({ clock }) => new Date(clock.now()),
    QueryAvailableTimeZones: (agent) => [timeZone(agent)], // those that it can be set to: the one that it has
  },
} as const satisfies ManagedObjectType<"HostDateTimeSystem", HostAgent>;

export function dateTimeInfo(agent: HostAgent): HostDateTimeInfo {
  return { timeZone: timeZone(agent), ntpConfig: { server: [] } };
}

function timeZone({ machine, clock }: HostAgent): HostDateTimeSystemTimeZone {
  const name = machine().timeZone;
  return { key: name, name, description: name, gmtOffset: offsetSeconds(name, clock.now()) };
}

const OFFSET = /^GMT(?:([+-])(\d\d):(\d\d)(?::(\d\d))?)?$/;

/** How far a zone is ahead of UTC at a time; 0 for one that nobody knows. */
export function offsetSeconds(timeZone: string, atMs: number): number {
  try {
    const format = new Intl.DateTimeFormat("en", { timeZone, timeZoneName: "longOffset" });
    const text = format.formatToParts(atMs).find(({ type }) => type === "timeZoneName")?.value ?? "";
    const [, sign, hours = 0, minutes = 0, seconds = 0] = OFFSET.exec(text) ?? [];
    return (sign === "-" ? -1 : 1) * (Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds));
  } catch (error) {
    if (error instanceof RangeError) return 0; // a zone of the machine's own making
    throw error;
  }
}
