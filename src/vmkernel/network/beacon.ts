/**
 * Beacons: what each uplink of a team says on its network, so that the others hear whether it still leads there. Pure.
 * A link may be up and lead nowhere: the switch at its other end has lost its own. vim25 HostNicFailureCriteria.checkBeacon,
 * HostVirtualSwitchBeaconConfig. They are broadcast, so guests of VLAN 0 hear them too, and nobody without the key can make one.
 */
import { createHmac, timingSafeEqual } from "node:crypto";
import { macBytes } from "./mac.ts";

/** An EtherType that VMware has for it. */
export const BEACON_TYPE = 0x8922;
const HEADER_BYTES = 14;
const NAME_BYTES = 16; // of a link, with the zero byte that ends it
const SEQUENCE_BYTES = 8;
const PROOF_BYTES = 16;
const FRAME_BYTES_MIN = 60;

/** | ethernet:14 | name of the uplink:16 | sequence:u64 | HMAC-SHA-256 of both, cut:16 | */
export interface Beacon {
  readonly uplink: string;
  /** Grows: an old one that is sent again is none. */
  readonly sequence: bigint;
}

export function writeBeacon({ uplink, sequence }: Beacon, { mac, key }: { readonly mac: string; readonly key: Buffer }): Buffer {
  const body = Buffer.alloc(NAME_BYTES + SEQUENCE_BYTES);
  body.write(uplink);
  body.writeBigUInt64BE(sequence, NAME_BYTES);
  const type = Buffer.from([BEACON_TYPE >> 8, BEACON_TYPE & 0xff]);
  const frame = Buffer.concat([Buffer.alloc(6, 0xff), macBytes(mac), type, body, proofOf(body, key)]);
  return Buffer.concat([frame, Buffer.alloc(Math.max(0, FRAME_BYTES_MIN - frame.length))]);
}

/** @param frame from the wire (untrusted). @returns undefined for what is none of this key */
export function readBeacon(frame: Buffer, key: Buffer): Beacon | undefined {
  const end = HEADER_BYTES + NAME_BYTES + SEQUENCE_BYTES;
  if (frame.length < end + PROOF_BYTES || frame.readUInt16BE(12) !== BEACON_TYPE) return undefined;
  const body = frame.subarray(HEADER_BYTES, end);
  if (!timingSafeEqual(proofOf(body, key), frame.subarray(end, end + PROOF_BYTES))) return undefined;
  const name = body.subarray(0, NAME_BYTES);
  return { uplink: name.subarray(0, name.indexOf(0)).toString(), sequence: body.readBigUInt64BE(NAME_BYTES) };
}

function proofOf(body: Buffer, key: Buffer): Buffer {
  return createHmac("sha256", key).update(body).digest().subarray(0, PROOF_BYTES);
}

export interface Hearing {
  readonly from: string;
  readonly to: string;
}

/**
 * Uplinks that lead somewhere else than most: those outside the largest group of which each hears another. Where no group is the
 * largest nobody can say who is lost, so none is: of two that do not hear each other either may be.
 */
export function decideLost(uplinks: readonly string[], heard: readonly Hearing[]): ReadonlySet<string> {
  const groups = new Map(uplinks.map((uplink) => [uplink, new Set([uplink])]));
  for (const { from, to } of heard) {
    const [one, other] = [groups.get(from), groups.get(to)];
    if (one === undefined || other === undefined || one === other) continue;
    for (const uplink of other) groups.set(uplink, one.add(uplink));
  }
  const sizes = [...new Set(groups.values())].map(({ size }) => size).sort((a, b) => b - a);
  const [largest = 0, next = 0] = sizes;
  if (largest < 2 || largest === next) return new Set();
  return new Set(uplinks.filter((uplink) => groups.get(uplink)?.size !== largest));
}
