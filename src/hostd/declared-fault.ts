/**
 * A method answers only faults that its schema declares, for strict clients know no other of it. Pure.
 * Those of vim25's RuntimeFault may come from any method, and a fault that is declared stands for all that inherit from it. The error
 * of a task is no fault of its method: TaskInfo.error may be any fault, and keeps its name. Source: vim25 MethodFault, RuntimeFault.
 */
import { assertNever, type Fault } from "../base/index.ts";
import { fault, isSubtype } from "../wire/index.ts";

type StandIn = "AlreadyExists" | "NotFound" | "InvalidState" | "HostConfigFault" | "InvalidArgument" | "InvalidRequest" | "SystemError";

/** What stands in for a fault, by the first row that it is of: the first that may come. The last of a row always may. */
const standIns: readonly { readonly of: readonly string[]; readonly by: readonly StandIn[] }[] = [
  { of: ["DuplicateName", "AlreadyExists", "FileAlreadyExists"], by: ["AlreadyExists", "InvalidArgument"] },
  { of: ["NotFound", "UserNotFound", "KeyNotFound", "FileNotFound", "InvalidDatastore"], by: ["NotFound", "InvalidArgument"] },
  {
    // what cannot be done now and may be later
    of: ["InvalidState", "ResourceInUse", "TaskInProgress", "ConcurrentAccess", "FileLocked", "ToolsUnavailable", "AlreadyUpgraded"],
    by: ["InvalidState", "InvalidRequest"],
  },
  {
    // what the host has not or did not do, whatever the arguments
    of: ["HostConfigFault", "NoDiskSpace", "CannotAccessFile", "FileNotWritable", "InsufficientResourcesFault", "Timedout", "RemoveFailed"],
    by: ["HostConfigFault", "SystemError"],
  },
  { of: ["MethodFault"], by: ["InvalidArgument"] },
];

/**
 * @param declared the faults that the schema has for the method
 * @returns `thrown` itself when a client may get it, else the nearest that it may get, with the same message
 */
export function declaredFault(thrown: Fault, declared: readonly string[]): Fault {
  const mayCome = (type: string): boolean => ["RuntimeFault", ...declared].some((base) => isSubtype(type, base));
  if (mayCome(thrown.fault)) return thrown;
  const row = standIns.find(({ of }) => of.some((type) => isSubtype(thrown.fault, type)));
  return standIn(row?.by.find(mayCome) ?? "SystemError", thrown);
}

function standIn(type: StandIn, cause: Fault): Fault {
  const { message } = cause;
  const { name, argumentName, property } = cause.fields as Readonly<Record<string, string | undefined>>;
  switch (type) {
    case "AlreadyExists":
      return fault(type, message, { name }, { cause });
    case "InvalidArgument":
      return fault(type, message, { invalidProperty: argumentName ?? property }, { cause }); // of OutOfBounds, of InvalidVmConfig
    case "SystemError":
      return fault(type, message, { reason: message }, { cause });
    case "NotFound":
    case "InvalidState":
    case "HostConfigFault":
    case "InvalidRequest":
      return fault(type, message, {}, { cause });
    default:
      return assertNever(type);
  }
}
