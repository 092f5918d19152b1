/**
 * A disk's data as it comes from a client: hostd inflates it and writes it through a descriptor. The disk is there, made and named;
 * until the commit it holds half of something, and its maker sees to it that it is filled again or removed. docs/decisions/0014.
 */
import { type DatastorePath, formatDatastorePath } from "../../base/index.ts";
import {
  createUnnamedFile,
  describeFile,
  fillHoles,
  makeSparse,
  OpenFile,
  openFolderBeneath,
  replaceFile,
  splitPath,
  syncFile,
  writeAll,
} from "../../system/index.ts";
import { fault, formatVmdkDescriptor } from "../../wire/index.ts";
import type { DiskSource } from "./descriptor-file.ts";
import { changeDescriptor } from "./disk-rules.ts";
import { isThin, openExtent, reserve, STAT_BLOCK_BYTES } from "./disks.ts";
import { naming } from "./file-fault.ts";
import type { Upload } from "./uploads.ts";

/**
 * Opens a disk to be filled, reading as zeros from its beginning to its end, whatever an earlier attempt left in it.
 * @param eager the whole disk is to have been written when it is committed
 * @throws {Fault} FileNotFound, FileLocked, InvalidDiskFormat for a disk that is not flat, NoDiskSpace
 */
export async function beginDiskImport(
  source: DiskSource,
  descriptor: DatastorePath,
  { eager }: { readonly eager: boolean },
): Promise<Upload> {
  const disk = await openExtent(source, descriptor, { writable: true });
  using file = disk.file;
  const { capacityBytes, extent } = disk;
  using root = source.open(descriptor);
  using folder = openFolderBeneath(root, splitPath(descriptor.path).folder);
  await naming(extent, "writing", async () => {
    if (isThin(disk.parsed) && describeFile(file).blocks * STAT_BLOCK_BYTES === 0) return;
    makeSparse(file, 0);
    if (isThin(disk.parsed)) makeSparse(file, capacityBytes);
    else await reserve(file, { folder, extent, length: capacityBytes });
  });
  const kept = { file: new OpenFile(file.release()), folder: new OpenFile(folder.release()) };
  return {
    fd: kept.file.fd,
    commit: () =>
      naming(extent, "writing", async () => {
        const { size } = describeFile(kept.file);
        if (size !== capacityBytes) {
          const problem = `${formatDatastorePath(extent)} has ${size} bytes now; the disk has ${capacityBytes}.`;
          throw fault("InvalidDiskFormat", problem, {});
        }
        if (eager && !isThin(disk.parsed)) await fillHoles(kept.file, { offset: 0, length: capacityBytes }, () => {});
        await syncFile(kept.file);
        using text = createUnnamedFile(kept.folder);
        const longContentId = Buffer.from(source.random(16)).toString("hex");
        await writeAll(text, Buffer.from(formatVmdkDescriptor(changeDescriptor(disk.parsed, { longContentId }))));
        await syncFile(text);
        replaceFile(text, kept.folder, splitPath(descriptor.path).name);
        await syncFile(kept.folder);
        return { replaced: true };
      }),
    [Symbol.dispose]() {
      kept.file[Symbol.dispose]();
      kept.folder[Symbol.dispose]();
    },
  };
}
