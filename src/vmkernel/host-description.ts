/** What the machine is that vmkernel runs on, and its logs, as hostd is told. Types only. */
import type { VmId } from "../base/index.ts";
import type { Processors } from "../system/index.ts";
import type { IsolationFeature } from "./isolation.ts";

/** What the machine is, and what on it is weaker than the design. */
export interface HostDescription {
  readonly hostName: string;
  readonly uuid: string;
  readonly vendor: string;
  readonly model: string;
  readonly kernel: string;
  readonly cpu: Processors;
  readonly memoryBytes: number;
  readonly bootedAtMs: number;
  /** `because` is a sentence: what the self-test guest did on /dev/kvm. */
  readonly accelerator: { readonly kind: "kvm" | "tcg"; readonly because: string };
  /** What of isolation the machine withholds; empty on a whole host. */
  readonly withheld: readonly IsolationFeature[];
  /** With --degraded, a sentence for each thing that is withheld. */
  readonly weaknesses: readonly string[];
}

export type LogName =
  /** `age` 0 is the newest file. */
  | { readonly name: "host"; readonly age: number }
  /** What a running monitor complains of. */
  | { readonly name: "monitor"; readonly vm: VmId }
  /** The log in the folder of a VM that runs. */
  | { readonly name: "vm"; readonly vm: VmId };

export interface LogChunk {
  /** The bytes from `fromByte` on, as many as fit; none at the end of the file, or where there is no file. */
  readonly base64: string;
  readonly sizeBytes: number;
}
