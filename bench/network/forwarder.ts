/** What is measured: something that passes frames on between taps. Each is in a network namespace of its own. */
import { spawnSync } from "node:child_process";
import { closeSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createTap, disableIpv6, inNamespace, makeNamespace, removeNamespace, setLink } from "../../src/system/index.ts";

export interface Forwarder {
  readonly name: string;
  /** Descriptors of taps: VM 1 is at the first. */
  readonly ends: readonly number[];
  remove(): Promise<void>;
}

/** A namespace with taps "t1", "t2" …, and everything of it gone in the end. */
export class Bay {
  readonly folder = mkdtempSync(join(tmpdir(), "bulkhead-bench-"));
  readonly namespace = join(this.folder, "namespace");
  readonly ends: number[] = [];

  constructor(taps: number) {
    makeNamespace(this.namespace);
    try {
      this.do(() => {
        disableIpv6("default");
        for (let n = 1; n <= taps; n++) this.ends.push(createTap(`t${n}`, { vnetHeader: true }));
      });
    } catch (error) {
      this.remove();
      throw error;
    }
  }

  do<T>(deed: () => T): T {
    return inNamespace(this.namespace, deed);
  }

  bringUp(): void {
    this.do(() => {
      for (let n = 1; n <= this.ends.length; n++) setLink(`t${n}`, { up: true });
    });
  }

  /** A command of the machine, in the namespace. */
  run(command: readonly string[], input = ""): void {
    runIn(this.namespace, command, input);
  }

  remove(): void {
    deleteTaps(
      this.namespace,
      this.ends.map((_, n) => `t${n + 1}`),
    );
    for (const fd of this.ends.splice(0)) closeSync(fd);
    removeNamespace(this.namespace);
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** Not enough of them that it matters. */
const FEW = 16;

/** All at once: the kernel waits once, where it would wait for each tap whose descriptor is closed. */
export function deleteTaps(namespace: string, names: readonly string[]): void {
  if (names.length < FEW) return;
  runIn(namespace, ["ip", "-batch", "-"], names.map((name) => `link set ${name} group ${GROUP}\n`).join(""));
  runIn(namespace, ["ip", "link", "delete", "group", GROUP], "");
}

const GROUP = "77";

function runIn(namespace: string, command: readonly string[], input: string): void {
  const { status, stderr } = spawnSync("nsenter", [`--net=${namespace}`, ...command], { input, encoding: "utf8" });
  if (status !== 0) throw new Error(`${command.join(" ")}: ${stderr}`);
}
