/**
 * The size that a running guest sees of a disk, and a larger one. The node of a disk has a size of its own, for its file may be longer
 * (`plan-drives.ts`), and QEMU does not resize such a node: it is opened anew without, resized, and gets its size again.
 * Source: QEMU 7.2 qapi/block-core.json, blockdev-reopen and block_resize; block/raw-format.c.
 */
import { assert, type DatastorePath, Undo } from "../../base/index.ts";
import { fileNodeOf } from "./chain-deeds.ts";
import { listOf, objectOf } from "./live-machine.ts";
import { layerNode } from "./plan-drives.ts";
import type { Talk } from "./talk.ts";

/** A disk of a running machine that is a file of its own: nothing lies beneath it. */
export interface SizedDisk {
  /** vim25 device key. */
  readonly key: number;
  readonly descriptor: DatastorePath;
}

/** @returns undefined when the monitor has no such disk */
export async function shownCapacity(talk: Talk, { key, descriptor }: SizedDisk): Promise<number | undefined> {
  const nodes = listOf(await talk.execute("query-named-block-nodes", { flat: true }));
  const node = nodes.find((one) => one["node-name"] === layerNode(key, descriptor));
  return node === undefined ? undefined : Number(objectOf(node.image)["virtual-size"]);
}

/**
 * Tells the guest, whose driver asks for the size again or waits to be told to.
 * @param capacityBytes what the file is long by now, to the byte
 * @throws {QmpError} after which `shownCapacity` says whether the guest was told
 */
export async function showCapacity(talk: Talk, disk: SizedDisk, capacityBytes: number): Promise<void> {
  const name = layerNode(disk.key, disk.descriptor);
  const before = await shownCapacity(talk, disk);
  if (before === capacityBytes) return;
  assert(before !== undefined && before < capacityBytes, `${name} has ${before} bytes, and grows to ${capacityBytes}`);
  const file = await fileNodeOf(talk, name);
  const reopen = async (more: object) =>
    void (await talk.execute("blockdev-reopen", { options: [{ driver: "raw", "node-name": name, file, ...more }] }));
  await using undo = new Undo();
  undo.add(() => reopen({ size: before }));
  await reopen({});
  await talk.execute("block_resize", { "node-name": name, size: capacityBytes });
  undo.release(); // the guest has been told
  await reopen({ size: capacityBytes });
}
