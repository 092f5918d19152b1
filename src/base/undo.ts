/**
 * Steps taken so far and how to take them back, in reverse.
 *
 *   await using undo = new Undo();
 *   const tap = await createTap(); undo.add(() => deleteTap(tap));
 *   await attach(tap);
 *   undo.release();                                   // all done: nothing is taken back
 */
export class Undo {
  #steps: (() => void | Promise<void>)[] = [];

  /** Adds how to take back the step just taken. */
  add(step: () => void | Promise<void>): void {
    this.#steps.push(step);
  }

  /** Keeps what was done. */
  release(): void {
    this.#steps = [];
  }

  /** Takes back every step, last first. A step that fails does not keep the others from running; the first failure is thrown. */
  async run(): Promise<void> {
    const failures: unknown[] = [];
    for (const step of this.#steps.splice(0).reverse()) {
      try {
        await step();
      } catch (failure) {
        failures.push(failure);
      }
    }
    if (failures.length > 0) throw failures[0];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.run();
  }
}
