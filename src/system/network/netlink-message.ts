/**
 * Messages of netlink sockets: what travels between us and the kernel's network configuration. Pure.
 * Source: netlink(7), Linux include/uapi/linux/netlink.h.
 */
import { SystemError } from "../../base/index.ts";

/** struct nlmsghdr: | length:u32 | type:u16 | flags:u16 | sequence:u32 | port:u32 |, then the body, padded to 4 bytes. */
const MESSAGE_HEADER_BYTES = 16;
/** struct nlattr: | length:u16 | type:u16 |, then the value, padded to 4 bytes. The length is without the padding. */
const ATTRIBUTE_HEADER_BYTES = 4;
/** In an attribute's type: it holds attributes itself. */
const NLA_F_NESTED = 0x8000;
const NLA_TYPE_MASK = 0x3fff;

export const NLMSG_ERROR = 2;
export const NLMSG_DONE = 3;

export const NLM_F_REQUEST = 0x1;
export const NLM_F_ACK = 0x4;
/** What is told to those who listen is told to who asks, too: for a queue the only way to be answered. */
export const NLM_F_ECHO = 0x8;
/** In an answer: something was changed while the kernel was listing, so something may be missing. */
export const NLM_F_DUMP_INTR = 0x10;
export const NLM_F_DUMP = 0x300;
export const NLM_F_REPLACE = 0x100;
export const NLM_F_EXCL = 0x200;
export const NLM_F_CREATE = 0x400;
/** In an answer of type NLMSG_ERROR: of the request only its header is repeated; attributes follow that. */
const NLM_F_CAPPED = 0x100;
const NLM_F_ACK_TLVS = 0x200;
const NLMSGERR_ATTR_MSG = 1;

export interface NetlinkMessage {
  readonly type: number;
  readonly flags: number;
  readonly sequence: number;
  readonly body: Buffer;
}

export function encodeMessage({ type, flags, sequence, body }: NetlinkMessage): Buffer {
  const header = Buffer.alloc(MESSAGE_HEADER_BYTES);
  header.writeUInt32LE(MESSAGE_HEADER_BYTES + body.length, 0);
  header.writeUInt16LE(type, 4);
  header.writeUInt16LE(flags, 6);
  header.writeUInt32LE(sequence, 8);
  return Buffer.concat([header, body]);
}

/**
 * @param bytes as one call of recv(2) gave them: any number of whole messages
 * @throws {SystemError} when one is cut short
 */
export function decodeMessages(bytes: Buffer): NetlinkMessage[] {
  const messages: NetlinkMessage[] = [];
  for (let at = 0; at < bytes.length; ) {
    const length = bytes.length - at < MESSAGE_HEADER_BYTES ? 0 : bytes.readUInt32LE(at);
    if (length < MESSAGE_HEADER_BYTES || length > bytes.length - at) throw new SystemError("a netlink message is cut short");
    messages.push({
      type: bytes.readUInt16LE(at + 4),
      flags: bytes.readUInt16LE(at + 6),
      sequence: bytes.readUInt32LE(at + 8),
      body: bytes.subarray(at + MESSAGE_HEADER_BYTES, at + length),
    });
    at += padded(length);
  }
  return messages;
}

/** @param value a number is a u32, a text is ended by a zero byte */
export function attribute(type: number, value: Buffer | number | string): Buffer {
  const bytes = bytesOf(value);
  const whole = Buffer.alloc(padded(ATTRIBUTE_HEADER_BYTES + bytes.length));
  whole.writeUInt16LE(ATTRIBUTE_HEADER_BYTES + bytes.length, 0);
  whole.writeUInt16LE(type, 2);
  bytes.copy(whole, ATTRIBUTE_HEADER_BYTES);
  return whole;
}

export function nestedAttribute(type: number, attributes: readonly Buffer[]): Buffer {
  return attribute(type | NLA_F_NESTED, Buffer.concat(attributes));
}

function bytesOf(value: Buffer | number | string): Buffer {
  if (typeof value === "string") return Buffer.from(`${value}\0`);
  if (typeof value !== "number") return value;
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

/** @throws {SystemError} when one is cut short */
export function decodeAttributes(bytes: Buffer): Map<number, Buffer> {
  const attributes = new Map<number, Buffer>();
  for (let at = 0; at < bytes.length; ) {
    const length = bytes.length - at < ATTRIBUTE_HEADER_BYTES ? 0 : bytes.readUInt16LE(at);
    if (length < ATTRIBUTE_HEADER_BYTES || length > bytes.length - at) throw new SystemError("a netlink attribute is cut short");
    attributes.set(bytes.readUInt16LE(at + 2) & NLA_TYPE_MASK, bytes.subarray(at + ATTRIBUTE_HEADER_BYTES, at + length));
    at += padded(length);
  }
  return attributes;
}

/** A text attribute, without the zero byte that ends it. */
export function attributeText(value: Buffer): string {
  const end = value.indexOf(0);
  return value.toString("utf8", 0, end < 0 ? value.length : end);
}

/** What the kernel says of a request. */
export interface Acknowledgement {
  /** 0 when it did what was asked. */
  readonly errno: number;
  /** In its own words, where it has any. */
  readonly reason: string | undefined;
}

/** @param message of type NLMSG_ERROR or NLMSG_DONE: | error:i32, negative | the request | attributes | */
export function decodeAcknowledgement({ type, flags, body }: NetlinkMessage): Acknowledgement {
  const errno = body.length < 4 ? 0 : Math.abs(body.readInt32LE(0));
  if ((flags & NLM_F_ACK_TLVS) === 0) return { errno, reason: undefined };
  const requestBytes = type === NLMSG_DONE ? 0 : (flags & NLM_F_CAPPED) !== 0 ? MESSAGE_HEADER_BYTES : padded(body.readUInt32LE(4));
  const reason = decodeAttributes(body.subarray(4 + requestBytes)).get(NLMSGERR_ATTR_MSG);
  return { errno, reason: reason === undefined ? undefined : attributeText(reason) };
}

function padded(bytes: number): number {
  return (bytes + 3) & ~3;
}
