/**
 * Audit records: one for every call and every refusal. Pure; writing them is the caller's.
 * The fields are those of an ESXi audit record, an RFC 5424 structured-data element `[<id>@6876 subject=… object=… result=…]`,
 * so that a syslog sender can frame them without knowing more. Source: ESXi's access control.
 */

export interface AuditRecord {
  /** UTC, milliseconds since 1970. */
  readonly timeMs: number;
  /** "api.call", "vim.connect", "vim.disconnect", "vim.access.denied", "vm.power.on" … */
  readonly id: string;
  /** Who: a user name, or "" before login. */
  readonly subject: string;
  /** On what: the managed object id and method, "1:VirtualMachine.PowerOnVM_Task". */
  readonly object: string;
  readonly result: "success" | "failure";
  /** Why it failed: the fault's name. */
  readonly reason?: string;
  /** The client's address. */
  readonly ip?: string;
  readonly opId?: string;
  readonly comment?: string;
}

/** Facility 13 (log audit), severity Info for a success and Notice for a failure: RFC 5424 §6.2.1. */
const FACILITY = 13;
const SEVERITY = { success: 6, failure: 5 } as const;
const VALUE_CHARACTERS_MAX = 1024; // a client chooses some of the values; one call can't fill the disk with a single record

/** One line of the audit file. Values that a client chose are cut and escaped by JSON: a record can't forge another. */
export function formatAuditRecord(record: AuditRecord): string {
  const { timeMs, id, result, ...rest } = record;
  const fields = Object.fromEntries(Object.entries(rest).map(([key, value]) => [key, String(value).slice(0, VALUE_CHARACTERS_MAX)]));
  return JSON.stringify({ time: new Date(timeMs).toISOString(), pri: FACILITY * 8 + SEVERITY[result], id, result, ...fields });
}
