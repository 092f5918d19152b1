/** What a switch tells of itself by CDP. Pure. Source: Cisco, "Cisco Discovery Protocol", as Wireshark and tcpdump read it too. */
import { printable, untagged } from "./frame.ts";

export interface CdpNeighbour {
  readonly version: number;
  /** Seconds for which it is good. */
  readonly timeToLive: number;
  readonly deviceId: string;
  readonly address?: string;
  readonly portId?: string;
  readonly capabilities?: number;
  readonly softwareVersion?: string;
  readonly platform?: string;
  readonly vlan?: number;
  readonly isFullDuplex?: boolean;
  readonly mtu?: number;
  readonly systemName?: string;
  readonly managementAddress?: string;
  readonly location?: string;
}

/** 01:00:0c:cc:cc:cc */
export const CDP_ADDRESS = Buffer.from("01000ccccccc", "hex");
/** LLC and SNAP: what is no type is a length, and this is what follows. */
const CDP_HEADER = Buffer.from("aaaa0300000c2000", "hex");
const TLV = { deviceId: 1, addresses: 2, portId: 3, capabilities: 4, software: 5, platform: 6, vlan: 10, duplex: 11, mtu: 17, systemName: 20, management: 22, location: 23 } as const; // biome-ignore format: a row
const TLVS_MAX = 256;
const ETHERTYPES = 0x600;

/** @param frame whole, from the wire (untrusted). @returns undefined for what is none, or does not say whose it is */
export function parseCdp(frame: Buffer): CdpNeighbour | undefined {
  const payload = untagged(frame);
  if (payload === undefined || payload.type >= ETHERTYPES || !frame.subarray(0, 6).equals(CDP_ADDRESS)) return undefined;
  const { rest } = payload;
  if (rest.length < CDP_HEADER.length + 4 || !rest.subarray(0, CDP_HEADER.length).equals(CDP_HEADER)) return undefined;
  const packet = rest.subarray(CDP_HEADER.length, payload.type);
  if (packet.length < 4) return undefined;
  const found: { -readonly [Field in keyof CdpNeighbour]?: CdpNeighbour[Field] } = {};
  let tlvs = packet.subarray(4); // past version, time to live and checksum
  for (let count = 0; count < TLVS_MAX && tlvs.length >= 4; count++) {
    const [type, length] = [tlvs.readUInt16BE(), tlvs.readUInt16BE(2)];
    if (length < 4 || length > tlvs.length) break;
    Object.assign(found, read(type, tlvs.subarray(4, length)));
    tlvs = tlvs.subarray(length);
  }
  const { deviceId } = found;
  return deviceId === undefined ? undefined : { ...found, version: packet.readUInt8(0), timeToLive: packet.readUInt8(1), deviceId };
}

function read(type: number, value: Buffer): Partial<CdpNeighbour> {
  switch (type) {
    case TLV.deviceId:
      return { deviceId: printable(value) };
    case TLV.portId:
      return { portId: printable(value) };
    case TLV.software:
      return { softwareVersion: printable(value) };
    case TLV.platform:
      return { platform: printable(value) };
    case TLV.systemName:
      return { systemName: printable(value) };
    case TLV.location:
      return { location: printable(value.subarray(1)) };
    case TLV.addresses:
      return optional("address", ipv4Of(value));
    case TLV.management:
      return optional("managementAddress", ipv4Of(value));
    case TLV.capabilities:
      return value.length < 4 ? {} : { capabilities: value.readUInt32BE() };
    case TLV.mtu:
      return value.length < 4 ? {} : { mtu: value.readUInt32BE() };
    case TLV.vlan:
      return value.length < 2 ? {} : { vlan: value.readUInt16BE() };
    case TLV.duplex:
      return value.length < 1 ? {} : { isFullDuplex: value[0] === 1 };
    default:
      return {};
  }
}

function optional<Name extends string>(name: Name, value: string | undefined): { readonly [N in Name]?: string } {
  return value === undefined ? {} : ({ [name]: value } as { readonly [N in Name]: string });
}

/** | count:u32 | protocol type:1 | its length:1 | 0xcc: IPv4 | length:u16 | address |: the first, where it is that. */
function ipv4Of(value: Buffer): string | undefined {
  const isIpv4 = value.length >= 13 && value.readUInt32BE() > 0 && value.subarray(4, 9).equals(Buffer.from("0101cc0004", "hex"));
  return isIpv4 ? value.subarray(9, 13).join(".") : undefined;
}
