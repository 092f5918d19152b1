/** The logs that this host writes and a client may read, as DiagnosticManager lists them. Pure. */
import type { VmId } from "../../base/index.ts";
import type { LogName } from "../../vmkernel/index.ts";
import type { DiagnosticManagerLogDescriptor } from "../../wire/index.ts";

/** Where a log is: hostd's own files, or one of those that vmkernel reads for it. */
export type LogSource = { readonly kind: "own"; readonly file: string } | { readonly kind: "vmkernel"; readonly log: LogName };

export interface LogEntry {
  readonly descriptor: DiagnosticManagerLogDescriptor;
  readonly source: LogSource;
  /** Which of its lines; all of them where there is no filter. */
  readonly only?: RegExp;
}

export const HOSTD_LOG = "hostd.log";
export const AUDIT_LOG = "audit.log";
const HOST_LOG = { kind: "vmkernel", log: { name: "host", age: 0 } } as const satisfies LogSource;

/** @param running those that have a monitor, with their names */
export function logCatalogue(running: readonly { readonly id: VmId; readonly name: string }[]): readonly LogEntry[] {
  return [
    entry("hostd", HOSTD_LOG, "Host agent", "Events, and failures that are bugs", { kind: "own", file: HOSTD_LOG }),
    { ...entry("vmkernel", "host.log", "vmkernel", "Monitors that start, end and are adopted", HOST_LOG), only: /^\S+ vmkernel: / },
    entry("host", "host.log", "Host", "What the supervisor, vmkernel and hostd say as processes", HOST_LOG),
    entry("audit", AUDIT_LOG, "Audit records", "Who asked what of which object, and how it ended", { kind: "own", file: AUDIT_LOG }),
    ...running.flatMap(({ id, name }) => [
      entry(`vm-${id}`, "vmware.log", `Log of ${name}`, `What was done to VM ${id} since it was powered on, and what its monitor told`, {
        kind: "vmkernel",
        log: { name: "vm", vm: id },
      }),
      entry(`monitor-${id}`, "qemu.log", `Monitor of ${name}`, `What the monitor of VM ${id} complains of`, {
        kind: "vmkernel",
        log: { name: "monitor", vm: id },
      }),
    ]),
  ];
}

function entry(key: string, fileName: string, label: string, summary: string, source: LogSource): LogEntry {
  return { descriptor: { key, fileName, creator: "bulkhead", format: "plain", mimeType: "text/plain", info: { label, summary } }, source };
}
