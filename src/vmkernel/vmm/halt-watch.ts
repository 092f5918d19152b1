/** Whether a guest stands still because a disk of its has no room, and whoever waits for it is told when that changes. */
import { isDeepStrictEqual } from "node:util";
import type { Halt } from "../rpc.ts";
import { addDisk } from "./halt.ts";

export class HaltWatch {
  readonly #onChange: (halt: Halt | undefined) => void;
  #halt: Halt | undefined;

  constructor(onChange: (halt: Halt | undefined) => void) {
    this.#onChange = onChange;
  }

  get halt(): Halt | undefined {
    return this.#halt;
  }

  /** It was found so when its monitor was taken up: nobody is told. @param disks keys */
  adopt(disks: readonly number[]): void {
    for (const disk of disks) this.#halt = addDisk(this.#halt, disk, Date.now());
  }

  /** @param disk its key; undefined for an error over which the guest was not stopped */
  note(disk: number | undefined): void {
    if (disk !== undefined) this.#set(addDisk(this.#halt, disk, Date.now()));
  }

  clear(): void {
    this.#set(undefined);
  }

  #set(halt: Halt | undefined): void {
    if (isDeepStrictEqual(halt, this.#halt)) return;
    this.#halt = halt;
    this.#onChange(halt);
  }
}
