/**
 * The datastores' files over HTTP: GET, HEAD, PUT, POST and DELETE at /folder, as ESXi serves them. It decodes and streams; who may do what,
 * and the record of it, is hostd's accessFile, and the open files come from vmkernel.
 * Source: vim25 FileManager, «HTTP access»; RFC 9110; RFC 4918 (Overwrite).
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import { Fault } from "../../base/index.ts";
import type { FileAccess, FileAccessRequest, FileMethod, FileOutcome } from "../../hostd/index.ts";
import { versionOf } from "../../system/index.ts";
import { readCredentials } from "./credentials.ts";
import { datastoresPage, folderPage } from "./folder-page.ts";
import { type FolderTarget, parseFolderUrl } from "./parse-folder-url.ts";
import { isStillCurrent, parseRange, type Validators } from "./parse-range.ts";
import { planUpload, type UploadPlan } from "./plan-upload.ts";
import { receiveUpload } from "./receive-upload.ts";
import { endAnswer, type HttpAnswer, startLingering } from "./refuse.ts";
import { sendFile } from "./send-file.ts";
import { answerTo } from "./status-of.ts";

export interface FolderDoorParts {
  /** hostd's: decides, and records. @throws {Fault} */
  readonly access: (request: FileAccessRequest, deed: (access: FileAccess) => Promise<FileOutcome>) => Promise<void>;
  /** Told of what was refused for its form, before anybody was asked. */
  readonly onRefused: (refusal: { readonly clientAddress: string; readonly userAgent: string; readonly reason: string }) => void;
  readonly onBug: (error: unknown) => void;
  readonly limits?: Partial<FolderLimits>;
}

export interface FolderLimits {
  /** Requests under way at a time: each has an open file, and memory for what is on its way. */
  readonly transfersMax: number;
  /** Without any progress, either way. */
  readonly stallMs: number;
  /** For what a refused client still sends, before it looks at the answer. */
  readonly lingerMs: number;
}

const DEFAULT_LIMITS: FolderLimits = { transfersMax: 64, stallMs: 60_000, lingerMs: 5_000 };
const METHODS: readonly FileMethod[] = ["GET", "HEAD", "PUT", "POST", "DELETE"];
/** What lies on a datastore is nothing that a browser should run as this host's own. */
const SAFE_HEADERS = { "X-Content-Type-Options": "nosniff", "Cache-Control": "no-cache" };

interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly client: { readonly address: string; readonly userAgent: string };
}

export type FolderDoor = (exchange: Exchange) => Promise<void>;

export function createFolderDoor({ access, onRefused, onBug, limits: changed }: FolderDoorParts): FolderDoor {
  const limits = { ...DEFAULT_LIMITS, ...changed };
  let transfers = 0;
  return async (exchange) => {
    const admission = transfers < limits.transfersMax ? admit(exchange.request) : busy;
    if (admission.kind === "refused") {
      const { address: clientAddress, userAgent } = exchange.client;
      onRefused({ clientAddress, userAgent, reason: `${exchange.request.method} ${exchange.request.url}: ${admission.text}` });
      return refuse(exchange, admission, limits);
    }
    transfers++;
    let thrown: unknown;
    try {
      await access(accessRequest(exchange, admission), (files) => perform(exchange, files, admission, limits));
      return;
    } catch (error) {
      thrown = error;
    } finally {
      transfers--;
    }
    if (!(thrown instanceof Fault)) onBug(thrown);
    if (exchange.response.headersSent) exchange.response.destroy();
    else await refuse(exchange, answerTo(thrown, exchange.request.method), limits);
  };
}

interface Admitted {
  readonly kind: "admitted";
  readonly method: FileMethod;
  readonly target: Exclude<FolderTarget, { kind: "refused" }>;
  readonly upload: Extract<UploadPlan, { kind: "upload" }> | undefined;
}

type Refused = { readonly kind: "refused" } & HttpAnswer;

const busy: Refused = {
  kind: "refused",
  status: 503,
  text: "The host transfers too many files at a time.",
  headers: { "Retry-After": "5" },
};

