/** A raw disk image of this machine as a virtual disk on a datastore: made by vmkernel, then filled. */
import { randomBytes } from "node:crypto";
import { type FileHandle, open, stat } from "node:fs/promises";
import { join } from "node:path";
import { type DatastorePath, formatDatastorePath, SystemError } from "../base/index.ts";
import type { VmkernelClient } from "../vmkernel/index.ts";

const CHUNK_BYTES = 1024 * 1024;
const VMWARE_WWN = "6000c29"; // how the UUID of every virtual disk of ESXi's begins

/**
 * @param image a raw image on this machine, a multiple of 512 bytes long
 * @param descriptor of the disk to make; its folder is there, and it is not
 * @throws {Fault} as vmkernel answers; nothing is left then
 */
export async function importRawDisk(
  vmkernel: Pick<VmkernelClient, "request">,
  { image, descriptor }: { readonly image: string; readonly descriptor: DatastorePath },
): Promise<void> {
  const { size: capacityBytes } = await stat(image);
  const uuid = VMWARE_WWN + randomBytes(16).toString("hex").slice(VMWARE_WWN.length);
  const { extents } = await vmkernel.request({
    kind: "createDisk",
    descriptor,
    disk: { capacityBytes, provisioning: "thin", adapterType: "lsilogic", uuid },
  });
  try {
    const [extent] = extents;
    const datastore = (await vmkernel.request({ kind: "listDatastores" })).find(({ name }) => name === descriptor.datastore);
    if (extent === undefined || datastore === undefined) throw new SystemError(`finding the extent of ${formatDatastorePath(descriptor)}`);
    await fill(join(datastore.root, extent.path), image);
  } catch (error) {
    await vmkernel.request({ kind: "deleteDisk", descriptor });
    throw error;
  }
}

/** Zeros are left out: the extent is new and sparse, and reads as zeros there. */
async function fill(extent: string, image: string): Promise<void> {
  await using from = await open(image, "r");
  await using to = await open(extent, "r+");
  const chunk = Buffer.alloc(CHUNK_BYTES);
  for (let position = 0; ; position += CHUNK_BYTES) {
    const { bytesRead } = await from.read(chunk, 0, CHUNK_BYTES, position);
    if (bytesRead === 0) break;
    if (!isZero(chunk.subarray(0, bytesRead))) await writeWhole(to, chunk.subarray(0, bytesRead), position);
  }
  await to.sync();
}

async function writeWhole(file: FileHandle, bytes: Buffer, position: number): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    done += (await file.write(bytes, done, bytes.length - done, position + done)).bytesWritten;
  }
}

const ZEROS = Buffer.alloc(CHUNK_BYTES);

function isZero(bytes: Buffer): boolean {
  return bytes.equals(ZEROS.subarray(0, bytes.length));
}
