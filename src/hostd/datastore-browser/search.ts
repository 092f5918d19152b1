/** Searching a folder of a datastore, and all folders beneath it. Source: vim25 HostDatastoreBrowser. */
import { type DatastorePath, Fault, formatDatastorePath, inFolder } from "../../base/index.ts";
import type { DiskDescription, FolderEntry } from "../../vmkernel/index.ts";
import {
  type FileInfo,
  fault,
  type HostDatastoreBrowserSearchResults,
  type HostDatastoreBrowserSearchSpec,
  parseVmx,
  readVmx,
} from "../../wire/index.ts";
import type { HostAgent } from "../agent.ts";
import { kindOf } from "./file-kind.ts";
import { type FileFacts, matchNames, needsLook, searchFolder } from "./search-folder.ts";

/** Bounds of one search, so that its answer stays one that a client and this process can hold. */
const FOLDERS_MAX = 10_000;
const FILES_MAX = 100_000;

type Spec = HostDatastoreBrowserSearchSpec;

/** @throws {FileNotFound} when the folder is not there */
export async function searchOne(agent: HostAgent, folder: DatastorePath, spec: Spec): Promise<HostDatastoreBrowserSearchResults> {
  const entries = await agent.vms.vmkernel.request({ kind: "listFolder", folder });
  return resultsOf(agent, folder, await find(agent, { folder, entries, spec }));
}

/** The folder and all beneath it, a folder before what is in it. */
export async function searchTree(agent: HostAgent, top: DatastorePath, spec: Spec): Promise<readonly HostDatastoreBrowserSearchResults[]> {
  const results: HostDatastoreBrowserSearchResults[] = [];
  const waiting = [top];
  let files = 0;
  for (let folder = waiting.pop(); folder !== undefined; folder = waiting.pop()) {
    const entries = await listUnlessGone(agent, folder, { isTop: folder === top });
    const found = await find(agent, { folder, entries, spec });
    files += found.length;
    results.push(resultsOf(agent, folder, found));
    const beneath = entries.filter(({ kind }) => kind === "folder").map(({ name }) => name);
    for (const name of beneath.toSorted().reverse()) waiting.push(inFolder(folder, name));
    if (results.length + waiting.length > FOLDERS_MAX || files > FILES_MAX) {
      const file = formatDatastorePath(top);
      throw fault("FileFault", `Searching ${file}: more than ${FOLDERS_MAX} folders or ${FILES_MAX} files are there.`, { file });
    }
  }
  return results;
}

/** A folder that goes away while the search is on its way to it was not there; the one that was asked for must be. */
async function listUnlessGone(agent: HostAgent, folder: DatastorePath, { isTop }: { isTop: boolean }): Promise<readonly FolderEntry[]> {
  try {
    return await agent.vms.vmkernel.request({ kind: "listFolder", folder });
  } catch (error) {
    if (!isTop && error instanceof Fault && error.fault === "FileNotFound") return [];
    throw error;
  }
}

interface Found {
  readonly folder: DatastorePath;
  readonly entries: readonly FolderEntry[];
  readonly spec: Spec;
}

async function find(agent: HostAgent, { folder, entries, spec }: Found): Promise<readonly FileInfo[]> {
  return searchFolder(entries, spec, await readFacts(agent, { folder, entries, spec }));
}

async function readFacts({ vms: { vmkernel } }: HostAgent, { folder, entries, spec }: Found): Promise<FileFacts> {
  const disks = new Map<string, DiskDescription>();
  const configVersions = new Map<string, number>();
  for (const entry of matchNames(entries, spec)) {
    if (!needsLook(entry, spec)) continue;
    const path = inFolder(folder, entry.name);
    if (kindOf(entry) === "disk") {
      const disk = await orUnknown(vmkernel.request({ kind: "describeDisk", descriptor: path }));
      if (disk !== undefined) disks.set(entry.name, disk);
    } else {
      const text = await orUnknown(vmkernel.request({ kind: "readText", file: path }));
      const version = text === undefined ? undefined : configVersionIn(text);
      if (version !== undefined) configVersions.set(entry.name, version);
    }
  }
  return { disks, configVersions };
}

/** A file that is broken, or of a kind that this host can't read, is found all the same: nothing more is said of it. */
async function orUnknown<T>(reading: Promise<T>): Promise<T | undefined> {
  try {
    return await reading;
  } catch (error) {
    if (error instanceof Fault) return undefined;
    throw error;
  }
}

function configVersionIn(text: string): number | undefined {
  try {
    const version = readVmx(parseVmx(text, ""), "config.version") ?? "";
    return /^\d{1,4}$/.test(version) ? Number(version) : undefined;
  } catch {
    return undefined; // not a .vmx, for all its name
  }
}

/** The folder ends in "/", as clients put the file's name right behind it. */
function resultsOf(agent: HostAgent, folder: DatastorePath, file: readonly FileInfo[]): HostDatastoreBrowserSearchResults {
  const text = formatDatastorePath(folder);
  return {
    $type: "HostDatastoreBrowserSearchResults",
    datastore: agent.inventory.datastoreNamed(folder.datastore),
    folderPath: folder.path === "" ? text : `${text}/`,
    file,
  };
}
