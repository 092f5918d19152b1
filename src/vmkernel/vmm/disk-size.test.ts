import { expect, test } from "vitest";
import { showCapacity, shownCapacity } from "./disk-size.ts";
import { layerNode } from "./plan-drives.ts";
import { QmpError } from "./qmp-connection.ts";
import type { Talk } from "./talk.ts";

const disk = { key: 2000, descriptor: { datastore: "ds", path: "vm/vm.vmdk" } };
const node = layerNode(disk.key, disk.descriptor);

/** A QEMU with that disk, which refuses one command. It resizes no node that has a size of its own. */
function qemuWith(
  bytes: number,
  refused?: string,
): { readonly talk: Talk; readonly told: string[]; shown: () => number; own: () => unknown } {
  let [shown, own]: [number, number | undefined] = [bytes, bytes];
  const told: string[] = [];
  const graph = {
    nodes: [
      { id: 1, name: node },
      { id: 2, name: "#block7" },
    ],
    edges: [{ parent: 1, child: 2, name: "file" }],
  };
  const execute = async (command: string, args: object = {}): Promise<unknown> => {
    if (command === "query-named-block-nodes") return [{ "node-name": node, image: { "virtual-size": shown } }];
    if (command === "x-debug-query-block-graph") return graph;
    const more = args as { readonly size?: number; readonly options?: readonly { readonly size?: number; readonly file: string }[] };
    const size = command === "block_resize" ? more.size : more.options?.[0]?.size;
    told.push(`${command} ${size ?? "-"}`);
    if (told.at(-1) === refused) throw new QmpError("GenericError", "no");
    if (command === "blockdev-reopen") {
      expect(more.options?.[0]?.file).toBe("#block7"); // the file stays the one that is open
      own = size;
    } else if (own !== undefined) throw new QmpError("GenericError", "Cannot resize fixed-size raw disks");
    else shown = size ?? 0;
    return {};
  };
  return { talk: { execute } as Talk, told, shown: () => shown, own: () => own };
}

test("a larger size is told the guest, and the node keeps to it", async () => {
  const { talk, told, shown, own } = qemuWith(10);
  await showCapacity(talk, disk, 20);
  expect([shown(), own(), told]).toEqual([20, 20, ["blockdev-reopen -", "block_resize 20", "blockdev-reopen 20"]]);
  await showCapacity(talk, disk, 20); // of the size that it knows nothing is told
  expect([await shownCapacity(talk, disk), told.length]).toEqual([20, 3]);
});

test.each<[string, number]>([
  ["blockdev-reopen -", 10],
  ["block_resize 20", 10],
  ["blockdev-reopen 20", 20], // the guest knows, and is not told anything else
])("what QEMU refuses (%s) leaves the guest with one size, which is then known", async (refused, shows) => {
  const { talk, shown } = qemuWith(10, refused);
  await expect(showCapacity(talk, disk, 20)).rejects.toBeInstanceOf(QmpError);
  expect([shown(), await shownCapacity(talk, disk)]).toEqual([shows, shows]);
});

test("a refused resize leaves the node with the size that it had", async () => {
  const { talk, own } = qemuWith(10, "block_resize 20");
  await expect(showCapacity(talk, disk, 20)).rejects.toBeInstanceOf(QmpError);
  expect(own()).toBe(10);
});
