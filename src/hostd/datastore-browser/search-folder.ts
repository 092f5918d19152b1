/**
 * What a search finds in one folder: which entries a spec lets through, and what it shows of each. Pure.
 * Source: vim25 HostDatastoreBrowserSearchSpec; ESXi's VM files.
 */
import type { DiskDescription, FolderEntry } from "../../vmkernel/index.ts";
import {
  type FileInfo,
  type FileQuery,
  fault,
  type HostDatastoreBrowserSearchSpec,
  type VmConfigFileInfo,
  type VmConfigFileQuery,
  type VmDiskFileInfo,
  type VmDiskFileQuery,
} from "../../wire/index.ts";
import { type FileKind, infoTypes, kindOf, kindsOfQuery } from "./file-kind.ts";
import { matchesGlob } from "./glob.ts";

/** What was read of files that a query wants to know more of; a file that can't be understood has none. */
export interface FileFacts {
  readonly disks: ReadonlyMap<string, DiskDescription>;
  /** config.version of each .vmx. */
  readonly configVersions: ReadonlyMap<string, number>;
}

const PATTERNS_MAX = 64; // a client's window asks for a handful
const PATTERN_LENGTH_MAX = 255; // NAME_MAX: no longer name exists

/** @throws {Fault} InvalidArgument, NotSupported: a spec that can't be answered truly */
export function checkSpec({ matchPattern = [], query = [] }: HostDatastoreBrowserSearchSpec): void {
  const isTooMuch = matchPattern.length > PATTERNS_MAX || matchPattern.some((pattern) => pattern.length > PATTERN_LENGTH_MAX);
  if (isTooMuch || query.length > PATTERNS_MAX) {
    const message = `A search has at most ${PATTERNS_MAX} queries and as many patterns of ${PATTERN_LENGTH_MAX} characters.`;
    throw fault("InvalidArgument", message, { invalidProperty: isTooMuch ? "searchSpec.matchPattern" : "searchSpec.query" });
  }
  if (query.some((one) => ((one as VmDiskFileQuery).filter?.matchHardwareVersion ?? []).length > 0)) {
    throw fault("NotSupported", "Disks are not searched for by their hardware version.", {});
  }
}

/** The entries whose names match: what has to be looked into, where a query wants to know more. */
export function matchNames(entries: readonly FolderEntry[], spec: HostDatastoreBrowserSearchSpec): readonly FolderEntry[] {
  const { matchPattern = [], searchCaseInsensitive = true } = spec;
  if (matchPattern.length === 0) return entries;
  const fold = (text: string): string => (searchCaseInsensitive ? text.toLowerCase() : text);
  const patterns = matchPattern.map(fold);
  return entries.filter(({ name }) => patterns.some((pattern) => matchesGlob(fold(name), pattern)));
}

/** Whether a spec has to look into a file. The size of a disk is that of its data, so disks that are asked for always are. */
export function needsLook(entry: FolderEntry, { query = [] }: HostDatastoreBrowserSearchSpec): boolean {
  const kind = kindOf(entry);
  const asking = query.filter(({ $type }) => kindsOfQuery.get($type ?? "")?.includes(kind));
  if (kind === "disk") return asking.length > 0;
  const isConfig = kind === "config" || kind === "templateConfig";
  return isConfig && (asking as readonly VmConfigFileQuery[]).some(({ filter, details }) => filter !== undefined || details !== undefined);
}

/** What is found, by name, with folders before everything else where the spec says so. */
export function searchFolder(entries: readonly FolderEntry[], spec: HostDatastoreBrowserSearchSpec, facts: FileFacts): readonly FileInfo[] {
  const query = spec.query ?? [];
  // A disk is one thing to who asks for disks: its data is counted with its descriptor.
  const hidesExtents = query.some(({ $type }) => $type === "VmDiskFileQuery");
  const rank = (kind: FileKind): number => (spec.sortFoldersFirst === true && kind === "folder" ? 0 : 1);
  return matchNames(entries, spec)
    .map((entry) => ({ entry, kind: kindOf(entry) }))
    .filter(({ kind }) => !(hidesExtents && kind === "extent"))
    .toSorted((one, other) => rank(one.kind) - rank(other.kind) || compare(one.entry.name, other.entry.name))
    .flatMap(({ entry, kind }) => {
      if (query.length === 0) return [infoOf(entry, kind, { spec, facts, query: undefined })];
      const found = query.filter((one) => finds(one, { name: entry.name, kind }, facts));
      // The query that knows most of the file says how it is shown.
      const best = found.find(({ $type }) => kindsOfQuery.has($type ?? "")) ?? found[0];
      return best === undefined ? [] : [infoOf(entry, kind, { spec, facts, query: best })];
    });
}

