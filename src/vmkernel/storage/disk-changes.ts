/** Changing a disk where it lies: its size, which of its blocks are its own, its UUID. Nobody has it open meanwhile, but for a guest whose disk grows. */
import { assertNever, type DatastorePath, formatDatastorePath } from "../../base/index.ts";
import {
  allocateWhole,
  dataRanges,
  fillHoles,
  isFullyWritten,
  makeSparse,
  type OpenFile,
  openFolderBeneath,
  punchZeros,
  splitPath,
  syncFile,
  writeZeros,
} from "../../system/index.ts";
import { capacityBytesOf, fault } from "../../wire/index.ts";
import { type Controls, throwIfCanceled, watchBytes } from "../controls.ts";
import type { DiskChange, DiskDescription } from "../rpc.ts";
import { openLink, readChain, requireChildless } from "./chain.ts";
import { convertDisk } from "./convert-disk.ts";
import { type DiskSource, readDescriptor, replaceDescriptor } from "./descriptor-file.ts";
import { changeDescriptor, checkExtension, type DescriptorChanges } from "./disk-rules.ts";
import { describeDisk, isThin, type OpenExtent, openExtent, requireSpace, reserve } from "./disks.ts";
import { naming } from "./file-fault.ts";

interface Job {
  readonly source: DiskSource;
  readonly descriptor: DatastorePath;
  readonly disk: OpenExtent;
  readonly file: OpenFile;
  readonly folder: OpenFile;
  readonly controls: Controls;
}

/** The data first, the descriptor last and in one step: cut short, the disk is the one that it was, by what its descriptor says. */
export async function changeDisk(
  source: DiskSource,
  descriptor: DatastorePath,
  change: DiskChange,
  controls: Controls,
): Promise<DiskDescription> {
  if (change.kind === "convert") {
    await convertDisk(source, descriptor, controls);
    return describeDisk(source, descriptor);
  }
  const disk = await openExtent(source, descriptor, { writable: true });
  using file = disk.file;
  using root = source.open(descriptor);
  using folder = openFolderBeneath(root, splitPath(descriptor.path).folder);
  const job = { source, descriptor, disk, file, folder, controls };
  const changes = await naming(disk.extent, "changing", () => changeData(job, change));
  await syncFile(file);
  if (changes !== undefined) await writeDescriptor(job, changes).catch((error) => takeBack(job, error));
  return describeDisk(source, descriptor);
}

export interface Growth {
  readonly capacityBytes: number;
  /** Tells the guest. What it throws says that the guest was not told. */
  readonly show: () => Promise<void>;
}

/**
 * Makes a disk larger that its monitor has open, and its guest writes. Of the size that it has, it only tells the guest. The descriptor says so before the guest hears of it, for what a
 * guest writes behind the end would be lost with the old size.
 * @throws {Fault} InvalidDiskFormat for a child, FileLocked for a parent, NoDiskSpace
 */
export async function extendWritten(
  source: DiskSource,
  descriptor: DatastorePath,
  { capacityBytes, show }: Growth,
  controls: Controls,
): Promise<DiskDescription> {
  const [link, ...parents] = await readChain(source, descriptor);
  if (parents.length > 0) throw notForIts(descriptor, "a child: it has the size of its parent");
  await requireChildless(source, link);
  using file = await openLink(source, link, { writable: true, isUnlocked: true }); // the lock is the monitor's
  using root = source.open(descriptor);
  using folder = openFolderBeneath(root, splitPath(descriptor.path).folder);
  const job = { source, descriptor, disk: { ...link, file }, file, folder, controls };
  const before = link.capacityBytes;
  if (capacityBytes === before) {
    makeSparse(file, before); // an extension that was cut short has made it longer
    await show();
    return describeDisk(source, descriptor);
  }
  const changes = await naming(link.extent, "changing", () => extend(job, { kind: "extend", capacityBytes }));
  await syncFile(file);
  await writeDescriptor(job, changes).catch((error) => takeBack(job, error));
  try {
    await show();
  } catch (error) {
    await writeDescriptor(job, { capacityBytes: before });
    await takeBack(job, error);
  }
  return describeDisk(source, descriptor);
}

/** The descriptor could not be written, so the disk is what it was: an extension has made its file longer for nothing. */
async function takeBack({ source, descriptor, file }: Job, error: unknown): Promise<never> {
  makeSparse(file, capacityBytesOf(await readDescriptor(source, descriptor)));
  throw error;
}

