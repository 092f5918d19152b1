/** Every privilege that some method of the schema, or a rule of ours, names. Pure. */
import { schemaPrivileges } from "../wire/index.ts";
import { allSpecPrivileges } from "./spec-privileges.ts";

const privilegesOfRules = [
  "Authorization.ModifyPermissions",
  "Global.CancelTask",
  "Datastore.Browse",
  "Datastore.DeleteFile",
  "Datastore.FileManagement",
  "Global.LogEvent",
  "Global.Settings",
  "Host.Config.AdvancedConfig",
  "Resource.AssignVMToPool",
  "Resource.DeletePool",
  "Resource.MovePool",
  "Resource.RenamePool",
];

let known: readonly string[] | undefined;

/** Sorted, each once. */
export function allPrivileges(): readonly string[] {
  known ??= [...new Set([...schemaPrivileges(), ...allSpecPrivileges, ...privilegesOfRules])].sort();
  return known;
}
