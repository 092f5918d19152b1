export type { UnitState } from "./parse-units.ts";
export { hasSystemd, readUnits, startUnit, stopUnit } from "./systemd.ts";
