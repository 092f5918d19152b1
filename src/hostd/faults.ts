/** Anything thrown, as the fault that a client sees. Pure. */
import { Fault } from "../base/index.ts";
import { ConnectionLost } from "../vmkernel/index.ts";
import { fault } from "../wire/index.ts";

/**
 * The fault itself; HostCommunication where vmkernel is just being started anew; or for what else is not a fault (a bug, a system failure) a SystemError whose message tells what we were doing.
 * Its cause stays in the log: paths and addresses of the host are not for clients.
 */
export function faultOf(error: unknown): Fault {
  if (error instanceof Fault) return error;
  if (error instanceof ConnectionLost)
    return fault("HostCommunication", "A part of the host is being started anew: ask again in a moment.", {}, { cause: error });
  return fault("SystemError", "A general system error occurred: Internal error", { reason: "Internal error" }, { cause: error });
}
