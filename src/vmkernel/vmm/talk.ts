/** What a deed needs of the conversation with its monitor: commands, a descriptor beside one, and events that it waits for. */
import { defer, within } from "../../base/index.ts";
import { QmpError, type QmpEvent } from "./qmp-connection.ts";

export interface Talk {
  /** @throws {QmpError | MonitorSilent} */
  execute(command: string, args?: object): Promise<unknown>;
  /** As execute, with a copy of an open file beside the command. */
  executeWith(fd: number, command: string, args: object): Promise<unknown>;
  /** Listens from now on for an event that `is` is true of. */
  expect(is: (event: QmpEvent) => boolean): Expectation;
}

export interface Expectation extends Disposable {
  /** Whether it has come, or comes within that time. */
  within(timeoutMs: number): Promise<boolean>;
}

/** @param listeners who is told of each event */
export function expectEvent(listeners: Set<(event: QmpEvent) => boolean>, is: (event: QmpEvent) => boolean): Expectation {
  const { promise, resolve } = defer<true>();
  const take = (event: QmpEvent) => {
    if (!is(event)) return false;
    resolve(true);
    return true;
  };
  listeners.add(take);
  return {
    within: (timeoutMs) => within(timeoutMs, promise, false),
    [Symbol.dispose]: () => void listeners.delete(take),
  };
}

export function isQmpError(error: unknown, text: RegExp): boolean {
  return error instanceof QmpError && text.test(error.message);
}
