/** The block nodes of a running monitor, and the descriptors that they were opened by. */
import { listOf } from "./live-machine.ts";
import { isQmpError, type Talk } from "./talk.ts";

/** Takes nodes away and closes their files. One that another is made of goes after that one. */
export async function dropNodes(talk: Talk, isMeant: (node: string) => boolean): Promise<void> {
  const all = listOf(await talk.execute("query-named-block-nodes"));
  const nodes = all.filter((node) => isMeant(String(node["node-name"])));
  let left = nodes.map((node) => String(node["node-name"]));
  for (let before = left.length + 1; left.length > 0 && left.length < before; ) {
    before = left.length;
    const still: string[] = [];
    for (const name of left) {
      await talk.execute("blockdev-del", { "node-name": name }).catch((error) => {
        if (!isQmpError(error, /in use|is busy/)) throw error;
        still.push(name);
      });
    }
    left = still;
  }
  // What another still lies on stays, and its file with it.
  const used = setsOf(listOf(await talk.execute("query-named-block-nodes")));
  for (const set of setsOf(nodes)) if (!used.has(set)) await talk.execute("remove-fd", { "fdset-id": set });
}

/** The descriptors that nodes were opened by. A node that shows less than its file says its file in JSON. */
export function setsOf(nodes: readonly { readonly [field: string]: unknown }[]): ReadonlySet<number> {
  return new Set(nodes.flatMap(({ file }) => [...String(file).matchAll(/\/dev\/fdset\/(\d+)/g)].map(([, set]) => Number(set))));
}
