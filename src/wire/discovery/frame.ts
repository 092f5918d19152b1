/** What frames of discovery protocols have in common. Pure. */

const TAG_TYPE = 0x8100;
const TEXT_MAX = 255;

/** @returns what follows the addresses and at most one tag */
export function untagged(frame: Buffer): { readonly type: number; readonly rest: Buffer } | undefined {
  for (const at of [12, 16]) {
    if (frame.length < at + 2) return undefined;
    const type = frame.readUInt16BE(at);
    if (type !== TAG_TYPE) return { type, rest: frame.subarray(at + 2) };
  }
  return undefined;
}

/** Text of a stranger: clients and logs get no control characters of it. */
export function printable(bytes: Buffer): string {
  return bytes
    .subarray(0, TEXT_MAX)
    .toString("utf8")
    .replace(/[\p{Cc}\p{Cs}\ufffe\uffff]+/gu, " ")
    .trim();
}
