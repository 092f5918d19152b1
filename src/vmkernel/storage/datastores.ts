/** Datastores: the folders `<volumes>/<name>`. A path is opened beneath its datastore's folder, never by its text. */
import { join } from "node:path";
import { type DatastorePath, fileNameOf, folderOf, inFolder, isSafePath, parseDatastorePath } from "../../base/index.ts";
import {
  createUnnamedFile,
  describeFile,
  isErrno,
  makeFolderBeneath,
  nameFile,
  namesIn,
  type OpenFile,
  openFileBeneath,
  openFolderBeneath,
  openHostFolder,
  readWhole,
  spaceOf,
  statBeneath,
  syncFile,
  writeAll,
} from "../../system/index.ts";
import { fault } from "../../wire/index.ts";
import type { DatastoreDescription } from "../rpc.ts";

const FIRST_DATASTORE = "datastore1"; // what an installed ESXi calls the one it makes
/** Holds the datastore's UUID, so that it keeps it when its folder is renamed or mounted elsewhere. */
export const UUID_FILE = ".datastore-uuid";
const UUID = /^[0-9a-f]{8}-[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{12}$/; // as VMFS writes it
const UUID_BYTES_MAX = 64;
const VOLUMES = "/vmfs/volumes/";

export class Datastores {
  readonly #volumes: string;
  readonly #random: (bytes: number) => Uint8Array;
  readonly #uuids = new Map<string, string>();

  /** @param volumes folder on the host, which exists */
  constructor(volumes: string, random: (bytes: number) => Uint8Array) {
    this.#volumes = volumes;
    this.#random = random;
  }

  /** Every datastore, by name; the first one is made when there is none. */
  async list(): Promise<DatastoreDescription[]> {
    const names = this.#names();
    if (names.length === 0) {
      this.#makeFirst();
      names.push(FIRST_DATASTORE);
    }
    return Promise.all(names.map((name) => this.#describe(name)));
  }

  /**
   * Opens the datastore that `path` names, having checked the path's form.
   * @throws {Fault} InvalidDatastore, InvalidDatastorePath
   */
  open({ datastore, path }: DatastorePath): OpenFile {
    const text = `[${datastore}] ${path}`;
    // Our UUID file is the datastore's, not a client's.
    if (!isSafePath(path) || path === UUID_FILE)
      throw fault("InvalidDatastorePath", `${text} is not a path in a datastore`, { datastorePath: text });
    if (!isDatastoreName(datastore)) throw noSuchDatastore(datastore);
    try {
      return openHostFolder(join(this.#volumes, datastore));
    } catch (error) {
      if (isErrno(error, "ENOENT", "ENOTDIR", "ELOOP")) throw noSuchDatastore(datastore, { cause: error });
      throw error;
    }
  }

  /** What a descriptor in `from` means by a name; undefined for one that is no place in a datastore of this host. */
  async resolve(name: string, from: DatastorePath): Promise<DatastorePath | undefined> {
    if (!name.startsWith(VOLUMES))
      return isSafePath(name) && name !== "" && !name.includes("/") ? inFolder(folderOf(from), name) : undefined;
    const [volume = "", ...rest] = name.slice(VOLUMES.length).split("/");
    const path = rest.join("/");
    if (path === "" || !isSafePath(path)) return undefined;
    for (const datastore of this.#names()) {
      using folder = openHostFolder(join(this.#volumes, datastore));
      if (datastore === volume || (await this.#uuidOf(folder)) === volume) return { datastore, path };
    }
    return undefined;
  }

  /** How a descriptor in `from` names a file: beside it by its name, elsewhere by its datastore's UUID, which outlives a renaming. */
  async nameIn(from: DatastorePath, file: DatastorePath): Promise<string> {
    const [here, there] = [folderOf(from), folderOf(file)];
    if (here.datastore === there.datastore && here.path === there.path) return fileNameOf(file);
    using folder = this.open({ datastore: file.datastore, path: "" });
    return `${VOLUMES}${await this.#uuidOf(folder)}/${file.path}`;
  }

  // A symbolic link is no datastore: what it points to could change under a lock. Another disk is mounted on a folder.
  #names(): string[] {
    using volumes = openHostFolder(this.#volumes);
    return namesIn(volumes).filter((name) => isDatastoreName(name) && statBeneath(volumes, name).isDirectory());
  }

  #makeFirst(): void {
    using volumes = openHostFolder(this.#volumes);
    makeFolderBeneath(volumes, FIRST_DATASTORE);
  }

  async #describe(name: string): Promise<DatastoreDescription> {
    using folder = openHostFolder(join(this.#volumes, name));
    return { name, root: join(this.#volumes, name), uuid: await this.#uuidOf(folder), ...spaceOf(folder) };
  }

  /** Read once of each folder: a datastore that is renamed, or mounted elsewhere, is another folder or the same one. */
  async #uuidOf(folder: OpenFile): Promise<string> {
    const { dev, ino } = describeFile(folder);
    const key = `${dev}:${ino}`;
    const known = this.#uuids.get(key) ?? (await this.#readUuid(folder));
    this.#uuids.set(key, known);
    return known;
  }

  async #readUuid(folder: OpenFile): Promise<string> {
    try {
      using file = openFileBeneath(folder, UUID_FILE, "read");
      const uuid = (await readWhole(file, UUID_BYTES_MAX)).toString("utf8").trim();
      if (!UUID.test(uuid)) throw fault("InvalidDatastore", `${UUID_FILE} holds no datastore UUID`, {});
      return uuid;
    } catch (error) {
      if (!isErrno(error, "ENOENT")) throw error;
    }
    const hex = Buffer.from(this.#random(16)).toString("hex");
    const uuid = hex.replace(/^(.{8})(.{8})(.{4})(.{12})$/, "$1-$2-$3-$4");
    using root = openFolderBeneath(folder, "");
    using file = createUnnamedFile(root);
    await writeAll(file, Buffer.from(`${uuid}\n`));
    await syncFile(file);
    try {
      nameFile(file, root, UUID_FILE);
      return uuid;
    } catch (error) {
      // Another request was faster: its UUID is the datastore's.
      if (isErrno(error, "EEXIST")) return this.#readUuid(folder);
      throw error;
    }
  }
}

export function isDatastoreName(name: string): boolean {
  return !name.startsWith(".") && parseDatastorePath(`[${name}]`)?.datastore === name;
}

function noSuchDatastore(name: string, options?: ErrorOptions) {
  return fault("InvalidDatastore", `There is no datastore ${JSON.stringify(name)} on this host`, { name }, options);
}
