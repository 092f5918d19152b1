/** What a request that takes long has from whoever asked for it: whether it is still wanted, and whom to tell how far it is. Pure. */
import { fault } from "../wire/index.ts";

export interface Controls {
  /** Aborted when the asker cancels or is gone. The deed then takes back what it has done. */
  readonly signal: AbortSignal;
  /** @param percent 0–100 */
  report(percent: number): void;
}

/** For a deed that nobody watches and nobody stops. */
export const UNWATCHED: Controls = { signal: new AbortController().signal, report() {} };

/** @throws {Fault} RequestCanceled when the deed is no longer wanted */
export function throwIfCanceled({ signal }: Pick<Controls, "signal">): void {
  if (signal.aborted) throw fault("RequestCanceled", "The task was canceled by a user.", {});
}

/** The share that one of `count` deeds has in the whole. */
export function partOf({ signal, report }: Controls, index: number, count: number): Controls {
  return { signal, report: (percent) => report((index * 100 + percent) / count) };
}

/** Watches work that counts bytes: ends it when it is not wanted any more, and reports how much of `totalBytes` is done. */
export function watchBytes(controls: Controls, totalBytes: number): (doneBytes: number) => void {
  return (doneBytes) => {
    throwIfCanceled(controls);
    controls.report(totalBytes === 0 ? 100 : (100 * doneBytes) / totalBytes);
  };
}
