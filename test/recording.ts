/**
 * A door in front of a host that writes down what a client and the host say to each other, for people to read: test/sessions/.
 * It stands there only when it is asked for, by BULKHEAD_RECORD=1; otherwise the client speaks to the host itself.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import type { IncomingHttpHeaders, IncomingMessage } from "node:http";
import { createServer, request } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { loadOrCreateCertificate } from "../src/management/index.ts";

const FOLDER = join(import.meta.dirname, "sessions");
const BODY_CHARS_MAX = 2000; // what a reader takes in; a WSDL or an inventory goes on for megabytes
const EACH_MAX = 2; // exchanges of one method that end alike: a client that waits for a task asks a hundred times
const KEEP_ALIVE_MS = 90_000; // as the host does; clients that poll would meet a closed connection
const HEADERS_SHOWN = [
  "soapaction",
  "content-type",
  "content-encoding",
  "authorization",
  "cookie",
  "vmware-api-session-id",
  "set-cookie",
  "range",
  "location",
];

export interface Door extends AsyncDisposable {
  readonly port: number;
}

/** @param name of the client: the file's name */
export async function openDoor(port: number, name: string): Promise<Door> {
  if (process.env.BULKHEAD_RECORD === undefined) return { port, [Symbol.asyncDispose]: async () => {} };
  const folder = mkdtempSync(join(tmpdir(), "bulkhead-recording-"));
  const certificate = await loadOrCreateCertificate(folder, { hostName: "host1", addresses: ["127.0.0.1"] });
  const exchanges: Exchange[] = [];
  const server = createServer({ key: certificate.key, cert: certificate.cert }, async (incoming, outgoing) => {
    const asked = await textOf(incoming);
    const path = incoming.url ?? "/";
    const { method = "GET", headers } = incoming;
    const forwarded = request({ host: "127.0.0.1", port, path, method, headers, rejectUnauthorized: false }, async (answer) => {
      const body = await textOf(answer);
      exchanges.push({
        what: `${whatIsAsked(`${method} ${path}`, asked)}, ${answer.statusCode}`,
        text: `${method} ${path}\n${shown(headers, asked)}\n\n${answer.statusCode}\n${shown(answer.headers, body)}\n`,
      });
      outgoing.writeHead(answer.statusCode ?? 500, answer.headers).end(body);
    });
    forwarded.on("error", () => outgoing.destroy());
    forwarded.end(asked);
  });
  server.keepAliveTimeout = KEEP_ALIVE_MS;
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  return {
    port: address !== null && typeof address === "object" ? address.port : 0,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      rmSync(folder, { recursive: true, force: true });
      writeFileSync(join(FOLDER, `${name}.txt`), transcript(name, exchanges));
    },
  };
}

export interface Exchange {
  /** What is asked, and how it ends: there are few of a kind in a transcript. */
  readonly what: string;
  readonly text: string;
}

/** A SOAP method's name; else the request, whatever object it is about. */
export function whatIsAsked(requestLine: string, body: Buffer): string {
  const method = /<(?:[\w-]+:)?Body\b[^>]*>\s*<(?:[\w-]+:)?(\w+)/.exec(body.toString())?.[1];
  return method ?? requestLine.replace(/\?.*$/, "").replace(/(\/sdk\/vim25\/[^/]+\/\w+)\/[^/]+/, "$1/…");
}

/** The first exchanges of each kind, in their order, and between them what was left out. */
export function transcript(name: string, exchanges: readonly Exchange[]): string {
  const parts = [`A session of ${name} with this host. Secrets are taken out, long bodies cut, and repetitions left out.\n`];
  const counts = new Map<string, number>();
  let left = new Map<string, number>();
  const tellLeft = (): void => {
    const kinds = [...left].map(([what, count]) => `${what} × ${count}`);
    if (kinds.length > 0) parts.push(`… left out: ${kinds.join("; ")}\n`);
    left = new Map();
  };
  for (const [index, { what, text }] of exchanges.entries()) {
    const count = (counts.get(what) ?? 0) + 1;
    counts.set(what, count);
    if (count > EACH_MAX) {
      left.set(what, (left.get(what) ?? 0) + 1);
      continue;
    }
    tellLeft();
    parts.push(`──── ${index + 1} ────\n${text}`);
  }
  tellLeft();
  return redact(parts.join("\n"));
}

function shown(headers: IncomingHttpHeaders, body: Buffer): string {
  const lines = HEADERS_SHOWN.flatMap((name) => (headers[name] === undefined ? [] : [`${name}: ${headers[name]}`]));
  const plain = headers["content-encoding"] === "gzip" ? gunzipSync(body) : body;
  const isText = /xml|json|text|form/.test(headers["content-type"] ?? "text") && !plain.includes(0);
  const text = isText ? indent(plain.toString()) : `(${plain.length} bytes)`;
  const cut = text.length > BODY_CHARS_MAX ? `${text.slice(0, BODY_CHARS_MAX)}\n… (${text.length - BODY_CHARS_MAX} characters more)` : text;
  return [...lines, cut].join("\n");
}

/** A line an element, as deep as it lies. */
function indent(xml: string): string {
  let depth = 0;
  return xml.replace(/>\s*</g, ">\n<").replace(/^<.*$/gm, (line) => {
    if (line.startsWith("</")) depth -= 1;
    const indented = "  ".repeat(Math.max(0, depth)) + line;
    if (/^<[^/?!]/.test(line) && !line.endsWith("/>") && !line.includes("</")) depth += 1;
    return indented;
  });
}

/** Passwords, session secrets and tickets. */
function redact(text: string): string {
  return text
    .replace(/(<(?:\w+:)?password[^>]*>)[^<]*/g, "$1(removed)")
    .replace(/("password"\s*:\s*")[^"]*/g, "$1(removed)")
    .replace(/^(authorization|cookie|vmware-api-session-id): .*$/gm, "$1: (removed)")
    .replace(/(vmware_soap_session=)"?[0-9a-f]+"?/g, "$1(removed)")
    .replace(/\b[0-9a-f]{40}\b/g, "(removed)");
}

async function textOf(message: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of message) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}
