/** Names of inventory entities. Pure. Source: the vSphere Web Services API; vim25 InvalidName. */
import { fault } from "../wire/index.ts";

const NAME_CHARACTERS_MAX = 80; // vim25 ManagedEntity.name

/**
 * A name that a client gave (untrusted), as it is stored: with "/", "\" and "%" escaped.
 * @throws {InvalidName} empty, too long, or with a control character
 * @throws {InvalidArgument} when it is missing
 */
export function parseEntityName(name: string | undefined, argument: string): string {
  if (name === undefined)
    throw fault("InvalidArgument", `A specified parameter was not correct: ${argument}`, { invalidProperty: argument });
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is refused
  if (name.trim() === "" || name.length > NAME_CHARACTERS_MAX || /[\u0000-\u001f\u007f]/.test(name)) {
    throw fault("InvalidName", `The name '${name.slice(0, NAME_CHARACTERS_MAX)}' is invalid.`, {
      name: name.slice(0, NAME_CHARACTERS_MAX),
    });
  }
  return escapeEntityName(name);
}

/** As ManagedEntity.name has it. */
export function escapeEntityName(name: string): string {
  return name
    .replace(/%(?!2f|5c|25)/gi, "%25")
    .replace(/\//g, "%2f")
    .replace(/\\/g, "%5c");
}
