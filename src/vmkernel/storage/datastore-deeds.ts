/**
 * Datastores as a whole: making one, giving it another name, giving it up. Each is one step of the kernel's, or undoes itself. Which
 * of them is in use, who asks has looked before.
 */
import { join } from "node:path";
import {
  createUnnamedFile,
  isErrno,
  makeFolderBeneath,
  moveBeneath,
  nameFile,
  namesIn,
  openFileBeneath,
  openFolderBeneath,
  openHostFolder,
  readWhole,
  removeBeneath,
  syncFile,
  writeAll,
} from "../../system/index.ts";
import { fault } from "../../wire/index.ts";
import { isDatastoreName, UUID_FILE } from "./datastores.ts";

const UUID_BYTES_MAX = 64;

/** On the file system that the datastores' folder is on. @throws {Fault} InvalidName, FileAlreadyExists */
export async function createDatastore(volumes: string, name: string): Promise<void> {
  requireName(name);
  using folder = openHostFolder(volumes);
  try {
    makeFolderBeneath(folder, name);
  } catch (error) {
    throw isErrno(error, "EEXIST") ? taken(name, error) : error;
  }
  await syncFile(folder);
}

/** @throws {Fault} InvalidName, InvalidDatastore, FileAlreadyExists, ResourceInUse */
export async function renameDatastore(volumes: string, { from, to }: { readonly from: string; readonly to: string }): Promise<void> {
  requireName(from);
  requireName(to);
  using root = openHostFolder(volumes);
  try {
    moveBeneath({ root, path: from }, { root, path: to }, { replace: false });
  } catch (error) {
    if (isErrno(error, "EEXIST")) throw taken(to, error);
    if (isErrno(error, "ENOENT")) throw missing(from, error);
    if (isErrno(error, "EBUSY")) throw mounted(from, error);
    throw error;
  }
  await syncFile(root);
}

/** Only an empty one: what lies in it would be nobody's any more. @throws {Fault} InvalidName, InvalidDatastore, ResourceInUse */
export async function removeDatastore(volumes: string, name: string): Promise<void> {
  requireName(name);
  using root = openHostFolder(volumes);
  const uuid = await takeUuid(join(volumes, name), name);
  try {
    removeBeneath(root, name);
  } catch (error) {
    await putUuidBack(join(volumes, name), uuid);
    if (isErrno(error, "EBUSY")) throw mounted(name, error);
    throw isErrno(error, "ENOTEMPTY", "EEXIST") ? notEmpty(name, error) : error;
  }
  await syncFile(root);
}

/** @returns what the file held, undefined where there was none */
async function takeUuid(path: string, name: string): Promise<Buffer | undefined> {
  try {
    using folder = openHostFolder(path);
    const others = namesIn(folder).filter((entry) => entry !== UUID_FILE);
    if (others.length > 0) throw notEmpty(name);
    if (!namesIn(folder).includes(UUID_FILE)) return undefined;
    using file = openFileBeneath(folder, UUID_FILE, "read");
    const uuid = await readWhole(file, UUID_BYTES_MAX);
    removeBeneath(folder, UUID_FILE);
    return uuid;
  } catch (error) {
    throw isErrno(error, "ENOENT", "ENOTDIR", "ELOOP") ? missing(name, error) : error;
  }
}

async function putUuidBack(path: string, uuid: Buffer | undefined): Promise<void> {
  if (uuid === undefined) return;
  using folder = openHostFolder(path);
  using root = openFolderBeneath(folder, "");
  using file = createUnnamedFile(root);
  await writeAll(file, uuid);
  await syncFile(file);
  nameFile(file, root, UUID_FILE);
}

function requireName(name: string): void {
  if (!isDatastoreName(name)) throw fault("InvalidName", `'${name}' is no name for a datastore.`, { name });
}

const because = (cause: unknown): ErrorOptions => (cause === undefined ? {} : { cause });
const taken = (name: string, cause: unknown) =>
  fault("FileAlreadyExists", `There is a datastore ${name} already.`, { file: name }, because(cause));
const missing = (name: string, cause: unknown) => fault("InvalidDatastore", `There is no datastore ${name}.`, { name }, because(cause));
const mounted = (name: string, cause: unknown) =>
  fault(
    "ResourceInUse",
    `A disk is mounted as the datastore ${name}: the machine's administrator unmounts it.`,
    { type: "Datastore", name },
    because(cause),
  );
const notEmpty = (name: string, cause?: unknown) =>
  fault("ResourceInUse", `Files lie in the datastore ${name}.`, { type: "Datastore", name }, because(cause));
