/** How an HTTP request becomes a WebSocket. Pure. Source: RFC 6455 §4.2. */
import { createHash } from "node:crypto";

/** The subprotocol of a stream of bytes in binary messages, as viewers in browsers ask for it. */
const SUBPROTOCOL = "binary";
const VERSION = "13";
const KEY = /^[A-Za-z0-9+/]{22}==$/; // 16 bytes
const GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

export type Handshake =
  /** The head of the answer, after which frames follow. */
  { readonly kind: "accepted"; readonly answer: string } | { readonly kind: "refused"; readonly status: number; readonly because: string };

/** What of a request's head matters here; names in lower case, values untrusted. */
export interface UpgradeRequest {
  readonly method?: string | undefined;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
}

/** Decides what becomes of a request to upgrade. */
export function planHandshake({ method, headers }: UpgradeRequest): Handshake {
  if (method !== "GET") return { kind: "refused", status: 405, because: "A WebSocket is asked for by GET." };
  if (textOf(headers.upgrade).toLowerCase() !== "websocket") {
    return { kind: "refused", status: 400, because: "The only upgrade is to a WebSocket." };
  }
  if (textOf(headers["sec-websocket-version"]) !== VERSION) {
    return { kind: "refused", status: 426, because: `The version of WebSocket is ${VERSION}.` };
  }
  const key = textOf(headers["sec-websocket-key"]);
  if (!KEY.test(key)) return { kind: "refused", status: 400, because: "The request has no key of a WebSocket." };
  const offered = textOf(headers["sec-websocket-protocol"])
    .split(",")
    .map((name) => name.trim())
    .filter(Boolean);
  // A client that offers none takes bytes in binary messages as well; one that offers only others would take them for something else.
  if (offered.length > 0 && !offered.includes(SUBPROTOCOL)) {
    return { kind: "refused", status: 400, because: `The only subprotocol is ${SUBPROTOCOL}.` };
  }
  const lines = [
    "HTTP/1.1 101 Switching Protocols",
    "Upgrade: websocket",
    "Connection: Upgrade",
    `Sec-WebSocket-Accept: ${createHash("sha1").update(`${key}${GUID}`).digest("base64")}`,
    ...(offered.length > 0 ? [`Sec-WebSocket-Protocol: ${SUBPROTOCOL}`] : []),
  ];
  return { kind: "accepted", answer: `${lines.join("\r\n")}\r\n\r\n` };
}

function textOf(header: string | readonly string[] | undefined): string {
  return typeof header === "string" ? header.trim() : "";
}
