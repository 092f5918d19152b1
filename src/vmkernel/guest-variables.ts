/**
 * What a VM's configuration tells its guest: `guestinfo.KEY` of the .vmx, which the guest reads from QEMU's firmware configuration
 * device as `opt/bulkhead/guestinfo.KEY`. Pure. Values may be secrets (passwords, cloud-init's user data): they are of one power-on,
 * and stand in no record, no log and no command line.
 * Source: QEMU 7.2 docs/specs/fw_cfg.txt: a file's name has at most 55 characters, and a user's begins with "opt/".
 */
import { invalid, readShapes, readText, type Shape } from "./shape.ts";

export interface GuestVariable {
  /** What comes after `guestinfo.` */
  readonly key: string;
  readonly value: string;
}

const NAME_BYTES_MAX = 55;
const NAME_PREFIX = "opt/bulkhead/guestinfo.";
const KEY_LENGTH_MAX = NAME_BYTES_MAX - NAME_PREFIX.length;
/** Neither a comma, which would begin another option of QEMU's, nor a slash, which would begin a folder in the guest. */
const KEY = /^[A-Za-z0-9._-]+$/;
/** As long as a value of a .vmx can be; cloud-init's user data takes tens of KiB. */
const VALUE_BYTES_MAX = 512 * 1024;
/** QEMU's board has room for some twenty files of its own and these. */
export const GUEST_VARIABLES_MAX = 64;
/** They are in memory that the monitor's limit counts; a .vmx has no more either. */
const ALL_BYTES_MAX = 1024 * 1024;

/** Why a guest cannot be told it; undefined when it can. No sentence holds a value. */
export function refuseGuestVariable({ key, value }: GuestVariable): string | undefined {
  if (!KEY.test(key)) return "has characters other than letters, digits, '.', '_' and '-' in its name, or no name";
  if (key.length > KEY_LENGTH_MAX) return `has a name of more than ${KEY_LENGTH_MAX} characters after "guestinfo."`;
  if (Buffer.byteLength(value) > VALUE_BYTES_MAX) return `is longer than ${VALUE_BYTES_MAX / 1024} KiB`;
  return undefined;
}

/** @throws {Fault} InvalidArgument, which names the field */
export function readGuestVariables(shape: Shape, name: string): GuestVariable[] {
  const seen = new Set<string>();
  let bytes = 0;
  return readShapes(shape, name, GUEST_VARIABLES_MAX).map((entry) => {
    const variable = { key: readText(entry, "key", { max: KEY_LENGTH_MAX }), value: readText(entry, "value", { max: VALUE_BYTES_MAX }) };
    const problem = refuseGuestVariable(variable);
    if (problem !== undefined) throw invalid(entry.at, problem);
    if (seen.has(variable.key)) throw invalid(entry.at, "is there twice"); // QEMU ends over it
    seen.add(variable.key);
    bytes += Buffer.byteLength(variable.value);
    if (bytes > ALL_BYTES_MAX) throw invalid(entry.at, `is too much: all together have at most ${ALL_BYTES_MAX} bytes`);
    return variable;
  });
}

/** The file in a monitor's sandbox that holds the value of the variable `index`. */
export function guestVariablePath(index: number): string {
  return `/tmp/guestinfo/${index}`;
}

/** QEMU's arguments: names alone, for every user of the machine can read them. */
export function planGuestVariables(variables: readonly GuestVariable[]): string[] {
  return variables.flatMap(({ key }, index) => ["-fw_cfg", `name=${NAME_PREFIX}${key},file=${guestVariablePath(index)}`]);
}
