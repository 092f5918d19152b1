/** Enough of PNG to look at a picture of a screen. Source: W3C PNG §11. */
import { inflateSync } from "node:zlib";

const SIGNATURE = "89504e470d0a1a0a";

export interface Picture {
  readonly width: number;
  readonly height: number;
  /** Whether any byte of it is not zero, filters aside: a black picture has none. */
  readonly isLit: boolean;
}

export function readPng(bytes: Buffer): Picture {
  if (bytes.subarray(0, 8).toString("hex") !== SIGNATURE) throw new Error("no PNG");
  const data: Buffer[] = [];
  for (let at = 8; at < bytes.length; at += bytes.readUInt32BE(at) + 12) {
    if (bytes.toString("latin1", at + 4, at + 8) === "IDAT") data.push(bytes.subarray(at + 8, at + 8 + bytes.readUInt32BE(at)));
  }
  const [width, height] = [bytes.readUInt32BE(16), bytes.readUInt32BE(20)];
  const rows = inflateSync(Buffer.concat(data));
  const rowBytes = rows.length / height;
  return { width, height, isLit: rows.some((byte, at) => at % rowBytes !== 0 && byte !== 0) };
}
