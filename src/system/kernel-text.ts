/** Texts that the kernel makes up while they are read: files of /proc and of cgroups, whose form is | Name:  number … | a line. */
import { closeSync, openSync, readSync } from "node:fs";
import { ended } from "./libc.ts";

/** Longer than any of them that are read whole; what does not fit is not looked for. */
const bytes = Buffer.alloc(16 * 1024);

/** Takes 10 µs so, and ten times as long by a promise; hundreds are read every second. @returns undefined when whom it is of has ended */
export function readKernelText(path: string): string | undefined {
  for (const piece of readPieces(path)) return piece;
  return undefined;
}

/** As {@link readKernelText}, of a file that stays open: takes a third as long. @throws ESRCH when whom it is of has ended */
export function readOpenText(fd: number): string {
  return bytes.toString("latin1", 0, readSync(fd, bytes, 0, bytes.length, 0));
}

/** As much at a time as the kernel makes up at once; nothing when whom it is of has ended. Who stops reading spares the kernel the rest. */
export function* readPieces(path: string): Generator<string, void> {
  let fd: number | undefined;
  try {
    fd = openSync(path, "r");
    for (let length = readSync(fd, bytes); length > 0; length = readSync(fd, bytes)) yield bytes.toString("latin1", 0, length);
  } catch (error) {
    ended(error);
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}

/** The number behind a name that begins a line; 0 where there is none. By search alone, which costs little where nothing is compiled. */
export function numberBehind(text: string, name: string): number {
  const at = `\n${text}`.indexOf(`\n${name}`);
  if (at === -1) return 0;
  const from = at + name.length;
  return Number.parseInt(text.slice(from, from + NUMBER_CHARACTERS_MAX), 10) || 0;
}

const NUMBER_CHARACTERS_MAX = 32; // spaces before it, too
