/** IP networks as people write them, in one form. Pure. Source: RFC 4291 §2.2 and §2.5.5.2, RFC 5952. */
import { isIP } from "node:net";

/** All addresses that begin with the same bits; a single address when it is all of them. */
export interface IpNetwork {
  readonly version: 4 | 6;
  /** Its first address. */
  readonly first: bigint;
  /** 0–32, or 0–128. */
  readonly prefixLength: number;
}

export const addressBits = { 4: 32, 6: 128 } as const;

/**
 * Reads an address, or a network in its two parts (untrusted). An IPv4 address that is written as an IPv6 one is an IPv4 address: that
 * is how packets of it are seen. Bits beyond the prefix are cleared.
 * @param prefixLength all bits when it is left out
 * @returns undefined for what is none; an address with a zone ("fe80::1%eth0") is none here
 */
export function parseIpNetwork(address: string, prefixLength?: number): IpNetwork | undefined {
  const written = isIP(address);
  if (written === 0 || address.includes("%")) return undefined;
  const value = written === 4 ? ipv4Value(address) : ipv6Value(address);
  const bits = prefixLength ?? (written === 4 ? 32 : 128);
  if (!Number.isInteger(bits) || bits < 0 || bits > (written === 4 ? 32 : 128)) return undefined;
  const isMapped = written === 6 && value >> 32n === 0xffffn && bits >= 96;
  if (isMapped) return network(4, value & 0xffff_ffffn, bits - 96);
  return network(written === 4 ? 4 : 6, value, bits);
}

/** Reads what {@link formatIpNetwork} writes: "192.0.2.7", "10.0.0.0/8" (untrusted). @returns undefined for what is none */
export function parseCidr(text: string): IpNetwork | undefined {
  const [address = "", length, ...more] = text.split("/");
  if (more.length > 0 || (length !== undefined && !/^[0-9]{1,3}$/.test(length))) return undefined;
  return parseIpNetwork(address, length === undefined ? undefined : Number(length));
}

function network(version: 4 | 6, value: bigint, prefixLength: number): IpNetwork {
  const below = BigInt(addressBits[version] - prefixLength);
  return { version, first: (value >> below) << below, prefixLength };
}

/** Whether every address of `inner` is in `outer`. */
export function contains(outer: IpNetwork, inner: IpNetwork): boolean {
  if (outer.version !== inner.version || outer.prefixLength > inner.prefixLength) return false;
  const below = BigInt(addressBits[outer.version] - outer.prefixLength);
  return outer.first >> below === inner.first >> below;
}

/** "192.0.2.7", "10.0.0.0/8", "2001:db8:0:0:0:0:0:1". */
export function formatIpNetwork({ version, first, prefixLength }: IpNetwork): string {
  const groups = version === 4 ? { count: 4, bits: 8n, base: 10, mark: "." } : { count: 8, bits: 16n, base: 16, mark: ":" };
  const mask = (1n << groups.bits) - 1n;
  const parts = Array.from({ length: groups.count }, (_, index) => {
    const shift = BigInt(groups.count - 1 - index) * groups.bits;
    return ((first >> shift) & mask).toString(groups.base);
  });
  const address = parts.join(groups.mark);
  return prefixLength === addressBits[version] ? address : `${address}/${prefixLength}`;
}

function ipv4Value(text: string): bigint {
  return text.split(".").reduce((value, part) => (value << 8n) | BigInt(part), 0n);
}

function ipv6Value(text: string): bigint {
  const dotted = /^(.*:)(\d+\.\d+\.\d+\.\d+)$/.exec(text);
  if (dotted !== null) {
    const low = ipv4Value(dotted[2] ?? "");
    return ipv6Value(`${dotted[1]}${(low >> 16n).toString(16)}:${(low & 0xffffn).toString(16)}`);
  }
  const [head = "", tail] = text.split("::");
  const groups = (part: string) => part.split(":").filter((group) => group !== "");
  const [before, after] = [groups(head), groups(tail ?? "")];
  const middle = new Array<string>(8 - before.length - after.length).fill("0");
  return [...before, ...middle, ...after].reduce((value, group) => (value << 16n) | BigInt(`0x${group}`), 0n);
}
