/** IP addresses as bytes. Pure. Source: RFC 4291 §2.2. */
import { isIP } from "node:net";
import { assert } from "../../../../base/index.ts";

/** @returns 4 bytes or 16 */
export function addressBytes(text: string): Buffer {
  const version = isIP(text);
  assert(version !== 0, `${text} is an IP address`);
  return version === 4 ? Buffer.from(text.split(".").map(Number)) : ipv6Bytes(text);
}

function ipv6Bytes(text: string): Buffer {
  const [head = "", tail] = text.split("::");
  const [before, after] = [groupBytes(head), groupBytes(tail ?? "")];
  return Buffer.concat([before, Buffer.alloc(16 - before.length - after.length), after]);
}

/** The last group may be an IPv4 address. */
function groupBytes(text: string): Buffer {
  const groups = text === "" ? [] : text.split(":");
  return Buffer.concat(groups.map((group) => (group.includes(".") ? addressBytes(group) : Buffer.from(group.padStart(4, "0"), "hex"))));
}

export interface MaskedWord {
  /** In bytes, from the address's first one. */
  readonly at: number;
  /** As a little-endian machine loads them. */
  readonly mask: number;
  readonly value: number;
}

/** What words of 32 bits must be, for an address to be in the network. */
export function networkWords(address: string, prefixLength: number): readonly MaskedWord[] {
  const bytes = addressBytes(address);
  const words: MaskedWord[] = [];
  for (let at = 0; at < bytes.length && at * 8 < prefixLength; at += 4) {
    const mask = Buffer.alloc(4);
    const bits = Math.min(32, prefixLength - at * 8);
    mask.writeUInt32BE((0xffff_ffff << (32 - bits)) >>> 0);
    const word = mask.readUInt32LE();
    words.push({ at, mask: word, value: (bytes.readUInt32LE(at) & word) >>> 0 });
  }
  return words;
}
