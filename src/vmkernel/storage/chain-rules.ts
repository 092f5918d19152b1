/**
 * What a chain of disks must be like: each child is the child of what its parent is now. Pure.
 * Source: ESXi's VM files, «Chain rules»; docs/disks.md.
 */
import { type DatastorePath, type Fault, formatDatastorePath } from "../../base/index.ts";
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

/** @returns why the one is not the parent of the other any more */
export function refuseParent(child: Link, parent: Link): Fault | undefined {
  const [one, other] = [formatDatastorePath(child.path), formatDatastorePath(parent.path)];
  const refuse = (problem: string) => fault("InvalidDiskFormat", `${one}: ${problem}.`, {});
  if (child.parsed.parentContentId !== parent.parsed.contentId) {
    const problem = `its parent ${other} has been changed since: it has the content ID ${parent.parsed.contentId}, and parentCID is`;
    return refuse(`${problem} ${child.parsed.parentContentId}`);
  }
  const [size, parentSize] = [capacityBytesOf(child.parsed), capacityBytesOf(parent.parsed)];
  if (size !== parentSize) return refuse(`it has ${size} bytes, its parent ${other} ${parentSize}`);
  return undefined;
}

/** @returns why nothing more can be in the chain of the first of these */
export function refuseLonger(chain: readonly Link[], next: DatastorePath): Fault | undefined {
  const [top] = chain;
  if (top === undefined) return undefined;
  const one = formatDatastorePath(top.path);
  const again = formatDatastorePath(next);
  if (chain.some(({ path }) => formatDatastorePath(path) === again))
    return fault("InvalidDiskFormat", `${one} descends from itself, by ${again} (parentFileNameHint).`, {});
  if (chain.length < CHAIN_DEPTH_MAX) return undefined;
  return fault("InvalidDiskFormat", `${one} has more than ${CHAIN_DEPTH_MAX - 1} parents, one after another.`, {});
}
