/**
 * A disk whose mode is independent_nonpersistent: what a guest writes goes into a file without a name in its VM's folder, on top of the
 * disk, which is opened to read alone. The file is there as long as a process holds it: when the VM is powered off, or its monitor or
 * the whole machine dies, the kernel frees it, and nothing is left to be found or removed. A reset ends no process: it forgets nothing. Of a
 * VM that is suspended it is kept with its memory, and is a new file without a name when the VM goes on.
 * Source: vim25 VirtualDiskMode.
 */
import { type DatastorePath, formatDatastorePath } from "../../base/index.ts";
import {
  copyData,
  createUnnamedFile,
  makeSparse,
  openFileBeneath,
  openFolderBeneath,
  type Range,
  readUpTo,
  writeAllPieces,
} from "../../system/index.ts";
import { emptyQcow2, fault, parseQcow2Header, QCOW2_HEADER_BYTES } from "../../wire/index.ts";
import { type DiskAttachment, overlayOf } from "../attachments.ts";
import type { DiskSource } from "./descriptor-file.ts";
import { openDisk } from "./disks.ts";
import { naming } from "./file-fault.ts";
import { handOn } from "./open-locked.ts";

export interface OverlayPlace {
  /** The folder of the VM. */
  readonly home: DatastorePath;
  /** Where what was written before lies in another file (untrusted). */
  readonly kept?: Range & { readonly file: DatastorePath };
}

/** @throws {Fault} FileLocked while somebody writes the disk; others that read it, and children of it, are welcome */
export async function openNonpersistent(
  source: DiskSource,
  descriptor: DatastorePath,
  { home, kept }: OverlayPlace,
): Promise<DiskAttachment> {
  const disk = await openDisk(source, descriptor, { writable: false });
  const { parents, uuid, capacityBytes, ...own } = disk;
  try {
    const { fd, length, close } = await naming(home, "creating", () =>
      kept === undefined ? makeOverlay(source, home, capacityBytes) : copyOverlay(source, { home, kept }, capacityBytes),
    );
    return {
      ...{ fd, uuid, capacityBytes, descriptor: overlayOf(descriptor), file: overlayOf(descriptor) },
      ...{ format: "qcow2", sizeBytes: length, writable: true },
      parents: [{ ...own, capacityBytes, [Symbol.dispose]() {} }, ...parents],
      [Symbol.dispose]() {
        close();
        disk[Symbol.dispose]();
      },
    };
  } catch (error) {
    disk[Symbol.dispose]();
    throw error;
  }
}

async function makeOverlay(source: DiskSource, home: DatastorePath, capacityBytes: number) {
  using root = source.open(home);
  using folder = openFolderBeneath(root, home.path);
  using file = createUnnamedFile(folder);
  const { pieces, length } = emptyQcow2(capacityBytes);
  makeSparse(file, length);
  await writeAllPieces(file.fd, pieces);
  const { fd, [Symbol.dispose]: close } = handOn(file);
  return { fd, length, close };
}

/** @throws {Fault} InvalidDiskFormat for what leads elsewhere, or is of another disk */
async function copyOverlay(source: DiskSource, { home, kept }: Required<OverlayPlace>, capacityBytes: number) {
  const { length, offset } = kept;
  using memory = source.open(kept.file);
  using root = source.open(home);
  using folder = openFolderBeneath(root, home.path);
  using file = createUnnamedFile(folder);
  makeSparse(file, length);
  // Opened by itself: looking for holes moves the place from which a monitor would read the guest's memory.
  using from = openFileBeneath(memory, kept.file.path, "read");
  await copyData({ from, to: file }, length, () => {}, { from: offset, to: 0 });
  const name = formatDatastorePath(kept.file);
  const header = parseQcow2Header(await readUpTo(file, QCOW2_HEADER_BYTES), name);
  if (header.capacityBytes !== capacityBytes)
    throw fault("InvalidDiskFormat", `${name} is of a disk of ${header.capacityBytes} bytes, which has ${capacityBytes}.`, {});
  const { fd, [Symbol.dispose]: close } = handOn(file);
  return { fd, length, close };
}
