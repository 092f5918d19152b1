/**
 * Properties of the API that are one .vmx key each: how a value is checked, written and read. Pure.
 * A table of fields serves both directions, so what is written is what is read.
 */
import {
  fault,
  formatCanonicalUuid,
  formatSpacedUuid,
  parseCanonicalUuid,
  parseSpacedUuid,
  readVmx,
  type Vmx,
  type VmxChanges,
} from "../../wire/index.ts";

/** How a value of the API is written in a .vmx. */
export interface Codec<T> {
  /** @param text untrusted. @returns undefined when it is not such a value */
  read(text: string): T | undefined;
  /** @returns undefined when the value can't be had */
  write(value: T): string | undefined;
}

export interface Field<T> {
  readonly key: string;
  readonly codec: Codec<T>;
  /** The written value that goes without its key. There are readers of .vmx files that do not know the word for it. */
  readonly implied?: string;
}

/** One row for a property of `T`. */
export type Fields<T> = { readonly [P in keyof T]?: Field<NonNullable<T[P]>> };

export const flag: Codec<boolean> = {
  read: (text) => (/^(true|yes|on|1)$/i.test(text) ? true : /^(false|no|off|0)$/i.test(text) ? false : undefined),
  write: (value) => (value ? "TRUE" : "FALSE"),
};

export function integer({ min, max }: { min: number; max: number }): Codec<number> {
  const accepts = (value: number) => Number.isSafeInteger(value) && value >= min && value <= max;
  return {
    read: (text) => (/^-?[0-9]{1,16}$/.test(text) && accepts(Number(text)) ? Number(text) : undefined),
    write: (value) => (accepts(value) ? String(value) : undefined),
  };
}

export function text({ max }: { max: number }): Codec<string> {
  return { read: (value) => value, write: (value) => (value.length <= max ? value : undefined) };
}

/** @param words what the .vmx writes, by what the API says */
export function choice<const T extends string>(words: Readonly<Record<T, string>>): Codec<string> {
  const entries = Object.entries<string>(words);
  return {
    read: (value) => entries.find(([, written]) => written.toLowerCase() === value.toLowerCase())?.[0],
    write: (value) => entries.find(([name]) => name === value)?.[1],
  };
}

export const uuid: Codec<string> = {
  read: (value) => {
    const hex = parseSpacedUuid(value) ?? parseCanonicalUuid(value);
    return hex === undefined ? undefined : formatCanonicalUuid(hex);
  },
  write: (value) => {
    const hex = parseCanonicalUuid(value);
    return hex === undefined ? undefined : formatSpacedUuid(hex);
  },
};

/** What the .vmx says of these properties; one that it lacks, or has wrong, is left out. */
export function readFields<T extends object>(fields: Fields<T>, vmx: Vmx): Partial<T> {
  const found: Partial<T> = {};
  for (const name of namesOf(fields)) {
    const value = readField(fields[name], vmx);
    if (value !== undefined) found[name] = value;
  }
  return found;
}

export function readField<T>(field: Field<T> | undefined, vmx: Vmx): T | undefined {
  const written = field === undefined ? undefined : readVmx(vmx, field.key);
  return written === undefined ? undefined : field?.codec.read(written);
}

/**
 * The keys for those properties that `object` has; the others stay as they are.
 * @param at what faults call the object: "configSpec.flags"
 * @throws {Fault} InvalidArgument, which names the property
 */
export function writeFields<T extends object>(
  fields: Fields<T>,
  object: { readonly [P in keyof T]?: T[P] | undefined },
  at: string,
): VmxChanges {
  const changes: [string, string | undefined][] = [];
  for (const name of namesOf(fields)) {
    const field = fields[name];
    const value = object[name];
    if (field === undefined || value === undefined || value === null) continue;
    const written = field.codec.write(value);
    if (written === undefined) throw invalidArgument(`${at}.${String(name)}`);
    changes.push([field.key, written === field.implied ? undefined : written]);
  }
  return Object.fromEntries(changes);
}

export function namesOf<T extends object>(fields: T): (keyof T)[] {
  return Object.keys(fields) as (keyof T)[];
}

/** What the client says: a property that it leaves out stays as it is. */
export function definedOf<T extends object>(value: T): Partial<T> {
  return Object.fromEntries(Object.entries(value).filter(([, field]) => field !== undefined && field !== null)) as Partial<T>;
}

/** vim25's fault for a value that can't be; its text is what clients show. */
export function invalidArgument(property: string, because?: string) {
  const message = `A specified parameter was not correct: ${property}${because === undefined ? "" : `: ${because}`}`;
  return fault("InvalidArgument", message, { invalidProperty: property });
}
