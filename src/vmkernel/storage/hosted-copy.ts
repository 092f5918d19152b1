/**
 * Copies in the formats of VMware's other products (vim25 VirtualDiskType sparseMonolithic, sparse2Gb, flatMonolithic, thick2Gb), made of
 * a flat file without a name that holds the disk. No monitor is given one: they are for carrying away.
 */
import { type DatastorePath, fileNameOf, formatDatastorePath } from "../../base/index.ts";
import {
  allocateWhole,
  copyData,
  createUnnamedFile,
  dataRanges,
  makeSparse,
  nameFile,
  type OpenFile,
  readAt,
  removeBeneath,
  syncFile,
  writeAll,
  writeAllAt,
  writeAllPieces,
} from "../../system/index.ts";
import {
  fault,
  formatVmdkDescriptor,
  HOSTED_EXTENT_BYTES_MAX,
  HOSTED_GRAIN_BYTES,
  HostedLayout,
  SECTOR_BYTES,
  type VmdkDescriptor,
} from "../../wire/index.ts";
import { type Controls, throwIfCanceled, watchBytes } from "../controls.ts";
import type { HostedFormat } from "../rpc.ts";

/** 2047 MiB: what the products split at. */
const SPLIT_SECTORS = 4_192_256;
/** As the parser of descriptors has it. */
const EXTENTS_MAX = 1024;

export interface HostedJob {
  readonly flat: OpenFile;
  readonly folder: OpenFile;
  readonly to: DatastorePath;
  readonly capacityBytes: number;
  readonly format: HostedFormat;
  /** What the copy is besides its extents. */
  readonly parsed: VmdkDescriptor;
}

interface Part {
  readonly name: string;
  /** In bytes of the disk. */
  readonly begin: number;
  readonly length: number;
}

/** @throws {Fault} InvalidDiskFormat for a disk that the format cannot have */
export function checkHosted(to: DatastorePath, format: HostedFormat, capacityBytes: number): void {
  const parts = Math.ceil(capacityBytes / (SPLIT_SECTORS * SECTOR_BYTES));
  const fits = isSplit(format) ? parts <= EXTENTS_MAX : format !== "monolithicSparse" || capacityBytes < HOSTED_EXTENT_BYTES_MAX / 2;
  if (!fits) throw fault("InvalidDiskFormat", `${formatDatastorePath(to)} would have ${capacityBytes} bytes, too many for ${format}.`, {});
}

/** The names that the copy takes, its descriptor's last. */
export function hostedNames(to: DatastorePath, format: HostedFormat, capacityBytes: number): readonly string[] {
  return [...new Set([...partsOf(to, format, capacityBytes).map(({ name }) => name), fileNameOf(to)])];
}

/** Writes all of it, then gives it its names: all, or none. @param before what is done when nothing but the names is missing */
export async function packHosted(job: HostedJob, controls: Controls, before: () => Promise<void>): Promise<void> {
  const { folder, to, format, capacityBytes } = job;
  const parts = partsOf(to, format, capacityBytes);
  const extents = parts.map(({ name, length }) => ({
    access: "RW" as const,
    sectors: length / SECTOR_BYTES,
    type: isSparse(format) ? ("SPARSE" as const) : ("FLAT" as const),
    file: name,
    offset: 0,
  }));
  const ddb = new Map([...job.parsed.ddb].filter(([key]) => key !== "thinProvisioned"));
  const text = formatVmdkDescriptor({ ...job.parsed, createType: format, extents, ddb });
  const made: { readonly file: OpenFile; readonly name: string }[] = [];
  try {
    const watch = watchBytes(controls, capacityBytes);
    for (const part of parts) {
      const file = createUnnamedFile(folder);
      made.push({ file, name: part.name });
      if (!isSparse(format)) await fillFlat(job, part, { file, watch });
      else await fillSparse(job, part, { file, watch, descriptor: format === "monolithicSparse" ? text : undefined });
    }
    if (format !== "monolithicSparse") {
      const file = createUnnamedFile(folder);
      made.push({ file, name: fileNameOf(to) });
      await writeAll(file, Buffer.from(text));
    }
    for (const { file } of made) await syncFile(file);
    throwIfCanceled(controls);
    await before();
    nameAll(folder, made);
    await syncFile(folder);
  } finally {
    for (const { file } of made) file[Symbol.dispose]();
  }
}

function nameAll(folder: OpenFile, files: readonly { readonly file: OpenFile; readonly name: string }[]): void {
  const named: string[] = [];
  try {
    for (const { file, name } of files) {
      nameFile(file, folder, name);
      named.push(name);
    }
  } catch (error) {
    for (const name of named) removeBeneath(folder, name);
    throw error;
  }
}

const isSplit = (format: HostedFormat): boolean => format === "twoGbMaxExtentFlat" || format === "twoGbMaxExtentSparse";
const isSparse = (format: HostedFormat): boolean => format === "monolithicSparse" || format === "twoGbMaxExtentSparse";

function partsOf(to: DatastorePath, format: HostedFormat, capacityBytes: number): readonly Part[] {
  const base = fileNameOf(to).replace(/\.vmdk$/, "");
  if (!isSplit(format))
    return [{ name: format === "monolithicSparse" ? fileNameOf(to) : `${base}-flat.vmdk`, begin: 0, length: capacityBytes }];
  const step = SPLIT_SECTORS * SECTOR_BYTES;
  return Array.from({ length: Math.ceil(capacityBytes / step) }, (_, index) => ({
    name: `${base}-${isSparse(format) ? "s" : "f"}${String(index + 1).padStart(3, "0")}.vmdk`,
    begin: index * step,
    length: Math.min(step, capacityBytes - index * step),
  }));
}

interface Filling {
  readonly file: OpenFile;
  readonly watch: (doneBytes: number) => void;
}

async function fillFlat({ flat }: HostedJob, { begin, length }: Part, { file, watch }: Filling): Promise<void> {
  await allocateWhole(file, length);
  await copyData({ from: flat, to: file }, length, (done) => watch(begin + done), { from: begin, to: 0 });
}

async function fillSparse(
  { flat }: HostedJob,
  { begin, length }: Part,
  { file, watch, descriptor }: Filling & { readonly descriptor: string | undefined },
): Promise<void> {
  const layout = new HostedLayout(length / SECTOR_BYTES, descriptor);
  await writeAllPieces(file.fd, layout.frame);
  const grain = Buffer.alloc(HOSTED_GRAIN_BYTES);
  let next = 0; // of the extent: what lies before it is done
  for (const range of dataRanges(flat, begin + length, begin)) {
    const first = Math.floor((range.offset - begin) / HOSTED_GRAIN_BYTES) * HOSTED_GRAIN_BYTES;
    const end = range.offset - begin + range.length;
    for (let at = Math.max(first, next); at < end; at += HOSTED_GRAIN_BYTES) {
      next = at + HOSTED_GRAIN_BYTES;
      watch(begin + at);
      grain.fill(0);
      await readAt(flat.fd, grain.subarray(0, Math.min(HOSTED_GRAIN_BYTES, length - at)), begin + at);
      if (grain.equals(ZEROS)) continue;
      const place = layout.place(at);
      await writeAllPieces(file.fd, place.before);
      await writeAllAt(file.fd, [grain], place.at);
    }
  }
  const { pieces, length: fileBytes } = layout.finish();
  await writeAllPieces(file.fd, pieces);
  makeSparse(file, fileBytes);
  watch(begin + length);
}

const ZEROS = Buffer.alloc(HOSTED_GRAIN_BYTES);
