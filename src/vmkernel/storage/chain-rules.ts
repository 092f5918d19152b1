/**
 * What a chain of disks must be like: each child is the child of what its parent is now. Pure.
 * Source: ESXi's VM files, «Chain rules»; docs/disks.md.
 */
import { type DatastorePath, formatDatastorePath } from "../../base/index.ts";
import { CHAIN_DEPTH_MAX, capacityBytesOf, fault, NO_PARENT, type VmdkDescriptor } from "../../wire/index.ts";
import { flatExtentOf } from "./disk-rules.ts";

/** How the file of a disk holds its data. */
export type ExtentFormat =
  /** Byte for byte. */
  | "raw"
  /** What is its own; the rest is its parent's. */
  | "qcow2";

export interface DiskExtent {
  readonly format: ExtentFormat;
  /** A plain name beside the descriptor. */
  readonly file: string;
}

export function isChild({ parentContentId }: Pick<VmdkDescriptor, "parentContentId">): boolean {
  return parentContentId !== NO_PARENT;
}

/** @throws {Fault} InvalidDiskFormat for a disk that can't be opened here */
export function extentOf(descriptor: VmdkDescriptor, path: DatastorePath, access: { readonly writable: boolean }): DiskExtent {
  const [extent, ...others] = descriptor.extents;
  if (extent?.type !== "QCOW2") return { format: "raw", file: flatExtentOf(descriptor, path, access) };
  const refuse = (problem: string) => fault("InvalidDiskFormat", `${formatDatastorePath(path)} ${problem}.`, {});
  if (descriptor.createType !== "custom") throw refuse(`is of type ${descriptor.createType} and has an extent of type QCOW2`);
  if (others.length > 0 || extent.file === undefined) throw refuse("has more than one extent; a child has one");
  if (!isChild(descriptor) || descriptor.parentFileNameHint === undefined) throw refuse("names no parent (parentCID, parentFileNameHint)");
  if (extent.offset !== 0) throw refuse(`has an extent that begins at sector ${extent.offset} of its file`);
  if (extent.access === "NOACCESS" || (access.writable && extent.access !== "RW"))
    throw refuse(`has an extent whose access is ${extent.access}`);
  return { format: "qcow2", file: extent.file };
}

export interface Link {
  readonly path: DatastorePath;
  readonly parsed: VmdkDescriptor;
}

/** What is wrong with a descriptor, and the entry that says it. */
export interface Refusal {
  readonly key: "parentCID" | "parentFileNameHint";
  /** Goes on from the name of the file and its line. */
  readonly problem: string;
}

/** @returns why the one is not the parent of the other any more */
export function refuseParent(child: Link, parent: Link): Refusal | undefined {
  const other = formatDatastorePath(parent.path);
  if (child.parsed.parentContentId !== parent.parsed.contentId) {
    const problem = `has the parentCID ${child.parsed.parentContentId}, and its parent ${other} has been changed since: its content ID is`;
    return { key: "parentCID", problem: `${problem} ${parent.parsed.contentId}` };
  }
  const [size, parentSize] = [capacityBytesOf(child.parsed), capacityBytesOf(parent.parsed)];
  if (size !== parentSize) return { key: "parentFileNameHint", problem: `has ${size} bytes, its parent ${other} ${parentSize}` };
  return undefined;
}

/** @returns why nothing more can be in the chain of the first of these; the last names what would be next */
export function refuseLonger(chain: readonly Link[], next: DatastorePath): Refusal | undefined {
  const [top] = chain;
  if (top === undefined) return undefined;
  const again = formatDatastorePath(next);
  if (chain.some(({ path }) => formatDatastorePath(path) === again))
    return { key: "parentFileNameHint", problem: `has the parent ${again}, and so ${formatDatastorePath(top.path)} descends from itself` };
  if (chain.length < CHAIN_DEPTH_MAX) return undefined;
  const problem = `has a parent, and ${formatDatastorePath(top.path)} more than ${CHAIN_DEPTH_MAX - 1}, one after another`;
  return { key: "parentFileNameHint", problem };
}
