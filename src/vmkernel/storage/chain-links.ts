/**
 * A disk and those that it descends from, as their descriptors say it, in whatever formats they are. Nothing is opened but descriptors;
 * what is wrong with one is told by its file and the line.
 */
import { type DatastorePath, Fault, formatDatastorePath } from "../../base/index.ts";
import { fault } from "../../wire/index.ts";
import { isChild, type Link, type Refusal, refuseLonger, refuseParent } from "./chain-rules.ts";
import { type DiskSource, lineOfKey, readDescriptor } from "./descriptor-file.ts";

/**
 * The disk first, its base last.
 * @throws {Fault} FileNotFound for a parent that is not there; InvalidDiskFormat for what is no chain: names both files
 */
export async function readLinks(source: DiskSource, disk: DatastorePath): Promise<readonly [Link, ...Link[]]> {
  const top: Link = { path: disk, parsed: await readDescriptor(source, disk) };
  const links: [Link, ...Link[]] = [top];
  for (let link = top; isChild(link.parsed); ) {
    const path = await parentOf(source, link);
    const tooLong = refuseLonger(links, path);
    if (tooLong !== undefined) throw await refusalAt(source, link.path, tooLong);
    const parent: Link = { path, parsed: await readParent(source, link, path) };
    const refusal = refuseParent(link, parent);
    if (refusal !== undefined) throw await refusalAt(source, link.path, refusal);
    links.push(parent);
    link = parent;
  }
  return links;
}

/** @throws {Fault} InvalidDiskFormat for a name that leads out of the datastores */
export async function parentOf(source: DiskSource, { path, parsed }: Link): Promise<DatastorePath> {
  const name = parsed.parentFileNameHint;
  const parent = await source.resolve(name ?? "", path);
  if (parent !== undefined) return parent;
  if (name === undefined)
    throw await refusalAt(source, path, { key: "parentCID", problem: "says that it is a child, and no parentFileNameHint whose" });
  const problem = `has the parentFileNameHint ${JSON.stringify(name)}, which names no file of this host's datastores`;
  throw await refusalAt(source, path, { key: "parentFileNameHint", problem });
}

async function readParent(source: DiskSource, child: Link, parent: DatastorePath) {
  try {
    return await readDescriptor(source, parent);
  } catch (error) {
    if (!(error instanceof Fault) || error.fault !== "FileNotFound") throw error;
    const file = formatDatastorePath(parent);
    const at = await placeOf(source, child.path, "parentFileNameHint");
    throw fault("FileNotFound", `File ${file} was not found: it is the parent of ${at}`, { file }, { cause: error });
  }
}

async function refusalAt(source: DiskSource, path: DatastorePath, { key, problem }: Refusal): Promise<Fault> {
  return fault("InvalidDiskFormat", `${await placeOf(source, path, key)} ${problem}.`, {});
}

/** "[datastore1] vm/vm.vmdk, line 4"; without the line where it cannot be told any more. */
async function placeOf(source: DiskSource, path: DatastorePath, key: string): Promise<string> {
  const line = await lineOfKey(source, path, key).catch(() => undefined); // the file may have changed or gone meanwhile
  return line === undefined ? formatDatastorePath(path) : `${formatDatastorePath(path)}, line ${line}`;
}
