/** What a switch tells of itself by LLDP. Pure. Source: IEEE 802.1AB-2016 §8, annexes D and F. */
import { printable, untagged } from "./frame.ts";

export interface LldpNeighbour {
  readonly chassisId: string;
  readonly portId: string;
  /** Seconds for which it is good; 0: it goes. */
  readonly timeToLive: number;
  readonly portDescription?: string;
  readonly systemName?: string;
  readonly systemDescription?: string;
  readonly managementAddress?: string;
  /** Of untagged frames. */
  readonly vlan?: number;
  readonly mtu?: number;
}

export const LLDP_TYPE = 0x88cc;
const TLV = { end: 0, chassisId: 1, portId: 2, timeToLive: 3, portDescription: 4, systemName: 5, systemDescription: 6, managementAddress: 8, organization: 127 } as const; // biome-ignore format: a row
const TLVS_MAX = 256; // a frame has no room for more that say anything
/** Subtypes of ids that are MAC addresses, and of those that are addresses of a network. */
const CHASSIS = { mac: 4, network: 5 } as const;
const PORT = { mac: 3, network: 4 } as const;
const IPV4_FAMILY = 1;

/** @param frame whole, from the wire (untrusted). @returns undefined for what is none, or says less than it must */
export function parseLldp(frame: Buffer): LldpNeighbour | undefined {
  const payload = untagged(frame);
  if (payload === undefined || payload.type !== LLDP_TYPE) return undefined;
  const found: { -readonly [Field in keyof LldpNeighbour]?: LldpNeighbour[Field] } = {};
  let rest = payload.rest;
  for (let count = 0; count < TLVS_MAX && rest.length >= 2; count++) {
    const head = rest.readUInt16BE();
    const [type, length] = [head >> 9, head & 0x1ff];
    const value = rest.subarray(2, 2 + length);
    if (type === TLV.end || value.length < length) break;
    Object.assign(found, read(type, value));
    rest = rest.subarray(2 + length);
  }
  const { chassisId, portId, timeToLive } = found;
  return chassisId === undefined || portId === undefined || timeToLive === undefined
    ? undefined
    : { ...found, chassisId, portId, timeToLive };
}

function read(type: number, value: Buffer): Partial<LldpNeighbour> {
  switch (type) {
    case TLV.chassisId:
      return value.length < 2 ? {} : { chassisId: idOf(value, CHASSIS) };
    case TLV.portId:
      return value.length < 2 ? {} : { portId: idOf(value, PORT) };
    case TLV.timeToLive:
      return value.length < 2 ? {} : { timeToLive: value.readUInt16BE() };
    case TLV.portDescription:
      return { portDescription: printable(value) };
    case TLV.systemName:
      return { systemName: printable(value) };
    case TLV.systemDescription:
      return { systemDescription: printable(value) };
    case TLV.managementAddress:
      return value.length >= 6 && value[0] === 5 && value[1] === IPV4_FAMILY ? { managementAddress: value.subarray(2, 6).join(".") } : {};
    case TLV.organization:
      return readOrganization(value);
    default:
      return {};
  }
}

function idOf(value: Buffer, { mac, network }: { readonly mac: number; readonly network: number }): string {
  const [subtype, family] = value;
  const id = value.subarray(1);
  if (subtype === mac && id.length === 6) return [...id].map((byte) => byte.toString(16).padStart(2, "0")).join(":");
  if (subtype === network && family === IPV4_FAMILY && id.length === 5) return id.subarray(1).join(".");
  return printable(id);
}

/** | organization:3 | subtype:1 | … |: the port's VLAN (00-80-C2 1), the longest frame that it takes (00-12-0F 4). */
function readOrganization(value: Buffer): Partial<LldpNeighbour> {
  if (value.length < 6) return {};
  const [kind, number] = [value.readUInt32BE(), value.readUInt16BE(4)];
  if (kind === 0x0080_c201) return { vlan: number };
  return kind === 0x0012_0f04 ? { mtu: number } : {};
}