/** @returns what the descriptor has to say from now; undefined when nothing else */
async function changeData(job: Job, change: Exclude<DiskChange, { kind: "convert" }>): Promise<DescriptorChanges | undefined> {
  switch (change.kind) {
    case "extend":
      return extend(job, change);
    case "inflate":
      return inflate(job);
    case "eagerZero":
      return eagerZero(job);
    case "shrink":
      return shrink(job);
    case "zeroFill":
      return zeroFill(job);
    case "setUuid":
      return { uuid: change.uuid };
    case "trim":
      makeSparse(job.file, job.disk.capacityBytes);
      return undefined;
    default:
      return assertNever(change);
  }
}

async function extend(job: Job, { capacityBytes, eager }: Extract<DiskChange, { kind: "extend" }>): Promise<DescriptorChanges> {
  const { disk, file, folder, controls } = job;
  const before = disk.capacityBytes;
  checkExtension(disk.parsed, { from: before, to: capacityBytes });
  const thin = isThin(disk.parsed);
  const writes = eager ?? (!thin && isFullyWritten(file, before));
  makeSparse(file, before); // what lay behind the disk's end was never its own
  try {
    if (thin) makeSparse(file, capacityBytes);
    else await extendReserved(job, capacityBytes);
    if (writes) {
      requireSpace(folder, disk.extent, thin ? capacityBytes - before : 0);
      await fillHoles(file, { offset: before, length: capacityBytes - before }, watchBytes(controls, capacityBytes));
    }
    throwIfCanceled(controls);
  } catch (error) {
    makeSparse(file, before);
    throw error;
  }
  return { capacityBytes };
}

/** Only what is new: the disk may have holes that its guest gave back, and they stay its own business. */
async function extendReserved({ disk, file, folder }: Job, capacityBytes: number): Promise<void> {
  requireSpace(folder, disk.extent, capacityBytes - disk.capacityBytes);
  await allocateWhole(file, capacityBytes);
}

async function inflate({ disk, file, folder, controls }: Job): Promise<DescriptorChanges | undefined> {
  if (!isThin(disk.parsed)) return undefined; // it has its full size already
  const { capacityBytes: length, extent } = disk;
  await reserve(file, { folder, extent, length });
  await fillHoles(file, { offset: 0, length }, watchBytes(controls, length));
  return { thin: false };
}

async function eagerZero({ disk, descriptor, file, folder, controls }: Job): Promise<undefined> {
  if (isThin(disk.parsed)) throw notForIts(descriptor, "thin: inflating it does what eager zeroing does for a thick disk");
  const { capacityBytes: length, extent } = disk;
  await reserve(file, { folder, extent, length });
  await fillHoles(file, { offset: 0, length }, watchBytes(controls, length));
}

async function shrink({ disk, descriptor, file, controls }: Job): Promise<undefined> {
  if (!isThin(disk.parsed)) throw notForIts(descriptor, "thick: all its blocks are its own by what it is, and none is given back");
  await punchZeros(file, disk.capacityBytes, watchBytes(controls, disk.capacityBytes));
}

/** A thin disk is overwritten where it has ever been written: elsewhere it reads as zeros, and stays thin. */
async function zeroFill({ source, disk, file, controls }: Job): Promise<DescriptorChanges> {
  const { capacityBytes } = disk;
  // Nobody gets back what is gone, so nothing ends it half-way.
  const report = (doneBytes: number) => controls.report((100 * doneBytes) / capacityBytes);
  if (isThin(disk.parsed)) for (const range of dataRanges(file, capacityBytes)) await writeZeros(file, range, report);
  else await writeZeros(file, { offset: 0, length: capacityBytes }, report);
  return { longContentId: Buffer.from(source.random(16)).toString("hex") };
}

async function writeDescriptor({ source, descriptor }: Job, changes: DescriptorChanges): Promise<void> {
  // Read again: opening the disk may have taken children out of it that were gone.
  await replaceDescriptor(source, descriptor, changeDescriptor(await readDescriptor(source, descriptor), changes));
}

function notForIts(descriptor: DatastorePath, kind: string) {
  return fault("InvalidDiskFormat", `${formatDatastorePath(descriptor)} is ${kind}.`, {});
}
