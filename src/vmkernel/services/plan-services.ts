/**
 * Which program of the machine is which of the host's services, and whether it is this host's to start and stop. Pure.
 * Source: ESXi's services; Debian's packages of NTP daemons.
 */
import type { UnitState } from "../../system/index.ts";

/** Services that a program of the machine can be; HostService.key. */
export const SERVICE_KEYS = ["ntpd"] as const;
export type ServiceKey = (typeof SERVICE_KEYS)[number];

/** Units of Debian's packages that do what the service does; of several the first is meant. */
export const UNITS: Readonly<Record<ServiceKey, readonly string[]>> = {
  ntpd: ["chrony.service", "ntpsec.service", "ntp.service", "systemd-timesyncd.service"],
};

export interface ServiceDescription {
  readonly key: ServiceKey;
  readonly running: boolean;
  /** The unit that it is here; undefined where there is none. */
  readonly unit?: string;
  /** Why it can be neither started nor stopped, a sentence; undefined where it can. */
  readonly because?: string;
}

export interface ServiceFacts {
  /** The machine is a host and nothing else. */
  readonly isOwnMachine: boolean;
  /** Undefined on a machine that was not started by systemd. */
  readonly units: readonly UnitState[] | undefined;
}

/** Of several units the one that runs is meant, and the first where none does. */
export function planService(key: ServiceKey, { isOwnMachine, units }: ServiceFacts): ServiceDescription {
  if (units === undefined)
    return { key, running: false, because: `This machine was not started by systemd, which is what ${key} is started with.` };
  const there = UNITS[key].flatMap((name) => units.find((unit) => unit.name === name && unit.isLoaded) ?? []);
  const unit = there.find(({ isActive }) => isActive) ?? there[0];
  if (unit === undefined)
    return { key, running: false, because: `This machine has no ${key}: none of ${UNITS[key].join(", ")} is installed.` };
  const found = { key, running: unit.isActive, unit: unit.name };
  if (isOwnMachine) return found;
  return { ...found, because: `${unit.name} is the machine's, which has other work than this host; it is this host's with --dedicated.` };
}
