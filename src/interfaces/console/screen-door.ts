/**
 * A picture of a VM's screen over HTTP: GET /screen?id=<moid>, as ESXi serves it. It decodes and sends; who may see it, and the record
 * of it, is hostd's captureScreen.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import { Fault } from "../../base/index.ts";
import type { ScreenRequest } from "../../hostd/index.ts";
import { readCredentials } from "../files/credentials.ts";
import { endAnswer, type HttpAnswer } from "../files/refuse.ts";
import { answerTo } from "../files/status-of.ts";
import { parseScreenUrl } from "./parse-screen-url.ts";

export interface ScreenDoorParts {
  /** hostd's: decides, and records. @throws {Fault} */
  readonly capture: (request: ScreenRequest) => Promise<Buffer>;
  readonly onBug: (error: unknown) => void;
}

export type ScreenDoor = (request: IncomingMessage, response: ServerResponse, client: ScreenRequest["client"]) => Promise<void>;

/** Each may be some megabytes, for as long as its client takes it. */
const PICTURES_MAX = 16;
/** Without any progress in taking it. */
const SEND_TIMEOUT_MS = 60_000;

export function createScreenDoor({ capture, onBug }: ScreenDoorParts): ScreenDoor {
  let pictures = 0;
  return async (request, response, client) => {
    const { method = "", url = "", headers } = request;
    if (method !== "GET" && method !== "HEAD") {
      return endAnswer(response, {
        status: 405,
        text: "A screen is only looked at here.",
        headers: { Allow: "GET, HEAD", Connection: "close" },
      });
    }
    const target = parseScreenUrl(url);
    if (target.kind === "refused") return endAnswer(response, target);
    if (pictures >= PICTURES_MAX) return endAnswer(response, busy);
    pictures++;
    response.once("close", () => pictures--);
    try {
      const picture = await capture({ method, url, vm: target.id, credentials: readCredentials(headers), client });
      response.setTimeout(SEND_TIMEOUT_MS, () => response.destroy());
      response.writeHead(200, { "Content-Type": "image/png", "Content-Length": picture.length, "Cache-Control": "no-store" });
      response.end(method === "HEAD" ? undefined : picture);
    } catch (error) {
      if (!(error instanceof Fault)) onBug(error);
      endAnswer(response, answerTo(error));
    }
  };
}

const busy: HttpAnswer = { status: 503, text: "The host takes too many pictures at a time.", headers: { "Retry-After": "5" } };