/** Refused for its form alone. */
function admit({ method, url = "", headers }: IncomingMessage): Admitted | Refused {
  const known = METHODS.find((candidate) => candidate === method);
  if (known === undefined) {
    return { kind: "refused", status: 405, text: "Files are read, written and deleted here.", headers: { Allow: METHODS.join(", ") } };
  }
  const target = parseFolderUrl(url);
  if (target.kind === "refused") return target;
  if (known === "GET" || known === "HEAD") return { kind: "admitted", method: known, target, upload: undefined };
  if (target.kind === "datastores" || target.path.path === "")
    return {
      kind: "refused",
      status: 405,
      text: "A datastore itself is neither written nor deleted here.",
      headers: { Allow: "GET, HEAD" },
    };
  if (known === "DELETE") return { kind: "admitted", method: known, target, upload: undefined };
  if (target.asFolder) return { kind: "refused", status: 409, text: "A folder is not written: FileManager.MakeDirectory makes one." };
  const upload = planUpload(known, headers);
  return upload.kind === "refused" ? upload : { kind: "admitted", method: known, target, upload };
}

function accessRequest({ request, client }: Exchange, { method, target }: Admitted): FileAccessRequest {
  const path = target.kind === "path" ? target.path : undefined;
  return { method, url: request.url ?? "", path, credentials: readCredentials(request.headers), client };
}

async function perform(
  exchange: Exchange,
  files: FileAccess,
  { method, target, upload }: Admitted,
  limits: FolderLimits,
): Promise<FileOutcome> {
  const { request, response } = exchange;
  if (upload !== undefined) return receiveUpload({ request, response, files, plan: upload, stallMs: limits.stallMs });
  if (method === "DELETE") {
    await files.remove();
    response.writeHead(204).end();
    return { comment: "deleted" };
  }
  if (target.kind === "datastores") return sendPage(exchange, datastoresPage(files.datastores()));
  if (target.asFolder) return sendPage(exchange, folderPage(target.path, await files.list()));
  try {
    return await download(exchange, files, limits);
  } catch (error) {
    if (!(error instanceof Fault) || error.fault !== "CannotAccessFile" || response.headersSent) throw error;
    const entries = await files.list().catch(() => undefined); // no folder either
    if (entries === undefined) throw error;
    return sendPage(exchange, folderPage(target.path, entries));
  }
}

async function download({ request, response }: Exchange, files: FileAccess, { stallMs }: FolderLimits): Promise<FileOutcome> {
  using file = await files.open();
  const { sizeBytes, ...validators } = describe(file.fd);
  const range = isStillCurrent(request.headers["if-range"]?.toString(), validators)
    ? parseRange(request.headers.range, sizeBytes)
    : ({ kind: "whole" } as const);
  const headers = {
    ...SAFE_HEADERS,
    "Content-Type": "application/octet-stream",
    "Accept-Ranges": "bytes",
    ETag: validators.etag,
    "Last-Modified": validators.lastModified,
  };
  if (range.kind === "unsatisfiable") {
    response.writeHead(416, { ...SAFE_HEADERS, "Content-Range": `bytes */${sizeBytes}`, "Content-Length": 0 }).end();
    return { comment: "nothing: the file ends before", broken: "RequestedRangeNotSatisfiable" };
  }
  const part = range.kind === "part" ? range : { first: 0, last: sizeBytes - 1 };
  const length = part.last - part.first + 1;
  const announced = { ...headers, "Content-Length": length };
  if (range.kind === "whole") response.writeHead(200, announced);
  else response.writeHead(206, { ...announced, "Content-Range": `bytes ${part.first}-${part.last}/${sizeBytes}` });
  if (request.method === "HEAD" || length === 0) {
    response.end();
    return { comment: `0 of ${sizeBytes} bytes` };
  }
  const { bytes, broken } = await sendFile(response, file.fd, part, stallMs);
  return { comment: `${bytes} bytes from ${part.first} of ${sizeBytes}`, ...(broken === undefined ? {} : { broken }) };
}

function describe(fd: number): Validators & { readonly sizeBytes: number } {
  const { sizeBytes, modifiedAtMs, version } = versionOf(fd);
  return { sizeBytes, etag: `"${version}"`, lastModified: new Date(modifiedAtMs).toUTCString() };
}

function sendPage({ request, response }: Exchange, html: string): FileOutcome {
  const body = Buffer.from(html);
  response.writeHead(200, {
    ...SAFE_HEADERS,
    "Content-Type": "text/html; charset=utf-8",
    "Content-Length": body.length,
    "Content-Security-Policy": "default-src 'none'",
  });
  response.end(request.method === "HEAD" ? undefined : body);
  return { comment: "a list" };
}

async function refuse({ request, response }: Exchange, answer: HttpAnswer, { lingerMs }: FolderLimits): Promise<void> {
  if (request.complete) return endAnswer(response, answer);
  await startLingering({ request, response, answer, lingerMs });
}
