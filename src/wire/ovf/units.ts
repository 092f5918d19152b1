/** Amounts as OVF writes them: a number and «programmatic units», "byte * 2^30". Pure. Source: DMTF DSP0004, annex C. */

const OLD_UNITS: ReadonlyMap<string, number> = new Map([
  ["bytes", 1],
  ["kilobytes", 2 ** 10],
  ["megabytes", 2 ** 20],
  ["gigabytes", 2 ** 30],
  ["kb", 2 ** 10],
  ["mb", 2 ** 20],
  ["gb", 2 ** 30],
]);
const EXPONENT_MAX = 60;

/** @returns how many bytes one of the unit is; undefined for what is no unit of bytes */
export function bytesPerUnit(text: string): number | undefined {
  const unit = text.trim().toLowerCase();
  if (unit === "" || unit === "byte") return 1;
  const old = OLD_UNITS.get(unit);
  if (old !== undefined) return old;
  const [, factor, base, exponent] = /^byte\s*\*\s*(?:(\d{1,9})\s*\*\s*)?(2|10)\s*\^\s*(\d{1,2})$/.exec(unit) ?? [];
  if (base !== undefined && Number(exponent) <= EXPONENT_MAX) return Number(factor ?? 1) * Number(base) ** Number(exponent);
  const [, plain] = /^byte\s*\*\s*(\d{1,15})$/.exec(unit) ?? [];
  return plain === undefined ? undefined : Number(plain);
}
