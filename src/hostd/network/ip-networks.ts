/** What is reckoned with addresses of IP: networks, masks, and the one way that each is written. Pure. */
import { isIPv4 } from "node:net";

const BYTE = 8;

/** RFC 5952 for IPv6. @param address without a zone */
export function canonical(address: string): string {
  return isIPv4(address) ? address : new URL(`http://[${address}]`).hostname.slice(1, -1);
}

/** "192.0.2.7" of 24 bits is in 192.0.2.0. */
export function networkOf(address: string, prefixLength: number): string {
  const masked = bytesOf(address).map((byte, at) => byte & byteOfMask(prefixLength, at));
  return isIPv4(address) ? masked.join(".") : canonical(groupsIn(masked).join(":"));
}

export function isInNetwork(address: string, network: { readonly address: string; readonly prefixLength: number }): boolean {
  const isSameFamily = isIPv4(address) === isIPv4(network.address);
  return isSameFamily && networkOf(address, network.prefixLength) === networkOf(network.address, network.prefixLength);
}

/** Of IPv4: 255.255.255.0 of 24 bits. */
export function maskOf(prefixLength: number): string {
  return [0, 1, 2, 3].map((at) => byteOfMask(prefixLength, at)).join(".");
}

/** @param mask as the host shows it, whose ones are together */
export function prefixOfMask(mask: string): number {
  return bytesOf(mask).reduce((bits, byte) => bits + byte.toString(2).replaceAll("0", "").length, 0);
}

/** "192.0.2.7" in 255.255.255.0 is broadcast to by 192.0.2.255. */
export function broadcastOf(address: string, mask: string): string {
  if (!isIPv4(address) || !isIPv4(mask)) return "0.0.0.0";
  const ones = bytesOf(mask);
  return bytesOf(address)
    .map((byte, at) => byte | (~(ones[at] ?? 0) & 0xff))
    .join(".");
}

function byteOfMask(prefixLength: number, at: number): number {
  const ones = Math.min(Math.max(prefixLength - at * BYTE, 0), BYTE);
  return (0xff00 >> ones) & 0xff;
}

function bytesOf(address: string): readonly number[] {
  if (isIPv4(address)) return address.split(".").map(Number);
  const [head = "", tail] = canonical(address).split("::");
  const [before, after] = [head, tail ?? ""].map((part) => part.split(":").filter((group) => group !== ""));
  const zeros = Array.from({ length: 8 - (before?.length ?? 0) - (after?.length ?? 0) }, () => "0");
  return [...(before ?? []), ...zeros, ...(after ?? [])].flatMap((group) => {
    const number = Number.parseInt(group, 16);
    return [number >> BYTE, number & 0xff];
  });
}

function groupsIn(bytes: readonly number[]): readonly string[] {
  return Array.from({ length: 8 }, (_, at) => (((bytes[2 * at] ?? 0) << BYTE) | (bytes[2 * at + 1] ?? 0)).toString(16));
}
