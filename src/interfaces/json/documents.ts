/**
 * The documents that describe the API to those who write clients: the WSDL, the OpenAPI document of each release, and the list of
 * what this host performs. Anybody may read them: they tell nothing of the host but what it can do.
 * Each is made when it is first asked for (a third of a second) and kept compressed (about 200 kB), one for each version at most.
 */
import type { ServerResponse } from "node:http";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGunzip, gzipSync } from "node:zlib";
import type { PerformedType } from "../../hostd/index.ts";
import { JSON_API_ROOT, readRelease } from "../../wire/index.ts";
import { writeWsdl } from "../sdk/wsdl.ts";
import { describeOpenApi } from "./openapi.ts";

export interface Document {
  readonly type: string;
  readonly gzip: Buffer;
}

const OPENAPI = "/openapi.json";
const SLICE_BYTES = 16 * 1024;

export class Documents {
  readonly #performed: readonly PerformedType[];
  readonly #made = new Map<string, Document>();

  constructor(performed: readonly PerformedType[]) {
    this.#performed = performed;
  }

  /** @param path of the URL, untrusted. @returns undefined when it is no document's */
  find(path: string): Document | undefined {
    switch (path) {
      case "/sdk/vimService.wsdl":
        return this.#document(path, "text/xml; charset=utf-8", writeWsdl);
      case "/about":
        return this.#document(path, "application/json", () => writeAbout(this.#performed));
      default:
    }
    const release = path.startsWith(JSON_API_ROOT) && path.endsWith(OPENAPI) ? path.slice(JSON_API_ROOT.length, -OPENAPI.length) : "";
    const version = readRelease(release);
    if (version === undefined) return undefined;
    return this.#document(version, "application/json", () => JSON.stringify(describeOpenApi(version, this.#performed)));
  }

  #document(key: string, type: string, write: () => string): Document {
    const document = this.#made.get(key) ?? { type, gzip: gzipSync(write()) };
    this.#made.set(key, document);
    return document;
  }
}

function writeAbout(performed: readonly PerformedType[]): string {
  const methods = new Set(performed.flatMap(({ methods }) => methods));
  return JSON.stringify({ methods: [...methods].sort(), types: performed.map(({ type }) => type).sort() });
}

/** Sends it as fast as the client takes it: one that does not costs a slice of it, not the whole. */
export async function sendDocument(
  response: ServerResponse,
  { type, gzip }: Document,
  { acceptEncoding = "", head }: { readonly acceptEncoding?: string | undefined; readonly head: boolean },
): Promise<void> {
  const compressed = /\bgzip\b/i.test(acceptEncoding);
  const encoding = compressed ? { "Content-Encoding": "gzip", "Content-Length": gzip.byteLength } : {};
  response.writeHead(200, { "Content-Type": type, Vary: "Accept-Encoding", ...encoding });
  if (head) return void response.end();
  const slices = Readable.from(slicesOf(gzip));
  await (compressed ? pipeline(slices, response) : pipeline(slices, createGunzip(), response)).catch(() => {
    response.destroy(); // the client is gone, and with it whoever would be told
  });
}

function* slicesOf(bytes: Buffer): Generator<Buffer> {
  for (let at = 0; at < bytes.byteLength; at += SLICE_BYTES) yield bytes.subarray(at, at + SLICE_BYTES);
}
