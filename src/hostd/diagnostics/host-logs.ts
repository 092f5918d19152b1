/** Reads the logs of the host: hostd's own from its folder, the others through vmkernel. */
import { join } from "node:path";
import { type Chunk, readChunk } from "../../system/index.ts";
import type { LogName } from "../../vmkernel/index.ts";
import type { Vmkernel } from "../vmkernel.ts";
import type { LogSource } from "./log-catalogue.ts";

/** Over the bound of every log of this host. */
const LOG_BYTES_MAX = 32 * 1024 * 1024;
const CHUNK_BYTES = 1024 * 1024;

export class HostLogs {
  readonly #folder: string;
  readonly #vmkernel: Pick<Vmkernel, "request">;

  constructor(folder: string, vmkernel: Pick<Vmkernel, "request">) {
    this.#folder = folder;
    this.#vmkernel = vmkernel;
  }

  /** The whole log, as long as it is now: reading what is written meanwhile would not end. "" where nobody has written to it. */
  async read(source: LogSource): Promise<string> {
    const first = await this.#readChunk(source, 0);
    const end = Math.min(first.sizeBytes, LOG_BYTES_MAX);
    const chunks = [first.bytes];
    for (let fromByte = first.bytes.length; fromByte < end; ) {
      const { bytes } = await this.#readChunk(source, fromByte);
      if (bytes.length === 0) break; // it was begun anew
      chunks.push(bytes);
      fromByte += bytes.length;
    }
    return Buffer.concat(chunks).toString("utf8");
  }

  #readChunk(source: LogSource, fromByte: number): Promise<Chunk> {
    if (source.kind === "own") return readChunk(join(this.#folder, source.file), fromByte, CHUNK_BYTES);
    return this.#readRoots(source.log, fromByte);
  }

  async #readRoots(log: LogName, fromByte: number): Promise<Chunk> {
    const { base64, sizeBytes } = await this.#vmkernel.request({ kind: "readLog", log, fromByte });
    return { bytes: Buffer.from(base64, "base64"), sizeBytes };
  }
}
