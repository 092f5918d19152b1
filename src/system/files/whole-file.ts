/** Files that appear whole or not at all: written without a name, synced, then named in one step. */
import { fsync, ftruncateSync, write } from "node:fs";
import { promisify } from "node:util";
import type { OpenFile } from "./open-file.ts";
import { allocate, isErrno, linkOpenFileAt, renameAt, unlinkAt } from "./syscalls.ts";

const fsyncAsync = promisify(fsync);
const writeAsync = promisify(write);
const ALLOCATE_STEP_BYTES = 4 * 1024 ** 3; // a step takes some milliseconds; between two of them others get their turn

/** Suffix of the name that a file has for the moment before it replaces another; ESXi's own `vm.vmx~`. */
export const REPLACEMENT_SUFFIX = "~";

export async function writeAll(file: OpenFile, bytes: Uint8Array): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    done += (await writeAsync(file.fd, bytes, done, bytes.length - done, done)).bytesWritten;
  }
}

/** Makes the file at least `length` bytes long, with all its blocks reserved. What was written before stays. */
export async function allocateWhole(file: OpenFile, length: number): Promise<void> {
  for (let offset = 0; offset < length; offset += ALLOCATE_STEP_BYTES) {
    allocate(file.fd, { offset, length: Math.min(ALLOCATE_STEP_BYTES, length - offset) });
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** Makes the file `length` bytes long: what it grows by has no blocks, what it shrinks by is gone. */
export function makeSparse(file: Pick<OpenFile, "fd">, length: number): void {
  ftruncateSync(file.fd, length);
}

/** Waits until what was written, or for a folder what its names are, would outlive a crash. */
export function syncFile(file: OpenFile): Promise<void> {
  return fsyncAsync(file.fd);
}

/** Gives an unnamed file its name. EEXIST when that is taken. The caller has synced the file and syncs the folder after. */
export function nameFile(file: OpenFile, folder: OpenFile, name: string): void {
  linkOpenFileAt(file.fd, folder.fd, name);
}

/** Puts an unnamed file in the place of `name`, if anything has it: readers see the old one or the new. */
export function replaceFile(file: OpenFile, folder: OpenFile, name: string): void {
  // linkat(2) can't replace, so the file is named beside it first. One turn of the event loop, so two replacements do not mix;
  // what a crash between the two calls leaves is taken away by the next one.
  const beside = `${name}${REPLACEMENT_SUFFIX}`;
  try {
    unlinkAt(folder.fd, beside, "file");
  } catch (error) {
    if (!isErrno(error, "ENOENT")) throw error;
  }
  linkOpenFileAt(file.fd, folder.fd, beside);
  renameAt(folder.fd, { from: beside, to: name });
}

/** Gives `from` the name `to` in the same folder; what had that name is replaced. The caller syncs the folder after. */
export function renameInFolder(folder: OpenFile, names: { readonly from: string; readonly to: string }): void {
  renameAt(folder.fd, names);
}
