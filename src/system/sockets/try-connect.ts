/** Tries a TCP connection out of another network namespace, and lets go of it: what came of it is what is wanted. */
import { closeSync } from "node:fs";
import { Socket, type SocketConstructorOpts } from "node:net";
import { errnoCode, libcCall } from "../libc.ts";
import { inNamespace } from "../network/index.ts";
import { tcpAddress } from "./address.ts";

const socket = libcCall<[domain: number, type: number, protocol: number]>("int socket(int domain, int type, int protocol)");
const SOCK_STREAM = 1;
const SOCK_CLOEXEC = 0o2000000;

/** "open": somebody listens; "refused": the other machine says that nobody does; "silent": nothing came back, or no way leads there. */
export type TriedConnection = "open" | "refused" | "silent";

export interface ConnectionTry {
  /** The file of the namespace that it is tried from. */
  readonly namespace: string;
  /** An IPv4 or IPv6 address. */
  readonly host: string;
  readonly port: number;
  /** How long an answer is waited for. */
  readonly timeoutMs: number;
}

export function tryConnect({ namespace, host, port, timeoutMs }: ConnectionTry): Promise<TriedConnection> {
  // A socket is of the namespace that it was made in, wherever it is connected.
  const { family } = tcpAddress(host, port);
  const fd = inNamespace(namespace, () => socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  return new Promise((resolve) => {
    let tried: Socket;
    try {
      // Without manualStart Node would read from it before it is connected.
      tried = new Socket({ fd, manualStart: true } as SocketConstructorOpts);
    } catch (error) {
      closeSync(fd);
      throw error;
    }
    const settle = (outcome: TriedConnection): void => {
      clearTimeout(timer);
      tried.destroy();
      resolve(outcome);
    };
    const timer = setTimeout(settle, timeoutMs, "silent");
    tried.once("connect", () => settle("open"));
    tried.on("error", (error) => settle(errnoCode(error) === "ECONNREFUSED" ? "refused" : "silent"));
    tried.connect({ host, port });
  });
}
