/** A part of a file, for whoever reads a large one piece by piece while others go on writing it. */
import { constants } from "node:fs";
import { open } from "node:fs/promises";

export interface Chunk {
  readonly bytes: Uint8Array;
  /** Of the whole file, when it was read. */
  readonly sizeBytes: number;
}

/** @returns nothing of a file that is not there: a log that nobody has written to yet. @throws when it is a link, or cannot be read */
export async function readChunk(path: string, fromByte: number, bytesMax: number): Promise<Chunk> {
  let file: Awaited<ReturnType<typeof open>>;
  try {
    file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW);
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return { bytes: new Uint8Array(), sizeBytes: 0 };
    throw error;
  }
  try {
    const { size } = await file.stat();
    const buffer = Buffer.alloc(Math.max(0, Math.min(bytesMax, size - fromByte)));
    const { bytesRead } = buffer.length === 0 ? { bytesRead: 0 } : await file.read(buffer, 0, buffer.length, fromByte);
    return { bytes: buffer.subarray(0, bytesRead), sizeBytes: size };
  } finally {
    await file.close();
  }
}
