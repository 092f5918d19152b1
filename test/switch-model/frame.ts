/**
 * An Ethernet frame as the model of a switch reads it: addresses, the outermost tag, and everything behind it. Pure.
 * Source: IEEE 802.3 §3.2, IEEE 802.1Q §9.
 */

export const ETHERNET_HEADER_BYTES = 14;
/** A frame that says it is tagged holds its tag, the EtherType behind it, and two bytes more: the kernel's reader asks for as many. */
export const TAGGED_HEADER_BYTES = 20;

const CUSTOMER_TAG = 0x8100;
const SERVICE_TAG = 0x88a8;
/** From here on the field behind the addresses is an EtherType, below it a length. */
export const ETHERTYPE_MIN = 0x0600;
export const VLAN_MAX = 4094;
const VLAN_MASK = 0xfff;

export interface EthernetFrame {
  /** Twelve hexadecimal digits. */
  readonly destination: string;
  readonly source: string;
  readonly isGroup: boolean;
  readonly tag?: VlanTag;
  /** EtherType, or 802.3 length, behind the outermost tag. */
  readonly type: number;
  /** From the EtherType behind the outermost tag on. */
  readonly rest: Buffer;
}

export interface VlanTag {
  readonly protocol: number;
  /** Priority, drop eligibility and VLAN. */
  readonly control: number;
  readonly vlan: number;
}

/** @returns undefined for a frame that is cut short inside its header */
export function readFrame(bytes: Buffer): EthernetFrame | undefined {
  if (bytes.length < ETHERNET_HEADER_BYTES) return undefined;
  const addresses = {
    destination: bytes.toString("hex", 0, 6),
    source: bytes.toString("hex", 6, 12),
    isGroup: (bytes.readUInt8(0) & 1) === 1,
  };
  const type = bytes.readUInt16BE(12);
  if (!isTag(type)) return { ...addresses, type, rest: bytes.subarray(12) };
  if (bytes.length < TAGGED_HEADER_BYTES) return undefined;
  const control = bytes.readUInt16BE(14);
  const tag = { protocol: type, control, vlan: control & VLAN_MASK };
  return { ...addresses, tag, type: bytes.readUInt16BE(16), rest: bytes.subarray(16) };
}

/** The same frame with another tag, or none. */
export function writeFrame(frame: EthernetFrame, control: number | undefined): Buffer {
  const addresses = Buffer.from(frame.destination + frame.source, "hex");
  if (control === undefined) return Buffer.concat([addresses, frame.rest]);
  const tag = Buffer.alloc(4);
  tag.writeUInt16BE(CUSTOMER_TAG, 0);
  tag.writeUInt16BE(control, 2);
  return Buffer.concat([addresses, tag, frame.rest]);
}

export function isCustomerTag(type: number): boolean {
  return type === CUSTOMER_TAG;
}

/** Whether a frame with this EtherType has a tag at its head, a customer's or a service provider's. */
export function isTag(type: number): boolean {
  return type === CUSTOMER_TAG || type === SERVICE_TAG;
}
