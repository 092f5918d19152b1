/**
 * A disk with all that it descends from, open to read: what is sent of it is put together here, by who has no privilege, as what comes
 * is taken apart here (docs/decisions/0014). Each file is opened and locked by vmkernel.
 */
import { isDeepStrictEqual } from "node:util";
import { type DatastorePath, formatDatastorePath } from "../../base/index.ts";
import type { OpenedLayer } from "../../vmkernel/index.ts";
import { fault } from "../../wire/index.ts";
import type { HostAgent } from "../agent.ts";
import { describeDisk } from "../disks/disk-deeds.ts";

/** Nearest first. */
export interface OpenChain extends Disposable {
  readonly layers: readonly OpenedLayer[];
}

/** @throws {Fault} FileLocked while somebody writes one of them, or its chain has become another meanwhile */
export async function openChain(agent: HostAgent, descriptor: DatastorePath): Promise<OpenChain> {
  const { parents } = await describeDisk(agent, descriptor);
  const layers: OpenedLayer[] = [];
  const close = () => {
    for (const layer of layers) layer[Symbol.dispose]();
  };
  try {
    for (const path of [descriptor, ...parents]) layers.push(await agent.files.openLayer(path));
    // Now that all are held, nobody puts one into another; until here somebody may have.
    const { parents: still } = await describeDisk(agent, descriptor);
    const file = formatDatastorePath(descriptor);
    if (!isDeepStrictEqual(still, parents)) throw fault("FileLocked", `${file} has got other parents meanwhile.`, { file });
    return { layers, [Symbol.dispose]: close };
  } catch (error) {
    close();
    throw error;
  }
}
