/**
 * Descriptors of child disks (snapshots, linked clones): a qcow2 file with what is the child's own, and the parent that has the rest.
 * And what a parent's descriptor says of its children. Pure.
 * Source: ESXi's VM files for the keys; the type of the extent is our own, so that nobody takes the file for one of VMware's.
 */
import { formatSpacedUuid } from "../vmx/index.ts";
import { capacityBytesOf, isPlainFileName, NO_PARENT, SECTOR_BYTES, type VmdkDescriptor } from "./descriptor.ts";

/** A chain has so many disks at most, the base among them: 32 snapshots. */
export const CHAIN_DEPTH_MAX = 33;
/** Of one parent: as many as a host has VMs. */
export const CHILDREN_MAX = 1024;

export interface ChildDisk {
  /** As the child's descriptor is to name it: beside it by its name, elsewhere by /vmfs/volumes/…. */
  readonly parentFileNameHint: string;
  /** 32 hex digits; the last eight are the CID. */
  readonly longContentId: string;
  /** The parent's, where nothing is said: the guest of a snapshot sees the disk that it saw. */
  readonly uuid?: string;
  readonly extentFile: string;
}

export function makeChildDescriptor(parent: VmdkDescriptor, child: ChildDisk): VmdkDescriptor {
  const ddb = new Map(
    [...parent.ddb].filter(([key]) => !isChildKey(key) && key !== ALIAS_KEY && key !== LEFT_KEY && key !== "thinProvisioned"),
  );
  ddb.set("longContentID", child.longContentId);
  if (child.uuid !== undefined) ddb.set("uuid", formatSpacedUuid(child.uuid).replace(/^60 00 c2/, "60 00 C2"));
  return {
    version: 1,
    contentId: child.longContentId.slice(-8),
    parentContentId: parent.contentId,
    createType: "custom",
    parentFileNameHint: child.parentFileNameHint,
    extents: [{ access: "RW", sectors: capacityBytesOf(parent) / SECTOR_BYTES, type: "QCOW2", file: child.extentFile, offset: 0 }],
    ddb,
  };
}

/** The children that a descriptor lists, as it names them. */
export function childrenIn({ ddb }: VmdkDescriptor): readonly string[] {
  return [...ddb].flatMap(([key, value]) => (isChildKey(key) ? [value] : []));
}

export function withChildren(descriptor: VmdkDescriptor, children: readonly string[]): VmdkDescriptor {
  const ddb = new Map([...descriptor.ddb].filter(([key]) => !isChildKey(key)));
  [...new Set(children)].forEach((child, index) => void ddb.set(`${CHILD_PREFIX}${index}`, child));
  return { ...descriptor, ddb };
}

/** The same disk that says that something else is in it. @param longContentId 32 hex digits */
export function withContentId(descriptor: VmdkDescriptor, longContentId: string): VmdkDescriptor {
  return { ...descriptor, contentId: longContentId.slice(-8), ddb: new Map(descriptor.ddb).set("longContentID", longContentId) };
}

/**
 * What a child's descriptor becomes when all that it had is in its parent's files: another name of the parent, that its own children
 * still know by its CID.
 */
export function makeAlias(child: VmdkDescriptor, parent: VmdkDescriptor, parentName: string): VmdkDescriptor {
  const { parentFileNameHint: _, ...own } = child;
  const { parentFileNameHint } = parent;
  const thin = parent.ddb.get("thinProvisioned");
  const ddb = new Map(child.ddb).set(ALIAS_KEY, parentName);
  const left = child.extents[0]?.file;
  if (left !== undefined) ddb.set(LEFT_KEY, left);
  if (thin !== undefined) ddb.set("thinProvisioned", thin);
  return {
    ...own,
    parentContentId: parent.parentContentId,
    createType: parent.createType,
    ...(parentFileNameHint !== undefined && { parentFileNameHint }),
    extents: parent.extents,
    ddb,
  };
}

/** Whose other name a descriptor is; undefined for one that stands for itself. */
export function aliasOf({ ddb }: VmdkDescriptor): string | undefined {
  return ddb.get(ALIAS_KEY);
}

/** The file of what it had of its own before, which nobody needs any more; a plain name beside it. */
export function leftExtentOf({ ddb }: VmdkDescriptor): string | undefined {
  const name = ddb.get(LEFT_KEY);
  return name !== undefined && isPlainFileName(name) ? name : undefined;
}

const CHILD_PREFIX = "child.";
const ALIAS_KEY = "aliasOf";
const LEFT_KEY = "leftExtent";
const isChildKey = (key: string): boolean => key.startsWith(CHILD_PREFIX);

/** The descriptor of a disk that holds all that this one shows, by itself. */
export function withoutParent(descriptor: VmdkDescriptor): VmdkDescriptor {
  const { parentFileNameHint: _, ...own } = withChildren(descriptor, []);
  const ddb = new Map([...own.ddb].filter(([key]) => key !== ALIAS_KEY && key !== LEFT_KEY));
  return { ...own, parentContentId: NO_PARENT, ddb };
}
