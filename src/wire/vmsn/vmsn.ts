/**
 * The .vmsn of a snapshot: here, the .vmx as it was when the snapshot was taken. In VMware's container of groups and tags, so that
 * its readers find the text where it is in theirs: group "Snapshot", tag "cfgFile". The guest's memory lies beside it. Pure.
 *
 *   | magic:32 | version:32 | groups:32 |  groups × | name:64 bytes | offset of its tags:64 | size:64 |
 *   tag: | flags:8 | name length:8 | name | size:64 | size:64 | padding:16 | data |      flags 0 ends the group
 *
 * Source: the layout that memory forensics tools read (little-endian).
 */
import { fault } from "../vim25/index.ts";

const MAGIC = 0xbed2bed2; // 64-bit sizes
const VERSION = 8;
const HEADER_BYTES = 12;
const GROUP_BYTES = 80;
const GROUP_NAME_BYTES = 64;
const GROUPS_MAX = 1024;
/** A tag whose size is written after its name, uncompressed. */
const LONG_DATA = 0x3e;
const LONG_DATA_COMPRESSED = 0x3f;
const GROUP = "Snapshot";
const TAG = "cfgFile";

export function formatVmsn(vmx: string): Buffer {
  const data = Buffer.from(vmx);
  const tag = Buffer.alloc(2 + TAG.length + 8 + 8 + 2);
  tag.writeUInt8(LONG_DATA, 0);
  tag.writeUInt8(TAG.length, 1);
  tag.write(TAG, 2, "latin1");
  tag.writeBigUInt64LE(BigInt(data.length), 2 + TAG.length);
  tag.writeBigUInt64LE(BigInt(data.length), 2 + TAG.length + 8);
  const tags = Buffer.concat([tag, data, Buffer.alloc(2)]);
  const header = Buffer.alloc(HEADER_BYTES + GROUP_BYTES);
  header.writeUInt32LE(MAGIC, 0);
  header.writeUInt32LE(VERSION, 4);
  header.writeUInt32LE(1, 8);
  header.write(GROUP, HEADER_BYTES, "latin1");
  header.writeBigUInt64LE(BigInt(header.length), HEADER_BYTES + GROUP_NAME_BYTES);
  header.writeBigUInt64LE(BigInt(tags.length), HEADER_BYTES + GROUP_NAME_BYTES + 8);
  return Buffer.concat([header, tags]);
}

/** @param bytes untrusted @returns the .vmx in it @throws {Fault} InvalidSnapshotFormat */
export function parseVmsn(bytes: Buffer, name: string): string {
  try {
    const text = findConfiguration(bytes);
    if (text !== undefined) return text;
  } catch (error) {
    // An offset that leads out of the file: a RangeError of Buffer's.
    throw fault("InvalidSnapshotFormat", `${name} is cut short.`, {}, { cause: error });
  }
  throw fault("InvalidSnapshotFormat", `${name} has no configuration of the virtual machine in it.`, {});
}

function findConfiguration(bytes: Buffer): string | undefined {
  if (bytes.readUInt32LE(0) !== MAGIC) return undefined;
  const groups = Math.min(GROUPS_MAX, bytes.readUInt32LE(8));
  for (let index = 0; index < groups; index++) {
    const at = HEADER_BYTES + index * GROUP_BYTES;
    const group = bytes.toString("latin1", at, at + GROUP_NAME_BYTES).replace(/\0.*$/s, "");
    if (group === GROUP) return findTag(bytes, Number(bytes.readBigUInt64LE(at + GROUP_NAME_BYTES)));
  }
  return undefined;
}

function findTag(bytes: Buffer, from: number): string | undefined {
  for (let at = from; bytes.readUInt8(at) !== 0; ) {
    const flags = bytes.readUInt8(at);
    const length = bytes.readUInt8(at + 1);
    const tag = bytes.toString("latin1", at + 2, at + 2 + length);
    const indices = (flags >> 6) & 3;
    const size = flags & 0x3f;
    let data = at + 2 + length + 4 * indices;
    let end = data + size;
    if (size === LONG_DATA || size === LONG_DATA_COMPRESSED) {
      const padding = bytes.readUInt16LE(data + 16);
      end = data + 18 + padding + Number(bytes.readBigUInt64LE(data));
      data += 18 + padding;
    }
    if (end > bytes.length) throw new RangeError("a tag ends after the file");
    if (tag === TAG && size !== LONG_DATA_COMPRESSED) return bytes.toString("utf8", data, end);
    at = end;
  }
  return undefined;
}
