/** What a file of a datastore is, by its name, and the vim25 types that ask for it and show it. Pure. Source: ESXi's VM files. */
import type { FolderEntry } from "../../vmkernel/index.ts";

export type FileKind =
  | "folder"
  | "disk"
  | "config"
  | "templateConfig"
  | "snapshot"
  | "log"
  | "nvram"
  | "iso"
  | "floppy"
  /** Data of a disk, which its descriptor stands for. */
  | "extent"
  | "other";

/** The type that shows a file of each kind. */
export const infoTypes = {
  folder: "FolderFileInfo",
  disk: "VmDiskFileInfo",
  config: "VmConfigFileInfo",
  templateConfig: "TemplateConfigFileInfo",
  snapshot: "VmSnapshotFileInfo",
  log: "VmLogFileInfo",
  nvram: "VmNvramFileInfo",
  iso: "IsoImageFileInfo",
  floppy: "FloppyImageFileInfo",
  extent: "FileInfo",
  other: "FileInfo",
} as const satisfies Readonly<Record<FileKind, string>>;

/** The kinds that each query finds; FileQuery itself finds all. */
export const kindsOfQuery: ReadonlyMap<string, readonly FileKind[]> = new Map([
  ["FolderFileQuery", ["folder"]],
  ["VmDiskFileQuery", ["disk"]],
  ["VmConfigFileQuery", ["config"]],
  ["TemplateConfigFileQuery", ["templateConfig"]],
  ["VmSnapshotFileQuery", ["snapshot"]],
  ["VmLogFileQuery", ["log"]],
  ["VmNvramFileQuery", ["nvram"]],
  ["IsoImageFileQuery", ["iso"]],
  ["FloppyImageFileQuery", ["floppy"]],
]);

const kindOfExtension: ReadonlyMap<string, FileKind> = new Map([
  ["vmdk", "disk"],
  ["vmx", "config"],
  ["vmtx", "templateConfig"],
  ["vmsn", "snapshot"],
  ["log", "log"],
  ["nvram", "nvram"],
  ["iso", "iso"],
  ["flp", "floppy"],
  ["img", "floppy"],
]);

export function kindOf({ name, kind }: Pick<FolderEntry, "name" | "kind">): FileKind {
  if (kind === "folder") return "folder";
  if (/-(flat|delta|sesparse|ctk|rdm|rdmp|[sf]\d{3})\.vmdk$/i.test(name)) return "extent";
  return kindOfExtension.get(/\.([^.]*)$/.exec(name)?.[1]?.toLowerCase() ?? "") ?? "other";
}
