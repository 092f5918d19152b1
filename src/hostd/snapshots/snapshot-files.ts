/** The files of a VM's snapshots: the list (.vmsd), what each has kept of the configuration (.vmsn) and of the memory (.vmem). */
import { type DatastorePath, Fault, fileNameOf, folderOf, formatDatastorePath, inFolder } from "../../base/index.ts";
import type { FolderEntry } from "../../vmkernel/index.ts";
import { formatVmsd, formatVmsn, noSnapshots, parseVmsd, parseVmsn, type SnapshotEntry, type SnapshotList } from "../../wire/index.ts";
import type { Vm } from "../vm.ts";
import type { Vmkernel } from "../vmkernel.ts";

const baseOf = (vmxPath: DatastorePath): string => fileNameOf(vmxPath).replace(/\.vmx$/i, "");

export function listPath(vmxPath: DatastorePath): DatastorePath {
  return inFolder(folderOf(vmxPath), `${baseOf(vmxPath)}.vmsd`);
}

/** "web-Snapshot3.vmsn" */
export function stateFileName(vmxPath: DatastorePath, uid: number): string {
  return `${baseOf(vmxPath)}-Snapshot${uid}.vmsn`;
}

export function memoryFileName(stateFile: string): string {
  return stateFile.replace(/\.vmsn$/i, ".vmem");
}

/** The files of a snapshot besides its disks. */
export function filesOfSnapshot(vmxPath: DatastorePath, { file, memory }: SnapshotEntry): readonly DatastorePath[] {
  return [file, ...(memory ? [memoryFileName(file)] : [])].filter((name) => name !== "").map((name) => inFolder(folderOf(vmxPath), name));
}

export interface KeptSnapshots {
  readonly snapshots: SnapshotList;
  /** The .vmx that each has kept, by its uid; one that can't be read is left out. */
  readonly texts: ReadonlyMap<number, string>;
}

/** @throws {Fault} InvalidSnapshotFormat: a list that can't be understood is not thrown away */
export async function readSnapshots(vmkernel: Vmkernel, vmxPath: DatastorePath, entries: readonly FolderEntry[]): Promise<KeptSnapshots> {
  const file = listPath(vmxPath);
  if (!entries.some(({ name }) => name === fileNameOf(file))) return { snapshots: noSnapshots, texts: new Map() };
  const snapshots = parseVmsd(await vmkernel.request({ kind: "readText", file }), formatDatastorePath(file));
  const texts = new Map<number, string>();
  for (const entry of snapshots.snapshots) {
    const text = await readState(vmkernel, vmxPath, entry).catch((error) => {
      if (error instanceof Fault) return undefined;
      throw error;
    });
    if (text !== undefined) texts.set(entry.uid, text);
  }
  return { snapshots, texts };
}

/** The .vmx that a snapshot has kept. @throws {Fault} FileNotFound, InvalidSnapshotFormat */
export async function readState(vmkernel: Vmkernel, vmxPath: DatastorePath, entry: SnapshotEntry): Promise<string> {
  const file = inFolder(folderOf(vmxPath), entry.file);
  const bytes = await vmkernel.request({ kind: "readText", file, encoding: "latin1" });
  return parseVmsn(Buffer.from(bytes, "latin1"), formatDatastorePath(file));
}

export async function writeState(vmkernel: Vmkernel, file: DatastorePath, vmx: string): Promise<void> {
  await vmkernel.request({ kind: "writeText", file, text: formatVmsn(vmx).toString("latin1"), encoding: "latin1", mustBeNew: true });
}

export async function writeSnapshots(vmkernel: Vmkernel, vmxPath: DatastorePath, list: SnapshotList): Promise<void> {
  await vmkernel.request({ kind: "writeText", file: listPath(vmxPath), text: formatVmsd(list) });
}

/** Whether a VM that resumes from the file has to leave it where it is. */
export function isMemoryOfSnapshot({ files, vmxPath }: Vm, memory: DatastorePath): boolean {
  if (files.kind !== "readable") return false;
  const kept = files.snapshots.snapshots.filter((entry) => entry.memory).map(({ file }) => memoryFileName(file));
  return formatDatastorePath(folderOf(memory)) === formatDatastorePath(folderOf(vmxPath)) && kept.includes(fileNameOf(memory));
}
