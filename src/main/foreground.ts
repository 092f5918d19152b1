/** A host in the foreground: runs until it is told to stop by Ctrl-C, SIGTERM or `bulkhead host stop`, or by a client. */
import type { HostOptions, Report, RunningHost } from "./host-run.ts";
import { runHost } from "./host-run.ts";
import { PASSWORD_VARIABLE } from "./root-password.ts";

const GUESTS_GRACE_MS = 45_000; // a busy guest's shutdown; then it is powered off
/** One Ctrl-C may come twice: from the terminal, and passed on by npm. */
const ECHO_MS = 1000;
const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

export interface Foreground {
  /** Resolves when the host has stopped: for good, or to be started again as a client asked. */
  readonly stopped: Promise<"forGood" | "reboot">;
  /** Whether it was told to. */
  isStopping(): boolean;
}

/** Runs a host, and again each time that a client has rebooted it. @param onUp whenever it answers */
export async function runInForeground(
  options: HostOptions,
  report: Report,
  onUp: (host: RunningHost, foreground: Foreground) => Promise<void> | void,
): Promise<void> {
  for (;;) {
    const host = await runHost(options, report);
    const foreground = stopWhenTold(host, report);
    await onUp(host, foreground);
    if ((await foreground.stopped) === "forGood") return;
    report("starting again, as a client asked");
    delete process.env[PASSWORD_VARIABLE]; // it is root's password of the first start, which may have been changed since
  }
}

/** A signal stops the host in order, and so does a client's word. A second signal hurries: guests are powered off as they are. */
function stopWhenTold(host: RunningHost, report: Report): Foreground {
  let asked = 0;
  let firstMs = 0;
  let again = false;
  // Nothing else may: its processes live without it, and signals alone do not keep Node running.
  const alive = setInterval(() => {}, 2 ** 30);
  const stopped = new Promise<"forGood" | "reboot">((resolve, reject) => {
    const stop = (): void => {
      asked += 1;
      if (asked === 1) report("shutting down: guests first (once more to power them off)");
      else if (asked === 2) report("powering guests off");
      else return;
      host
        .stop(asked === 1 ? GUESTS_GRACE_MS : 0)
        .finally(() => {
          clearInterval(alive);
          for (const signal of SIGNALS) process.off(signal, onSignal);
        })
        .then(() => report("the host has stopped"))
        .then(() => resolve(again ? "reboot" : "forGood"), reject);
    };
    const onSignal = (): void => {
      if (asked === 1 && performance.now() - firstMs < ECHO_MS) return;
      firstMs ||= performance.now();
      again = false;
      stop();
    };
    for (const signal of SIGNALS) process.on(signal, onSignal);
    host.asked.then((operation) => {
      if (asked > 0) return;
      report(`a client asks for a ${operation}`);
      again = operation === "reboot";
      stop();
    });
  });
  return { stopped, isStopping: () => asked > 0 };
}
