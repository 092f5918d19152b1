/**
 * The files of an HttpNfcLease over HTTP: POST of a stream-optimized disk, PUT of other files, GET of a disk, at /nfc/LEASE/FILE. It
 * decodes and streams; who may do what, and the record of it, is hostd's accessNfc. Source: vim25 HttpNfcLease.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import { Fault } from "../../base/index.ts";
import type { NfcAccess, NfcMethod, NfcOutcome, NfcRequest } from "../../hostd/index.ts";
import { receiveFile } from "../files/receive-file.ts";
import { type HttpAnswer, startLingering } from "../files/refuse.ts";
import { answerTo } from "../files/status-of.ts";
import { writeFault } from "../files/write-fault.ts";
import { Checksums } from "./checksums.ts";
import { receiveDisk } from "./receive-disk.ts";
import { sendDisk } from "./send-disk.ts";

export interface NfcDoorParts {
  /** hostd's: decides, and records. @throws {Fault} */
  readonly access: (request: NfcRequest, deed: (access: NfcAccess) => Promise<NfcOutcome>) => Promise<void>;
  readonly onBug: (error: unknown) => void;
  readonly limits?: Partial<NfcLimits>;
}

export interface NfcLimits {
  /** Under way at a time: each has an open disk, and some MiB on their way. */
  readonly transfersMax: number;
  /** Without any progress. */
  readonly stallMs: number;
  readonly lingerMs: number;
}

interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly client: NfcRequest["client"];
}

export type NfcDoor = (exchange: Exchange) => Promise<void>;

export const NFC_ROOT = "/nfc/";
const DEFAULT_LIMITS: NfcLimits = { transfersMax: 16, stallMs: 60_000, lingerMs: 5_000 };
const METHODS: readonly NfcMethod[] = ["GET", "HEAD", "POST", "PUT"];
const STREAM_TYPE = "application/x-vnd.vmware-streamVmdk";
const SAFE_HEADERS = { "X-Content-Type-Options": "nosniff", "Cache-Control": "no-store" };

export function createNfcDoor({ access, onBug, limits: changed }: NfcDoorParts): NfcDoor {
  const limits = { ...DEFAULT_LIMITS, ...changed };
  let transfers = 0;
  return async (exchange) => {
    const { request, response, client } = exchange;
    const refuse = (answer: HttpAnswer) => startLingering({ request, response, answer, lingerMs: limits.lingerMs });
    const method = METHODS.find((candidate) => candidate === request.method);
    const place = parseNfcUrl(request.url ?? "");
    if (method === undefined)
      return refuse({ status: 405, text: "Files of a lease are sent and fetched here.", headers: { Allow: METHODS.join(", ") } });
    if (place === undefined) return refuse({ status: 404, text: "A file of a lease is named by the lease and the file." });
    if (transfers >= limits.transfersMax)
      return refuse({ status: 503, text: "The host transfers too many disks at a time.", headers: { "Retry-After": "5" } });
    transfers++;
    let thrown: unknown;
    try {
      return await access({ method, ...place, client }, (allowed) => perform(exchange, allowed, limits));
    } catch (error) {
      thrown = error;
    } finally {
      transfers--;
    }
    if (!(thrown instanceof Fault)) onBug(thrown);
    if (response.headersSent || response.destroyed) response.destroy();
    else await refuse(answerTo(thrown));
  };
}

/** @returns undefined for what is no place of a lease */
export function parseNfcUrl(url: string): { readonly token: string; readonly file: string } | undefined {
  const [, token, name] = /^\/nfc\/([0-9a-f-]{36})\/([^/?#]{1,600})(?:\?|$)/.exec(url) ?? [];
  if (token === undefined || name === undefined) return undefined;
  try {
    return { token, file: decodeURIComponent(name) };
  } catch {
    return undefined;
  }
}

async function perform({ request, response }: Exchange, access: NfcAccess, { stallMs }: NfcLimits): Promise<NfcOutcome> {
  const checksums = new Checksums(access.checksumType);
  const common = { checksums, stallMs, onProgress: access.progress };
  switch (access.kind) {
    case "importDisk": {
      const { name, capacityBytes } = access;
      using target = await access.begin();
      accept(request, response);
      const { bytes, populatedBytes, broken } = await receiveDisk(request, { ...common, fd: target.fd, name, capacityBytes }).catch(
        toFault,
      );
      if (broken !== undefined) return { comment: `${bytes} bytes came`, broken };
      await target.commit();
      access.end({ sizeBytes: bytes, ...checksums.end(), populatedBytes });
      response.writeHead(200, { "Content-Length": 0 }).end();
      return { comment: `${bytes} bytes, ${populatedBytes} of the disk` };
    }
    case "importFile": {
      using target = await access.begin(lengthOf(request));
      accept(request, response);
      request.on("data", (piece: Buffer) => checksums.update(piece));
      const { bytes, broken } = await receiveFile(request, target.fd, 0, stallMs).catch(toFault);
      if (broken !== undefined) return { comment: `${bytes} bytes came`, broken };
      await target.commit();
      access.end({ sizeBytes: bytes, ...checksums.end() });
      response.writeHead(201, { "Content-Length": 0 }).end();
      return { comment: `${bytes} bytes` };
    }
    case "exportDisk": {
      const { name, capacityBytes, descriptor } = access;
      using source = await access.open();
      response.writeHead(200, { ...SAFE_HEADERS, "Content-Type": STREAM_TYPE });
      if (request.method === "HEAD") {
        response.end();
        return { comment: "0 bytes" };
      }
      const { bytes, populatedBytes, broken } = await sendDisk(response, {
        ...common,
        layers: source.layers,
        name,
        capacityBytes,
        descriptor,
      });
      const comment = `${bytes} bytes, ${populatedBytes} of the disk`;
      if (broken !== undefined) return { comment, broken };
      access.end({ sizeBytes: bytes, ...checksums.end(), populatedBytes });
      return { comment };
    }
  }
}

/** Only now the client is told to send: until here it could be refused without having sent a byte. */
function accept(request: IncomingMessage, response: ServerResponse): void {
  if (request.headers.expect !== undefined) response.writeContinue();
}

function lengthOf({ headers }: IncomingMessage): number | undefined {
  const length = headers["content-length"];
  return length === undefined ? undefined : Number(length);
}

function toFault(cause: unknown): never {
  throw writeFault(cause);
}
