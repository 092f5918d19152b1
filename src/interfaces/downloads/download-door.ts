/** GET /downloads/NAME: a support bundle, for who has a session and may have it. Who decides that is hostd. */
import type { IncomingMessage, ServerResponse } from "node:http";
import { pipeline } from "node:stream/promises";
import { Fault } from "../../base/index.ts";
import type { Download } from "../../hostd/index.ts";
import { readSessionCookie } from "../sdk/session-cookie.ts";

export interface DownloadCall {
  /** What the cookie holds (untrusted). */
  readonly sessionKey: string | undefined;
  readonly clientAddress: string;
  readonly userAgent: string;
  /** The last part of the path (untrusted). */
  readonly name: string;
}

/** @throws {Fault} NotAuthenticated, NoPermission, FileNotFound */
export type OpenDownload = (call: DownloadCall) => Promise<Download>;

export const DOWNLOADS_ROOT = "/downloads/";
const STATUS: Readonly<Record<string, number>> = { NotAuthenticated: 401, NoPermission: 403, FileNotFound: 404 };

interface DownloadExchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly path: string;
  readonly client: Pick<DownloadCall, "clientAddress" | "userAgent">;
}

export async function serveDownload({ request, response, path, client }: DownloadExchange, open: OpenDownload): Promise<void> {
  let download: Download;
  try {
    const name = path.slice(DOWNLOADS_ROOT.length);
    download = await open({ sessionKey: readSessionCookie(request.headers.cookie), ...client, name });
  } catch (error) {
    const status = error instanceof Fault ? STATUS[error.fault] : undefined;
    if (status === undefined) throw error;
    response.writeHead(status, { "Content-Type": "text/plain; charset=utf-8" });
    response.end(`${(error as Fault).message}\n`);
    return;
  }
  response.writeHead(200, {
    "Content-Type": "application/gzip",
    "Content-Length": download.sizeBytes,
    "Content-Disposition": `attachment; filename="${download.name}"`,
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
  });
  if (request.method === "HEAD") return void response.end();
  // A client that goes away half-way has what it has; nobody else is to hear of it.
  await pipeline(download.read(), response).catch(() => request.socket.destroy());
}
