/** Every privilege that some method of the schema, or a rule of ours, names. Pure. */
import { schemaPrivileges } from "../wire/index.ts";
import { allSpecPrivileges } from "./spec-privileges.ts";

let known: readonly string[] | undefined;

/** Sorted, each once. */
export function allPrivileges(): readonly string[] {
  known ??= [...new Set([...schemaPrivileges(), ...allSpecPrivileges, "Global.CancelTask"])].sort();
  return known;
}
