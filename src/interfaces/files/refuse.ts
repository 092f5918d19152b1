/** Answers that end a request early, in a way that the client gets to see them. */
import type { IncomingMessage, ServerResponse } from "node:http";

export interface HttpAnswer {
  readonly status: number;
  readonly text: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** The connection may be used again. */
export function endAnswer(response: ServerResponse, answer: HttpAnswer): void {
  writeAnswer(response, answer, {});
  response.end();
}

/**
 * Answers a client that is still sending, and goes on reading for a while: it looks at the answer when it has sent, and a connection
 * that is closed with bytes unread is reset, which throws the answer away on its way. Then the connection ends.
 */
export async function startLingering(parts: {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly answer: HttpAnswer;
  readonly lingerMs: number;
}): Promise<void> {
  const { request, response, answer, lingerMs } = parts;
  writeAnswer(response, answer, { Connection: "close" });
  await new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, lingerMs);
    const done = () => {
      clearTimeout(timer);
      resolve();
    };
    request.once("end", done).once("close", done).once("error", done);
    request.resume();
  });
  response.end();
}

function writeAnswer(response: ServerResponse, { status, text, headers }: HttpAnswer, more: Readonly<Record<string, string>>): void {
  const body = Buffer.from(`${text}\n`);
  const type = { "Content-Type": "text/plain; charset=utf-8", "X-Content-Type-Options": "nosniff" };
  response.writeHead(status, { ...type, ...headers, ...more, "Content-Length": body.length });
  if (response.req.method !== "HEAD") response.write(body);
}
