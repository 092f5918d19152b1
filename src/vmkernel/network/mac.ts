/** MAC addresses as the switch compares them. Pure. Source: IEEE 802-2014 §8. */
import { assert } from "../../base/index.ts";

const FORM = /^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/;
const BYTES = 6;

/** Lower case, colon-separated. */
export function isMac(text: string): boolean {
  return FORM.test(text);
}

export function macBytes(mac: string): Buffer {
  assert(isMac(mac), `${mac} is a MAC address`);
  return Buffer.from(mac.replaceAll(":", ""), "hex");
}

/** Whether it is of a group (multicast, broadcast): then it is nobody's own. */
export function isGroupMac(mac: string): boolean {
  return (macBytes(mac).readUInt8(0) & 1) === 1;
}

/**
 * The address as a little-endian machine loads it from a frame: its first byte is the lowest. 48 bits; bit 0 is the group bit.
 */
export function macWord(mac: string): bigint {
  return BigInt(macBytes(mac).readUIntLE(0, BYTES));
}
