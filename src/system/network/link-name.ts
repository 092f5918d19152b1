/** Names of network links as the kernel takes them. Pure. Source: Linux net/core/dev.c dev_valid_name(), IFNAMSIZ of linux/if.h. */
import { SystemError } from "../../base/index.ts";

/** Without the zero byte that ends it in the kernel's 16. */
export const LINK_NAME_BYTES_MAX = 15;

/**
 * "%" is refused beside what the kernel refuses: with "tap%d" it chooses a number, and the link has another name than was asked for.
 * @throws {SystemError} naming what is wrong with the name
 */
export function checkLinkName(name: string): void {
  const refuse = (because: string): never => {
    throw new SystemError(`${JSON.stringify(name)} is no name for a network link: ${because}`);
  };
  if (name === "" || name === "." || name === "..") refuse("it says nothing");
  if (/[/:%\s\0]/.test(name)) refuse('"/", ":", "%", spaces and zero bytes are not allowed');
  if (Buffer.byteLength(name) > LINK_NAME_BYTES_MAX) refuse(`it has more than ${LINK_NAME_BYTES_MAX} bytes`);
}
