/**
 * How a deed on files and disks ended when whoever was to tell is gone: hostd, vmkernel, or both. What is there tells. Pure.
 * Nothing is ever removed that was not made by the deed: a stray extent without a descriptor, and what lies aside.
 */
import { type DatastorePath, formatDatastorePath } from "../../base/index.ts";

export type FileJournal =
  /** A disk of a name that was free. Its descriptor comes last. */
  | { readonly kind: "makeDisk"; readonly descriptor: DatastorePath }
  /** `replace`: whatever disk is at the new place is given up. */
  | { readonly kind: "moveDisk"; readonly from: DatastorePath; readonly to: DatastorePath; readonly replace?: boolean }
  /** Once begun, a deletion is finished. */
  | { readonly kind: "deleteDisk"; readonly descriptor: DatastorePath }
  /** A disk that is changed where it lies is whole at every moment. */
  | { readonly kind: "changeDisk"; readonly descriptor: DatastorePath }
  /** A name that was free gets a file, or a folder that lies aside until it is whole. */
  | { readonly kind: "copyFiles"; readonly to: DatastorePath; readonly aside: DatastorePath }
  /** To another file system: a copy lies aside until it is whole, the original until it is gone. */
  | {
      readonly kind: "moveFiles";
      readonly from: DatastorePath;
      readonly to: DatastorePath;
      readonly copyAside: DatastorePath;
      readonly originalAside: DatastorePath;
    };

export interface Settlement {
  /** Undefined for success. */
  readonly failure?: string;
  /** Descriptors; a disk of which only the extent is left goes too. */
  readonly removeDisks?: readonly DatastorePath[];
  readonly removeTrees?: readonly DatastorePath[];
  /** What an extension got is given back. */
  readonly trimDisk?: DatastorePath;
  /** The move of a disk is done again: it goes on from what is there. */
  readonly moveAgain?: Extract<FileJournal, { kind: "moveDisk" }>;
  /** First of all. */
  readonly moveBack?: { readonly from: DatastorePath; readonly to: DatastorePath };
}

const NOT_DONE = "The host was restarted in part before the task was done; what it had begun was taken back.";

/** The places that have to be looked at. */
export function placesOf(journal: FileJournal): readonly DatastorePath[] {
  switch (journal.kind) {
    case "makeDisk":
    case "deleteDisk":
    case "changeDisk":
      return [journal.descriptor];
    case "moveDisk":
      return [journal.from, journal.to];
    case "copyFiles":
      return [journal.to, journal.aside];
    case "moveFiles":
      return [journal.from, journal.to, journal.copyAside, journal.originalAside];
  }
}

/** @param present the places of the journal that something lies at, as datastore paths */
export function planSettling(journal: FileJournal, present: ReadonlySet<string>): Settlement {
  const isThere = (path: DatastorePath) => present.has(formatDatastorePath(path));
  switch (journal.kind) {
    case "makeDisk":
      return isThere(journal.descriptor) ? {} : { failure: NOT_DONE, removeDisks: [journal.descriptor] };
    case "deleteDisk":
      return { removeDisks: [journal.descriptor] };
    case "changeDisk":
      return {
        failure: "The host was restarted in part before the task was done; the disk is whole, and changed as far as it got.",
        ...(isThere(journal.descriptor) && { trimDisk: journal.descriptor }),
      };
    case "moveDisk":
      // A disk that is to be replaced may be gone by half, and one that is moved has two names for a moment.
      if (isThere(journal.from) && (journal.replace === true || isThere(journal.to))) return { moveAgain: journal };
      if (isThere(journal.from)) return { failure: NOT_DONE, removeDisks: [journal.to] };
      return isThere(journal.to) ? { removeDisks: [journal.from] } : { failure: NOT_DONE };
    case "copyFiles":
      if (isThere(journal.aside)) return { failure: NOT_DONE, removeTrees: [journal.aside] };
      return isThere(journal.to) ? {} : { failure: NOT_DONE };
    case "moveFiles":
      return planMove(journal, isThere);
  }
}

/** The order of the deed: the copy aside, the original aside, the copy in its place, the original gone. */
function planMove(
  { from, copyAside, originalAside }: Extract<FileJournal, { kind: "moveFiles" }>,
  isThere: (path: DatastorePath) => boolean,
): Settlement {
  const copy = isThere(copyAside) ? { removeTrees: [copyAside] } : {};
  if (isThere(originalAside)) {
    if (isThere(copyAside)) return { failure: NOT_DONE, moveBack: { from: originalAside, to: from }, ...copy };
    return { removeTrees: [originalAside] };
  }
  return isThere(copyAside) || isThere(from) ? { failure: NOT_DONE, ...copy } : {};
}
