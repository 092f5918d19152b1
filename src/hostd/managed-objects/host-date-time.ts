/**
 * vim25 HostDateTimeSystem: the machine's clock. It is shown and looked at, and never set: other software runs by it, and on the
 * machine that the host stands on today that may be anything. What asks for what is so already is done.
 */
import { fault, type HostDateTimeConfig, type HostDateTimeInfo, type HostDateTimeSystemTimeZone } from "../../wire/index.ts";
import type { HostAgent } from "../agent.ts";
import type { ManagedObjectType } from "../managed-object.ts";

export const hostDateTimeSystem = {
  type: "HostDateTimeSystem",
  properties: { dateTimeInfo: (agent) => dateTimeInfo(agent) },
  methods: {
    QueryDateTime: ({ clock }) => new Date(clock.now()),
    QueryAvailableTimeZones: (agent) => [timeZone(agent)], // those that it can be set to: the one that it has
    RefreshDateTimeSystem: (agent) => agent.refreshMachine(),
    UpdateDateTimeConfig(agent, { config }) {
      const field = fieldToChange(config, agent.machine().timeZone);
      if (field !== undefined) throw notOurs(field);
    },
    UpdateDateTime() {
      throw notOurs("its time");
    },
    async TestTimeService(agent) {
      const { isSynchronized, estimatedErrorUs, maxErrorUs } = await agent.vms.vmkernel.request({ kind: "readClock" });
      const state = isSynchronized
        ? `The machine's clock is kept right by a time service: ${estimatedErrorUs} µs off by its estimate, ${maxErrorUs} µs at most.`
        : "No time service keeps the machine's clock right.";
      return { workingNormally: isSynchronized, report: [state] };
    },
  },
} as const satisfies ManagedObjectType<"HostDateTimeSystem", HostAgent>;

/** What of a configuration is other than it is; undefined when all of it is so. Pure. */
export function fieldToChange(config: HostDateTimeConfig, timeZone: string): string | undefined {
  const { timeZone: wanted, ntpConfig, ptpConfig, ...rest } = config;
  if (wanted !== undefined && wanted !== timeZone) return "its time zone";
  if ((ntpConfig?.server ?? []).length > 0 || (ntpConfig?.configFile ?? []).length > 0) return "its time servers";
  if ((ptpConfig?.port ?? []).length > 0 || ptpConfig?.domain !== undefined) return "its PTP ports";
  const [flag] = Object.entries(rest).filter(([name, value]) => value !== undefined && name !== "$type");
  return flag === undefined ? undefined : `its time service (${flag[0]})`;
}

function notOurs(what: string) {
  const message = `The clock is the machine's, and other software's beside this host's: its administrator changes ${what}.`;
  return fault("HostConfigFault", message, {});
}

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