const compare = (one: string, other: string): number => (one < other ? -1 : one > other ? 1 : 0);

function finds(query: FileQuery, { name, kind }: { name: string; kind: FileKind }, { disks, configVersions }: FileFacts): boolean {
  const kinds = kindsOfQuery.get(query.$type ?? "");
  if (kinds === undefined) return true;
  if (!kinds.includes(kind)) return false;
  const { filter } = query as VmDiskFileQuery & VmConfigFileQuery;
  if (filter === undefined) return true;
  if (filter.encrypted === true) return false; // nothing on this host is
  if (kind === "disk") return passesDiskFilter(disks.get(name), filter);
  const versions = filter.matchConfigVersion ?? [];
  return versions.length === 0 || versions.includes(configVersions.get(name) ?? -1);
}

function passesDiskFilter(disk: DiskDescription | undefined, filter: NonNullable<VmDiskFileQuery["filter"]>): boolean {
  const { diskType = [], controllerType = [], thin } = filter;
  if (diskType.length === 0 && controllerType.length === 0 && thin === undefined) return true;
  if (disk === undefined) return false;
  return (
    (diskType.length === 0 || diskType.includes(diskTypeOf(disk))) &&
    (controllerType.length === 0 || controllerType.includes(controllerOf(disk) ?? "")) &&
    (thin === undefined || thin === (disk.provisioning === "thin"))
  );
}

const diskTypeOf = ({ foreign }: DiskDescription): string =>
  foreign !== undefined && /sparse|stream/i.test(foreign) ? "VirtualDiskSparseVer2BackingInfo" : "VirtualDiskFlatVer2BackingInfo";
const controllers: ReadonlyMap<string, string> = new Map([
  ["lsilogic", "VirtualLsiLogicController"],
  ["buslogic", "VirtualBusLogicController"],
  ["ide", "VirtualIDEController"],
  ["pvscsi", "ParaVirtualSCSIController"],
]);

const controllerOf = ({ adapterType }: DiskDescription): string | undefined => controllers.get(adapterType.toLowerCase());

interface Showing {
  readonly spec: HostDatastoreBrowserSearchSpec;
  readonly facts: FileFacts;
  /** The query that found it; undefined where there was none. */
  readonly query: FileQuery | undefined;
}

function infoOf(entry: FolderEntry, kind: FileKind, { spec: { details }, facts, query }: Showing): FileInfo {
  const isAskedFor = query !== undefined && kindsOfQuery.has(query.$type ?? "");
  const disk = isAskedFor ? facts.disks.get(entry.name) : undefined;
  // Of a disk whose descriptor is inside of its data there is one file.
  const isItsOwnData = disk?.extents.some(({ path }) => path.split("/").at(-1) === entry.name) === true;
  const fileSize = (isItsOwnData ? 0 : entry.sizeBytes) + (disk?.allocatedBytes ?? 0);
  return {
    $type: isAskedFor || details?.fileType === true ? infoTypes[kind] : "FileInfo",
    path: entry.name,
    ...(details?.fileSize === true && { fileSize }),
    ...(details?.modification === true && { modification: new Date(entry.modifiedAtMs) }),
    ...(disk && diskFields(disk, (query as VmDiskFileQuery).details)),
    ...(isAskedFor && configFields(facts.configVersions.get(entry.name), (query as VmConfigFileQuery).details)),
  };
}

function diskFields(disk: DiskDescription, details: VmDiskFileQuery["details"]): Partial<VmDiskFileInfo> {
  if (details === undefined) return {};
  const controllerType = controllerOf(disk);
  return {
    ...(details.diskType && { diskType: diskTypeOf(disk) }),
    ...(details.capacityKb && { capacityKb: Math.trunc(disk.capacityBytes / 1024) }),
    ...(details.controllerType === true && controllerType !== undefined && { controllerType }),
    ...(details.diskExtents === true && { diskExtents: disk.extents.map(({ path }) => path.split("/").at(-1) ?? path) }),
    ...(details.thin === true && { thin: disk.provisioning === "thin" }),
  };
}

function configFields(configVersion: number | undefined, details: VmConfigFileQuery["details"]): Partial<VmConfigFileInfo> {
  return details?.configVersion === true && configVersion !== undefined ? { configVersion } : {};
}
