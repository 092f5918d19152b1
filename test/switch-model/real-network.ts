/** A virtual network in the kernel for a trial: its own folder and namespace, and taps that stand for the machine's adapters. */
import { closeSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createTap } from "../../src/system/index.ts";
import { type KernelFeatures, VirtualNetwork } from "../../src/vmkernel/network/index.ts";
import { OwnNamespace } from "./own-namespace.ts";
import { UPLINK_NAMES } from "./random-network.ts";
import { Taps } from "./taps.ts";

export class RealNetwork {
  readonly taps = new Taps();
  readonly network: VirtualNetwork;
  readonly log: string[] = [];
  readonly #folder = mkdtempSync(join(tmpdir(), "bulkhead-switch-"));
  readonly #namespace: OwnNamespace;
  readonly #uplinks: readonly number[];

  /** @param features as of an older kernel than this one */
  constructor(features?: KernelFeatures) {
    this.#namespace = new OwnNamespace(join(this.#folder, "machine"));
    this.#uplinks = UPLINK_NAMES.map((name) => createTap(name, { vnetHeader: false }));
    for (const [at, name] of UPLINK_NAMES.entries()) this.taps.add(name, this.#uplinks[at] as number);
    this.network = new VirtualNetwork({
      folder: join(this.#folder, "network"),
      log: (line) => this.log.push(line),
      ...(features && { features }),
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.network.remove();
    for (const fd of this.#uplinks) closeSync(fd);
    this.#namespace[Symbol.dispose]();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
