/**
 * After vmkernel was killed, at any moment: what becomes of a monitor that it finds. Pure; carried out by `../monitors.ts`.
 * A guest that ran goes on running; a monitor whose guest never ran is ended, for nobody was told that it started.
 */
import { assertNever, type DatastorePath } from "../../base/index.ts";
import type { MonitorPhase, MonitorRecord } from "./monitor-record.ts";

export interface FoundMonitor {
  /** Undefined when there is no record, or none that can be read. */
  readonly record: MonitorRecord | undefined;
  readonly hasProcesses: boolean;
  /** query-status, or undefined when the monitor does not answer. */
  readonly status: string | undefined;
}

export type Adoption =
  /** `resumeGuest`: it stood still because it was being suspended; that is called off. */
  | { readonly kind: "adopt"; readonly record: MonitorRecord; readonly resumeGuest: boolean; readonly remove: DatastorePath | undefined }
  /** Processes end, the run-time folder goes. */
  | { readonly kind: "end"; readonly because: string; readonly remove: DatastorePath | undefined }
  /** Only the run-time folder is left, and goes. */
  | { readonly kind: "forget"; readonly remove: DatastorePath | undefined };

/** The guest has not run yet in these: QEMU's RunState. */
const NEVER_RAN = ["prelaunch", "inmigrate", "preconfig"];

/** A guest that waits for room on a disk has another. */
const STOPPED_BY_US = ["paused", "postmigrate", "finish-migrate"];

export function planAdoption({ record, hasProcesses, status }: FoundMonitor): Adoption {
  // What a suspend had written by then is worthless, unless it was whole.
  const remove = record?.phase.kind === "suspending" ? record.phase.to : undefined;
  if (!hasProcesses) return { kind: "forget", remove };
  if (record === undefined) return { kind: "end", because: "nothing says which machine it is", remove };
  if (status === undefined) return { kind: "end", because: "it does not answer", remove };
  if (NEVER_RAN.includes(status)) return { kind: "end", because: "its start was interrupted", remove };
  return planRunning(record, record.phase, status);
}

function planRunning(record: MonitorRecord, phase: MonitorPhase, status: string): Adoption {
  switch (phase.kind) {
    case "starting":
      // "paused" is a resume that had read its memory and not yet gone on: the file that it came from is still there.
      if (status === "paused") return { kind: "end", because: "its resume was interrupted", remove: undefined };
      return { kind: "adopt", record, resumeGuest: false, remove: undefined };
    case "running":
    case "committing": // it goes on when its disk has the right name
      return { kind: "adopt", record, resumeGuest: false, remove: undefined };
    case "changing": // which machine it is by now is asked of itself
      return { kind: "adopt", record, resumeGuest: STOPPED_BY_US.includes(status), remove: undefined };
    case "suspending":
    case "suspended":
      // Its client was not told of success, and the monitor is there: the guest goes on, and the file must not be resumed from.
      return { kind: "adopt", record, resumeGuest: status !== "running", remove: phase.to };
    default:
      return assertNever(phase);
  }
}
