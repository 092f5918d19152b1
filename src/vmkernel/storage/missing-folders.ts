/**
 * The folders on the way to a file that are not there yet: found, made in one go when something is to lie in them, and removed again
 * when that fails. Every step is taken from the open folder above it, so that none leads out of the datastore.
 */
import { isErrno, makeFolderBeneath, type OpenFile, openFolderBeneath, removeFolderIn, syncFile } from "../../system/index.ts";

/** How far the way is there, and the names of the folders that would go on from there. */
export interface Way extends Disposable {
  readonly folder: OpenFile;
  readonly missing: readonly string[];
}

/** @param path relative to `root`, "" for `root` itself. @throws ENOTDIR when a file is in the way, ELOOP when a symbolic link is */
export function openWay(root: OpenFile, path: string): Way {
  const names = path === "" ? [] : path.split("/");
  let folder = openFolderBeneath(root, "");
  let there = 0;
  try {
    for (const name of names) {
      const next = openFolderBeneath(folder, name);
      folder[Symbol.dispose]();
      folder = next;
      there += 1;
    }
  } catch (error) {
    if (!isErrno(error, "ENOENT")) {
      folder[Symbol.dispose]();
      throw error;
    }
  }
  return { folder, missing: names.slice(there), [Symbol.dispose]: () => folder[Symbol.dispose]() };
}

/** Made in `above`, one in the other; without {@link keep} they are removed when this is disposed. */
export class MadeFolders implements Disposable {
  readonly #made: { readonly above: OpenFile; readonly name: string }[] = [];
  readonly #opened: OpenFile[] = [];
  #deepest: OpenFile;
  #isKept = false;

  constructor({ folder, missing }: Pick<Way, "folder" | "missing">) {
    this.#deepest = folder;
    try {
      for (const name of missing) this.#descend(name);
    } catch (error) {
      this[Symbol.dispose]();
      throw error;
    }
  }

  get deepest(): OpenFile {
    return this.#deepest;
  }

  /** For good: also after a crash. */
  async keep(): Promise<void> {
    this.#isKept = true;
    for (const { above } of this.#made) await syncFile(above);
  }

  [Symbol.dispose](): void {
    if (!this.#isKept) for (const { above, name } of this.#made.reverse()) removeEmpty(above, name);
    for (const open of this.#opened) open[Symbol.dispose]();
  }

  #descend(name: string): void {
    const above = this.#deepest;
    try {
      makeFolderBeneath(above, name);
      this.#made.push({ above, name });
    } catch (error) {
      if (!isErrno(error, "EEXIST")) throw error; // another made it since; were it no folder, opening it says so
    }
    this.#deepest = openFolderBeneath(above, name);
    this.#opened.push(this.#deepest);
  }
}

/** Somebody may have put something in it meanwhile, or have taken it away: then it is theirs. */
function removeEmpty(above: OpenFile, name: string): void {
  try {
    removeFolderIn(above, name);
  } catch (error) {
    if (!isErrno(error, "ENOTEMPTY", "ENOENT", "ENOTDIR")) throw error;
  }
}
