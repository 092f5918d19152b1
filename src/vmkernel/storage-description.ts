/** What lies on datastores: as hostd is told of it, and as it asks for disks. Types only. */
import type { DatastorePath } from "../base/index.ts";
import type { VmdkCreateType } from "../wire/index.ts";

export interface DatastoreDescription {
  readonly name: string;
  /** The folder on the host, absolute. */
  readonly root: string;
  readonly uuid: string;
  readonly capacityBytes: number;
  readonly freeBytes: number;
}

export interface FolderEntry {
  readonly name: string;
  readonly kind: "file" | "folder";
  readonly sizeBytes: number;
  /** Bytes that it takes on the disk: less than its size where it is sparse. */
  readonly allocatedBytes: number;
  readonly modifiedAtMs: number;
}

export interface NewDisk {
  readonly capacityBytes: number;
  readonly provisioning: "thin" | "thick" | "eagerZeroedThick";
  readonly adapterType: AdapterType;
  /** 16 bytes as 32 hex digits, "6000c29…". */
  readonly uuid: string;
}

export type AdapterType = "lsilogic" | "buslogic" | "ide";

/** What of a copy is to be other than in the disk that it is copied from; it is the same where nothing is said. */
export interface DiskCopy {
  readonly provisioning?: NewDisk["provisioning"];
  /** For another product to read: no monitor is given it. */
  readonly format?: HostedFormat;
  readonly adapterType?: AdapterType;
  /** As in {@link NewDisk}. */
  readonly uuid?: string;
}

/** The formats of VMware's other products, by their createType. */
export type HostedFormat = "monolithicSparse" | "monolithicFlat" | "twoGbMaxExtentSparse" | "twoGbMaxExtentFlat";

export type DiskChange =
  /** What is new reads as zeros. `eager` writes them; where nothing is said, it is done if all of the disk has been written. */
  | { readonly kind: "extend"; readonly capacityBytes: number; readonly eager?: boolean }
  /** A thin disk becomes a thick one, all of it written. */
  | { readonly kind: "inflate" }
  /** Writes zeros where a thick disk was never written. */
  | { readonly kind: "eagerZero" }
  /** Gives the blocks of a thin disk back that hold zeros. */
  | { readonly kind: "shrink" }
  /** Overwrites all that the disk holds. Once begun it is finished. */
  | { readonly kind: "zeroFill" }
  | { readonly kind: "setUuid"; readonly uuid: string }
  /** Gives back what an extension that was cut short has got behind the disk's end. */
  | { readonly kind: "trim" }
  /** A disk of another format becomes a flat one, thin, where it lies. Nothing for one that is flat. */
  | { readonly kind: "convert" };

/** Two datastores may be folders of one file system or not: a move is one step where they are, and the asker copies where not. */
export type Moved = "moved" | "otherFileSystem";

export interface DiskDescription {
  readonly capacityBytes: number;
  readonly allocatedBytes: number;
  /** "eagerZeroedThick": every block of it has been written. */
  readonly provisioning: "thin" | "thick" | "eagerZeroedThick";
  /** Of a disk that is no flat file, and that a monitor can be given only when it has been converted: the createType of its descriptor. */
  readonly foreign?: VmdkCreateType;
  readonly adapterType: string;
  readonly geometry: { readonly cylinders: number; readonly heads: number; readonly sectors: number };
  readonly uuid: string;
  readonly contentId: string;
  /** The files of the disk besides its descriptor. */
  readonly extents: readonly DatastorePath[];
  /** Descriptors, its own parent first; none for a disk that stands alone. */
  readonly parents: readonly DatastorePath[];
  /** Descriptors of the disks that it is the parent of. */
  readonly children: readonly DatastorePath[];
  /** The descriptor that this one is another name of: what it had is in that disk. */
  readonly aliasOf?: DatastorePath;
}
