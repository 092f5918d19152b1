/**
 * Putting a child's data into its parent. While it lasts, the child shows what it showed: all that is put there is still the child's
 * too. When all of it is there, the child's descriptor becomes another name of the parent, in one step; who names the child gets the
 * same disk. Taking the other name away is a deed of its own (`deleteDisk`).
 */
import { type DatastorePath, folderOf, formatDatastorePath } from "../../base/index.ts";
import { createUnnamedFile, describeFile, type OpenFile, openFolderBeneath, replaceFile, splitPath, syncFile } from "../../system/index.ts";
import { aliasOf, fault, makeAlias } from "../../wire/index.ts";
import { type Controls, throwIfCanceled, watchBytes } from "../controls.ts";
import type { DiskDescription } from "../rpc.ts";
import { type ChainLink, childrenOf, followAlias, openLink, readChain, settleAlias, whileWritten } from "./chain.ts";
import { type OpenLink, writeMerged, writeRuns } from "./chain-data.ts";
import { type DiskSource, readDescriptor, replaceDescriptor } from "./descriptor-file.ts";
import { describeDisk, requireSpace } from "./disks.ts";
import { fileFault } from "./file-fault.ts";

/** The two disks of a commit. */
export interface CommitPlaces {
  readonly child: ChainLink;
  readonly parent: ChainLink;
  /** Makes the child another name of the parent; done after the deed at the latest. */
  finish(): Promise<void>;
}

/** @throws {Fault} FileLocked when somebody has one of the two open, or the parent has other children */
export function commitDisk(source: DiskSource, descriptor: DatastorePath, controls: Controls): Promise<DiskDescription> {
  return commitWith(source, descriptor, async ({ child, parent }) => {
    using own = await openLink(source, child, { writable: false });
    const from = { file: own, format: child.format, name: formatDatastorePath(child.extent) };
    if (parent.format === "raw") await putIntoRaw(source, from, parent, controls);
    else await merge(source, from, parent, controls);
  });
}

/** @param deed puts the child's data into the parent's file, of which it gets to be the only writer, on the disk when it returns */
export async function commitWith(
  source: DiskSource,
  descriptor: DatastorePath,
  deed: (places: CommitPlaces) => Promise<void>,
): Promise<DiskDescription> {
  const parsed = await readDescriptor(source, descriptor);
  if (aliasOf(parsed) !== undefined) {
    // All of it is there already; what follows may have been cut short.
    await source.families.take(async () => settleAlias(source, descriptor, await followAlias(source, descriptor)));
    return describeDisk(source, descriptor);
  }
  const [child, parent] = await readChain(source, descriptor);
  if (parent === undefined) throw fault("InvalidDiskFormat", `${formatDatastorePath(descriptor)} has no parent to be put into.`, {});
  await requireOnlyChild(source, child, parent);
  const finish = () => source.families.take(() => becomeAlias(source, child.path, parent.path));
  await whileWritten(source, parent.path, async () => {
    await deed({ child, parent, finish });
    await finish();
  });
  return describeDisk(source, descriptor);
}

async function requireOnlyChild(source: DiskSource, child: ChainLink, parent: ChainLink): Promise<void> {
  const own = formatDatastorePath(child.path);
  const other = (await childrenOf(source, parent)).find((path) => formatDatastorePath(path) !== own);
  if (other === undefined) return;
  const file = formatDatastorePath(parent.path);
  throw fault("FileLocked", `${file} is the parent of ${formatDatastorePath(other)} too: ${own} cannot be put into it.`, { file });
}

async function putIntoRaw(source: DiskSource, from: OpenLink, parent: ChainLink, controls: Controls): Promise<void> {
  using to = await openLink(source, parent, { writable: true });
  try {
    await writeRuns([from], to, parent.capacityBytes, watchBytes(controls, parent.capacityBytes));
    await syncFile(to);
  } catch (error) {
    throw fileFault(error, parent.extent, "writing");
  }
}

/** Both in a new file, which then takes the parent's place: at every moment the parent is one of the two, and whole. */
async function merge(
  source: DiskSource,
  from: OpenLink & { readonly file: OpenFile },
  parent: ChainLink,
  controls: Controls,
): Promise<void> {
  using old = await openLink(source, parent, { writable: true });
  try {
    using root = source.open(parent.extent);
    using folder = openFolderBeneath(root, folderOf(parent.extent).path);
    requireSpace(
      folder,
      parent.extent,
      [from.file, old].reduce((sum, file) => sum + describeFile(file).blocks * 512, 0),
    );
    using both = createUnnamedFile(folder);
    const links = [from, { file: old, format: parent.format, name: formatDatastorePath(parent.extent) }];
    await writeMerged(links, both, parent.capacityBytes, watchBytes(controls, parent.capacityBytes));
    await syncFile(both);
    throwIfCanceled(controls);
    replaceFile(both, folder, splitPath(parent.extent.path).name);
    await syncFile(folder);
  } catch (error) {
    throw fileFault(error, parent.extent, "writing");
  }
}

/** First the child's name, by which all know the disk; then what the parent says of itself; then what the child's children say. */
async function becomeAlias(source: DiskSource, child: DatastorePath, parent: DatastorePath): Promise<void> {
  const own = await readDescriptor(source, child);
  if (aliasOf(own) === undefined) {
    const alias = makeAlias(own, await readDescriptor(source, parent), await source.nameIn(child, parent));
    await replaceDescriptor(source, child, alias);
  }
  await settleAlias(source, child, parent);
}
