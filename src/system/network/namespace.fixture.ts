/** Network namespaces of a test's own, gone with the test. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { makeNamespace, removeNamespace } from "./index.ts";

export class TestNamespaces {
  readonly folder = mkdtempSync(join(tmpdir(), "bulkhead-network-"));
  readonly #paths = new Set<string>();

  /** Where a namespace may be; whatever is there is removed in the end. */
  path(name: string): string {
    const path = join(this.folder, name);
    this.#paths.add(path);
    return path;
  }

  make(name: string): string {
    const path = this.path(name);
    makeNamespace(path);
    return path;
  }

  [Symbol.dispose](): void {
    for (const path of this.#paths) removeNamespace(path);
    rmSync(this.folder, { recursive: true });
  }
}
