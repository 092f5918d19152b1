/** Anything thrown, as the fault that a client sees. Pure. */
import { Fault } from "../base/index.ts";
import { fault } from "../wire/index.ts";

/**
 * The fault itself, or for what is not a fault (a bug, a system failure) a SystemError whose message tells what we were doing.
 * Its cause stays in the log: paths and addresses of the host are not for clients.
 */
export function faultOf(error: unknown): Fault {
  if (error instanceof Fault) return error;
  return fault("SystemError", "A general system error occurred: Internal error", { reason: "Internal error" }, { cause: error });
}
