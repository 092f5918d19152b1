/**
 * What a caller can act on: a fault with the name that vim25 gives it. A bug is an assertion instead. Pure.
 * Source: vim25 MethodFault and its subclasses.
 */

/** The fields of a fault beyond its message, as vim25 declares them for its type. */
export type FaultFields = Readonly<Record<string, unknown>>;

/** A fault by its vim25 name. Raise it with `fault()` of wire/vim25, which checks the fields against the schema's types. */
export class Fault extends Error {
  readonly fault: string;
  readonly fields: FaultFields;

  constructor(name: string, message: string, fields: FaultFields = {}, options?: ErrorOptions) {
    super(message, options);
    this.name = name;
    this.fault = name;
    this.fields = fields;
  }
}

/** A call to the system that failed for a reason the caller can't act on: what we were doing, with the values; `cause` says why. */
export class SystemError extends Error {
  override readonly name = "SystemError";
}

/** Says at compile time that every kind has been handled; at run time it is a bug to get here. */
export function assertNever(value: never): never {
  throw new Error(`not handled: ${JSON.stringify(value)}`);
}

/** States what must hold here; its failure is a bug of ours, never a fault of the caller's. */
export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new Error(`assertion failed: ${message}`);
}

/** The message of anything thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** The message of anything thrown and of what caused it: "opening x: no such file". For logs and the operator, not for clients. */
export function messageWithCauses(error: unknown): string {
  const cause = error instanceof Error ? error.cause : undefined;
  return cause === undefined ? messageOf(error) : `${messageOf(error)}: ${messageWithCauses(cause)}`;
}
