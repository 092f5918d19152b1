/** A client that sends requests as bytes and takes answers as bytes: what it measures is the server, and the network between. */
import { Agent, request as httpsRequest } from "node:https";
import { encodeRequest, type VimRequest } from "../src/wire/index.ts";

export interface Answer {
  readonly status: number;
  readonly body: Buffer;
}

export class RawClient implements Disposable {
  readonly #agent = new Agent({ keepAlive: true, rejectUnauthorized: false });
  readonly #port: number;
  #cookie = "";

  private constructor(port: number) {
    this.#port = port;
  }

  /** Logs in, at this host or at the peer: to both it is the same. */
  static async login(port: number, password: string): Promise<RawClient> {
    const client = new RawClient(port);
    const thisRef = { type: "SessionManager", value: "ha-sessionmgr" };
    await client.call({ method: "Login", thisRef, args: { userName: "root", password } });
    return client;
  }

  /** @throws when the answer is a fault, with its text */
  async call(request: VimRequest): Promise<Buffer> {
    const { status, body } = await this.post(encodeRequest(request));
    if (status !== 200) throw new Error(`${request.method}: ${/<faultstring>(.*?)<\/faultstring>/s.exec(body.toString())?.[1] ?? status}`);
    return body;
  }

  post(body: string | Buffer): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const headers = { "Content-Type": "text/xml", SOAPAction: '"urn:vim25/6.5"', Cookie: this.#cookie };
      const sent = httpsRequest(
        { host: "127.0.0.1", port: this.#port, path: "/sdk", method: "POST", agent: this.#agent, headers },
        (response) => {
          const chunks: Buffer[] = [];
          response.on("data", (chunk: Buffer) => chunks.push(chunk));
          response.on("end", () => resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks) }));
          response.on("error", reject);
          const cookie = response.headers["set-cookie"]?.[0]?.split(";")[0];
          if (cookie !== undefined) this.#cookie = cookie;
        },
      );
      sent.on("error", reject);
      sent.end(body);
    });
  }

  [Symbol.dispose](): void {
    this.#agent.destroy();
  }
}
