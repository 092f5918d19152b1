/**
 * Memory that stays where it is, for what the kernel is told the address of: a JavaScript buffer may be moved while the address of it
 * lies in another. koffi is bound when it is first used: a process that never calls this pays nothing of it.
 */
import { createRequire } from "node:module";
import type koffi from "koffi";

let library: typeof koffi | undefined;

/** Freed at the end of the block that holds it; what is still wanted of `bytes` is copied before. */
export class NativeMemory implements Disposable {
  readonly address: bigint;
  readonly bytes: Buffer;
  readonly #pointer: unknown;

  /** Filled with zeros. */
  constructor(length: number) {
    library ??= createRequire(import.meta.url)("koffi") as typeof koffi;
    const size = Math.max(length, 1);
    this.#pointer = library.alloc("uint8_t", size);
    this.address = library.address(this.#pointer);
    this.bytes = Buffer.from(library.view(this.#pointer, size)).fill(0);
  }

  static of(bytes: Uint8Array): NativeMemory {
    const memory = new NativeMemory(bytes.length);
    memory.bytes.set(bytes);
    return memory;
  }

  /** With the zero byte that ends a text in C. */
  static ofText(text: string): NativeMemory {
    return NativeMemory.of(Buffer.from(`${text}\0`));
  }

  [Symbol.dispose](): void {
    library?.free(this.#pointer);
  }
}
