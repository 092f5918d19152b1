/** Which datastores a machine has files on. Pure. */
import type { MachineSpec } from "./machine.ts";

/** Whatever in the machine is a datastore path: its home, its disks, images and logs, its variables and its memory. */
export function usesDatastore(machine: MachineSpec, name: string): boolean {
  return namesDatastore(machine, name);
}

function namesDatastore(value: unknown, name: string): boolean {
  if (typeof value !== "object" || value === null) return false;
  if ("datastore" in value && "path" in value && value.datastore === name) return true;
  return Object.values(value).some((part) => namesDatastore(part, name));
}
