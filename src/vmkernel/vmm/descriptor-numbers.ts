/** The descriptors that a monitor inherits: what each is for, which number it has, and how QEMU is told of it. Pure. */

/** What a descriptor that the monitor inherits is for, and so how it must have been opened. */
export type DescriptorUse =
  /** Listening sockets, bound by vmkernel. */
  | { readonly kind: "qmpSocket" }
  | { readonly kind: "agentSocket" }
  /** O_RDONLY. */
  | { readonly kind: "firmwareCode" }
  /** O_RDWR. */
  | { readonly kind: "firmwareVariables" }
  /** O_RDWR. */
  | { readonly kind: "disk"; readonly key: number }
  /** O_RDONLY. What a disk descends from: 0 is its own parent. */
  | { readonly kind: "parent"; readonly key: number; readonly index: number }
  /** O_RDONLY. */
  | { readonly kind: "image"; readonly key: number }
  /** O_WRONLY and O_APPEND. */
  | { readonly kind: "serial"; readonly key: number }
  /** A listening socket that others connect to. */
  | { readonly kind: "serialListener"; readonly key: number }
  /** A listening socket in the VM's run-time folder, which the carrier of the port's bytes connects to. */
  | { readonly kind: "serialLink"; readonly key: number }
  /** Of the port that a NIC is plugged into. */
  | { readonly kind: "tap"; readonly key: number }
  /** O_RDONLY. */
  | { readonly kind: "memory" };

/** Gives a use the next descriptor number; the same order gives the same numbers. */
export class DescriptorNumbers {
  readonly #uses: DescriptorUse[] = [];
  readonly #first: number;

  constructor(first: number = FIRST_DESCRIPTOR) {
    this.#first = first;
  }

  take(use: DescriptorUse): number {
    this.#uses.push(use);
    return this.#first + this.#uses.length - 1;
  }

  /** What that number was given for. */
  useOf(number: number): DescriptorUse | undefined {
    return this.#uses[number - this.#first];
  }

  get uses(): readonly DescriptorUse[] {
    return this.#uses;
  }
}

/** After standard input, output and error. */
const FIRST_DESCRIPTOR = 3;

/** The descriptor as a set of one, which QEMU opens like a file; only an open with the descriptor's own access mode gets it. */
export function planDescriptorSet(number: number): string[] {
  return ["-add-fd", `fd=${number},set=${number}`];
}

export function descriptorPath(number: number): string {
  return `/dev/fdset/${number}`;
}
