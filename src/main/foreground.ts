/** A host in the foreground: runs until it is told to stop by Ctrl-C, SIGTERM or `bulkhead host stop`. */
import type { Report, RunningHost } from "./host-run.ts";

const GUESTS_GRACE_MS = 45_000; // a busy guest's shutdown; then it is powered off
/** One Ctrl-C may come twice: from the terminal, and passed on by npm. */
const ECHO_MS = 1000;

export interface Foreground {
  /** Resolves when the host has stopped. */
  readonly stopped: Promise<void>;
  /** Whether it was told to. */
  isStopping(): boolean;
}

/** A signal stops the host in order. A second one hurries: guests are powered off as they are. */
export function stopOnSignals(host: RunningHost, report: Report): Foreground {
  let asked = 0;
  let firstMs = 0;
  // Nothing else may: its processes live without it, and signals alone do not keep Node running.
  const alive = setInterval(() => {}, 2 ** 30);
  const stopped = new Promise<void>((resolve, reject) => {
    const onSignal = (): void => {
      if (asked === 1 && performance.now() - firstMs < ECHO_MS) return;
      if (asked === 0) firstMs = performance.now();
      asked += 1;
      if (asked === 1) report("shutting down: guests first (once more to power them off)");
      else if (asked === 2) report("powering guests off");
      else return;
      host
        .stop(asked === 1 ? GUESTS_GRACE_MS : 0)
        .finally(() => clearInterval(alive))
        .then(() => report("the host has stopped"))
        .then(resolve, reject);
    };
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, onSignal);
  });
  return { stopped, isStopping: () => asked > 0 };
}
