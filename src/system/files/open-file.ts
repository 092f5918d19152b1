/** An open file or folder that is closed once: at the end of the block that holds it, unless it is handed on. */
import { closeSync } from "node:fs";

export class OpenFile implements Disposable {
  #fd: number;

  constructor(fd: number) {
    this.#fd = fd;
  }

  get fd(): number {
    if (this.#fd < 0) throw new Error("the file is closed");
    return this.#fd;
  }

  /** Hands the descriptor on: the caller closes it from now. */
  release(): number {
    const { fd } = this;
    this.#fd = -1;
    return fd;
  }

  /** Closes it; a no-op once it is closed or handed on. */
  [Symbol.dispose](): void {
    if (this.#fd >= 0) closeSync(this.release());
  }
}
