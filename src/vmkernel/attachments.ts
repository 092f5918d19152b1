/**
 * What storage hands out and a monitor is started with: open files, never paths.
 * A monitor sees its attachments and nothing else of a datastore: paper «Device Isolation», «a VM detects only the devices assigned to it».
 */
import type { DatastorePath } from "../base/index.ts";

/** Names what is written to a disk that forgets it, in the monitor: no file has this name. */
export function overlayOf({ datastore, path }: DatastorePath): DatastorePath {
  return { datastore, path: `${path}.REDO` };
}

/** An open file. Whoever holds it closes it; a monitor that was given a copy keeps its own, and the lock with it. */
export interface FileAttachment extends Disposable {
  readonly file: DatastorePath;
  readonly fd: number;
  readonly sizeBytes: number;
  readonly writable: boolean;
}

/** The file of a disk, open and locked. `file` is the extent. */
export interface LayerAttachment extends FileAttachment {
  readonly descriptor: DatastorePath;
  /** "raw": byte for byte. "qcow2": what is its own, without the name of any other file. */
  readonly format: "raw" | "qcow2";
  /** What the guest sees. The extent may be longer: then the monitor must be told this size. */
  readonly capacityBytes: number;
}

/** A disk with all that it is made of. */
export interface DiskAttachment extends LayerAttachment {
  /** Nearest first; open to read, and locked so that nobody writes them. Closed with the disk. */
  readonly parents: readonly LayerAttachment[];
  /** 16 bytes as 32 hex digits, "6000c29…": the disk's serial number in the guest. */
  readonly uuid: string;
}
