/** Text that several guests keep in their memory, equal byte for byte, for tests of the pages that they share. */
import { createHash } from "node:crypto";

export const TEXT_BYTES = 16 * 2 ** 20;
const FILE = "/same"; // the tiny guest's root is memory

/** For a guest: writes a line over and over to where the text is, in place. */
export function writeText(line: string): string {
  return `[ -e ${FILE} ] || : > ${FILE}; yes '${line}' | head -c ${TEXT_BYTES} | dd of=${FILE} bs=64k conv=notrunc 2>/dev/null; ${SUM_TEXT}`;
}

/** For a guest: says what the text is. */
export const SUM_TEXT = `md5sum ${FILE}`;

/** What it says when every byte is as it was written. */
export function sumOf(line: string): string {
  return `${createHash("md5")
    .update(Buffer.alloc(TEXT_BYTES, `${line}\n`))
    .digest("hex")}  ${FILE}\n`;
}
