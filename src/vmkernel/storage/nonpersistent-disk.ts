/**
 * A disk whose mode is independent_nonpersistent: what a guest writes goes into a file without a name in its VM's folder, on top of the
 * disk, which is opened to read alone. The file is there as long as a process holds it: when the VM is powered off, or its monitor or
 * the whole machine dies, the kernel frees it, and nothing is left to be found or removed. A reset ends no process: it forgets nothing.
 * Source: vim25 VirtualDiskMode.
 */
import type { DatastorePath } from "../../base/index.ts";
import { createUnnamedFile, makeSparse, openFolderBeneath, writeAllPieces } from "../../system/index.ts";
import { emptyQcow2 } from "../../wire/index.ts";
import { type DiskAttachment, overlayOf } from "../attachments.ts";
import type { DiskSource } from "./descriptor-file.ts";
import { openDisk } from "./disks.ts";
import { naming } from "./file-fault.ts";
import { handOn } from "./open-locked.ts";

/** @throws {Fault} FileLocked while somebody writes the disk; others that read it, and children of it, are welcome */
export async function openNonpersistent(
  source: DiskSource,
  descriptor: DatastorePath,
  { home }: { readonly home: DatastorePath },
): Promise<DiskAttachment> {
  const disk = await openDisk(source, descriptor, { writable: false });
  const { parents, uuid, capacityBytes, ...own } = disk;
  try {
    const { fd, length, close } = await naming(home, "creating", () => makeOverlay(source, home, capacityBytes));
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
