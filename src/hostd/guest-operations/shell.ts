/**
 * Pieces of the scripts that do things inside a guest: POSIX sh, and of other programs only what GNU's, busybox's and BSD's share. Pure.
 * A client's text reaches a script through {@link quote} and in no other way.
 */
import { fault } from "../../wire/index.ts";

/** One word of a shell, whatever is in it. A zero can be in no word: {@link requireText} refuses it. */
export function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

/** How scripts say why they failed; what is none of these is a failure that only the guest knows. */
export const EXIT = {
  done: 0,
  notFound: 40,
  exists: 41,
  denied: 42,
  notDirectory: 43,
  notFile: 44,
  notEmpty: 45,
  noProcess: 46,
  badPattern: 47,
} as const;

/** Ends the script with the reason why `$1` could not be worked on. */
export const GIVE_UP = `there() { [ -e "$1" ] || [ -L "$1" ]; }
give_up() {
  there "$1" || exit ${EXIT.notFound}
  exit ${EXIT.denied}
}
`;

const PATH_LENGTH_MAX = 4095; // Linux's PATH_MAX without the zero
const TEXT_LENGTH_MAX = 64 * 1024;

/** A path in the guest (untrusted), absolute as vim25 wants it. @throws {Fault} InvalidArgument */
export function parseGuestPath(path: string, argument: string): string {
  const text = requireText(path, argument, PATH_LENGTH_MAX);
  if (!text.startsWith("/")) throw invalid(argument, "is not an absolute path");
  return text;
}

/** @throws {Fault} InvalidArgument */
export function requireText(text: string, argument: string, lengthMax = TEXT_LENGTH_MAX): string {
  if (text.length > lengthMax) throw invalid(argument, `is longer than ${lengthMax} characters`);
  if (text.includes("\0")) throw invalid(argument, "has a zero in it");
  return text;
}

export function invalid(argument: string, problem: string): Error {
  return fault("InvalidArgument", `A specified parameter was not correct: ${argument} ${problem}.`, { invalidProperty: argument });
}
