/** Faults of the vim25 schema, typed: a field that the fault does not have, or lacks, does not compile. Pure. */
import { Fault, type FaultFields } from "../../base/index.ts";
import type { Faults } from "./types.generated.ts";

type OwnFields<Name extends keyof Faults> = Omit<Faults[Name], "$type" | "faultCause" | "faultMessage">;

/**
 * @param name the fault's WSDL name, for example "InvalidPowerState"
 * @param message for people: what was asked, with the values
 */
export function fault<Name extends keyof Faults>(name: Name, message: string, fields: OwnFields<Name>, options?: ErrorOptions): Fault {
  return new Fault(name, message, fields as FaultFields, options);
}
