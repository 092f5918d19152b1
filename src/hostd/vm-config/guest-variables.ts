/** The `guestinfo.*` of a .vmx that the guest is told, and a sentence about those that it cannot be told. Pure. */
import { GUEST_VARIABLES_MAX, type GuestVariable, refuseGuestVariable } from "../../vmkernel/index.ts";
import { readVmx, type Vmx, vmxKeys } from "../../wire/index.ts";

const PREFIX = "guestinfo.";
/** Of those that are left out: enough to see what is wrong. */
const NAMED_MAX = 3;
const NAME_SHOWN_MAX = 80;

export interface ToldGuest {
  readonly guestVariables: readonly GuestVariable[];
  /** For people, at power-on: a guest is started without what it cannot be told. */
  readonly warning?: string;
}

export function guestVariablesOf(vmx: Vmx): ToldGuest {
  const guestVariables: GuestVariable[] = [];
  const problems: string[] = [];
  for (const name of vmxKeys(vmx).filter((key) => key.toLowerCase().startsWith(PREFIX))) {
    const variable = { key: name.slice(PREFIX.length), value: readVmx(vmx, name) ?? "" };
    const problem = refuseGuestVariable(variable) ?? (guestVariables.length < GUEST_VARIABLES_MAX ? undefined : TOO_MANY);
    if (problem === undefined) guestVariables.push(variable);
    else problems.push(`${name.slice(0, NAME_SHOWN_MAX)} ${problem}`);
  }
  if (problems.length === 0) return { guestVariables };
  const more = problems.length > NAMED_MAX ? `; and ${problems.length - NAMED_MAX} more` : "";
  return { guestVariables, warning: `The guest is not told all of its guestinfo: ${problems.slice(0, NAMED_MAX).join("; ")}${more}.` };
}

const TOO_MANY = `comes after ${GUEST_VARIABLES_MAX} others`;
