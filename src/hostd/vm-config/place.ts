/**
 * Where a VM lies, and how its .vmx names files: by name beside it, by /vmfs/volumes/… elsewhere. Pure.
 * Source: ESXi's VM files.
 */
import {
  type DatastorePath,
  fileNameOf,
  folderOf,
  formatDatastorePath,
  inFolder,
  isSafePath,
  parseDatastorePath,
} from "../../base/index.ts";
import type { DatastoreDescription } from "../../vmkernel/index.ts";
import { fault } from "../../wire/index.ts";

export interface VmPlace {
  readonly vmxPath: DatastorePath;
  /** The host's datastores, by which absolute names are understood. */
  readonly datastores: readonly Pick<DatastoreDescription, "name" | "uuid">[];
  /** The names of its port groups. Left out by who only reads: then every name stands for itself. */
  readonly networks?: readonly string[];
}

const VOLUMES = "/vmfs/volumes/";

/**
 * The file that a .vmx means.
 * @param name a file name as the .vmx has it (untrusted)
 * @returns undefined when it leads out of the VM's folder, or into a datastore that this host does not have
 */
export function resolveFile(name: string, { vmxPath, datastores }: VmPlace): DatastorePath | undefined {
  if (!name.startsWith("/")) return name !== "" && isSafePath(name) ? inFolder(folderOf(vmxPath), name) : undefined;
  if (!name.startsWith(VOLUMES)) return undefined;
  const [volume = "", ...rest] = name.slice(VOLUMES.length).split("/");
  const datastore = datastores.find((candidate) => candidate.uuid === volume || candidate.name === volume);
  const path = rest.join("/");
  return datastore !== undefined && path !== "" && isSafePath(path) ? { datastore: datastore.name, path } : undefined;
}

/** How the .vmx names `file`: beside it by its name, elsewhere by its datastore's UUID, which outlives a renaming. */
export function nameFile(file: DatastorePath, { vmxPath, datastores }: VmPlace): string {
  const home = folderOf(vmxPath);
  const folder = folderOf(file);
  if (folder.datastore === home.datastore && folder.path === home.path) return fileNameOf(file);
  const uuid = datastores.find(({ name }) => name === file.datastore)?.uuid ?? file.datastore;
  return `${VOLUMES}${uuid}/${file.path}`;
}

/** A file as the API shows it. What can't be resolved is shown as ESXi shows it, with no datastore. */
export function showFile(name: string, place: VmPlace): string {
  const file = resolveFile(name, place);
  return file === undefined ? `[] ${name}` : formatDatastorePath(file);
}

/**
 * A file as a client names it (untrusted): "[datastore] folder/file", or a bare name for one beside the .vmx.
 * @throws {Fault} InvalidDatastorePath, InvalidDatastore
 */
export function parseClientFile(text: string, place: VmPlace): DatastorePath {
  const bare = isSafePath(text) && text !== "" ? inFolder(folderOf(place.vmxPath), text) : undefined;
  const file = text.startsWith("[") ? parseDatastorePath(text) : bare;
  if (file === undefined) throw fault("InvalidDatastorePath", `Invalid datastore path '${text}'.`, { datastorePath: text });
  if (!place.datastores.some(({ name }) => name === file.datastore)) {
    throw fault("InvalidDatastore", `The host has no datastore '${file.datastore}'.`, { name: file.datastore });
  }
  return file;
}

/** A file as a device shows it, "[datastore] folder/file"; undefined when this host has no such datastore. */
export function fileOnHost(shown: string, { datastores }: VmPlace): DatastorePath | undefined {
  const file = parseDatastorePath(shown);
  return datastores.some(({ name }) => name === file?.datastore) ? file : undefined;
}

/** The .vmx's name without ".vmx": what the VM's other files are named after. */
export function baseNameOf({ vmxPath }: Pick<VmPlace, "vmxPath">): string {
  return fileNameOf(vmxPath).replace(/\.vmx$/i, "");
}
