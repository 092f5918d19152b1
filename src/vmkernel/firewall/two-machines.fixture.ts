/** Two machines on one cable, in namespaces of a test's own: one that is filtered and listens, and one that connects from several addresses. */
import { type ChildProcessByStdio, spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";
import { addAddress, createVeth, inNamespace, listenTcp, makeNamespace, moveLink, removeNamespace, setLink } from "../../system/index.ts";

export const SERVER = { 4: "10.9.0.254", 6: "fd00:9::254" } as const;
export const CLIENTS = ["10.9.0.1", "10.9.0.2", "fd00:9::1", "fd00:9::2"] as const;

/** "open": it was connected; "refused": the kernel behind the filter said that nobody listens; "silent": no answer came. */
export type Outcome = "open" | "refused" | "silent";

/** Long enough for a machine that is overloaded; only what shall be silent is waited for in vain. */
const PATIENCE_MS = { open: 20_000, silent: 400 } as const;

/** Runs in the client's namespace: connects as it is told, and keeps what it is told to keep. */
const CLIENT = `
import { connect } from "node:net";
import { createInterface } from "node:readline";
const kept = new Map();
const say = (id, outcome) => process.stdout.write(JSON.stringify({ id, outcome }) + "\\n");
createInterface({ input: process.stdin }).on("line", (line) => {
  const { id, from, to, port, patienceMs, keep, echo } = JSON.parse(line);
  const socket = echo === undefined ? connect({ host: to, port, localAddress: from }) : kept.get(echo);
  const timer = setTimeout(() => settle("silent"), patienceMs);
  const settle = (outcome) => { clearTimeout(timer); socket.removeAllListeners("data"); if (keep && outcome === "open") kept.set(id, socket); else if (echo === undefined) socket.destroy(); say(id, outcome); };
  if (echo === undefined) socket.once("connect", () => settle("open")).on("error", (e) => settle(e.code === "ECONNREFUSED" ? "refused" : "silent"));
  else { socket.once("data", () => settle("open")); socket.write("x"); }
});
`;

export interface Probe {
  readonly from: string;
  readonly port: number;
  readonly expected: Outcome;
}

export class TwoMachines implements AsyncDisposable {
  readonly folder = mkdtempSync(join(tmpdir(), "bulkhead-firewall-"));
  /** The namespace that is filtered. */
  readonly server = join(this.folder, "server");
  readonly #client = join(this.folder, "client");
  readonly #listening: Server[] = [];
  readonly #sockets: Socket[] = [];
  readonly #processes: ClientProcess[] = [];

  constructor() {
    makeNamespace(this.server);
    makeNamespace(this.#client);
    inNamespace(this.server, () => {
      createVeth("wire0", "wire1");
      moveLink("wire1", this.#client);
      bringUp("wire0", [`${SERVER[4]}/24`, `${SERVER[6]}/64`]);
    });
    inNamespace(this.#client, () =>
      bringUp(
        "wire1",
        CLIENTS.map((address) => `${address}/${address.includes(":") ? 64 : 24}`),
      ),
    );
  }

  /** Echoes what it hears at a port of the filtered machine. */
  async listen(port: number): Promise<void> {
    const fd = inNamespace(this.server, () => listenTcp("::", port));
    const server = createServer((socket) => {
      this.#sockets.push(socket.on("error", () => {}).on("data", (chunk) => socket.write(chunk)));
    });
    this.#listening.push(server);
    await new Promise<void>((resolve) => server.listen({ fd }, resolve));
  }

  /** Connects from outside, all at once. */
  async probe(probes: readonly Probe[]): Promise<readonly Outcome[]> {
    return this.client().probe(probes);
  }

  client(): ClientProcess {
    this.#processes[0] ??= new ClientProcess(this.#client);
    return this.#processes[0];
  }

  /** Connects from the filtered machine to one that nobody is at: what gets out is refused there, for nobody listens. */
  async probeOut(to: string, port: number, expected: Outcome): Promise<Outcome> {
    this.#processes[1] ??= new ClientProcess(this.server);
    const process = this.#processes[1];
    const from = to.includes(":") ? SERVER[6] : SERVER[4];
    return process.ask({ from, to, port, patienceMs: expected === "silent" ? PATIENCE_MS.silent : PATIENCE_MS.open });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const process of this.#processes) process?.end();
    for (const socket of this.#sockets) socket.destroy();
    for (const server of this.#listening) server.close();
    removeNamespace(this.server);
    removeNamespace(this.#client);
    rmSync(this.folder, { recursive: true });
  }
}

class ClientProcess {
  readonly #child: ChildProcessByStdio<Writable, Readable, null>;
  readonly #waiting = new Map<number, (outcome: Outcome) => void>();
  #last = 0;

  constructor(namespace: string) {
    const argv = [`--net=${namespace}`, process.execPath, "--input-type=module", "-e", CLIENT];
    this.#child = spawn("/usr/bin/nsenter", argv, { stdio: ["pipe", "pipe", "inherit"] });
    createInterface({ input: this.#child.stdout }).on("line", (line) => {
      const { id, outcome } = JSON.parse(line);
      this.#waiting.get(id)?.(outcome);
    });
  }

  probe(probes: readonly Probe[]): Promise<readonly Outcome[]> {
    return Promise.all(
      probes.map(({ from, port, expected }) =>
        this.ask({
          from,
          to: from.includes(":") ? SERVER[6] : SERVER[4],
          port,
          patienceMs: expected === "silent" ? PATIENCE_MS.silent : PATIENCE_MS.open,
        }),
      ),
    );
  }

  /** Connects and keeps the connection. @returns a question whether it still carries bytes there and back */
  async hold(from: string, port: number): Promise<() => Promise<Outcome>> {
    const to = from.includes(":") ? SERVER[6] : SERVER[4];
    const held = this.#last + 1;
    const outcome = await this.ask({ from, to, port, keep: true, patienceMs: PATIENCE_MS.open });
    if (outcome !== "open") throw new Error(`${from} could not connect to ${port}: ${outcome}`);
    return () => this.ask({ echo: held, patienceMs: PATIENCE_MS.open });
  }

  ask(question: object): Promise<Outcome> {
    this.#last += 1;
    const id = this.#last;
    return new Promise((resolve) => {
      this.#waiting.set(id, resolve);
      this.#child.stdin.write(`${JSON.stringify({ id, ...question })}\n`);
    });
  }

  end(): void {
    this.#child.kill("SIGKILL");
  }
}

/** An IPv6 address is in use at once: nobody else is on the cable who could have it. */
function bringUp(link: string, addresses: readonly string[]): void {
  writeFileSync(`/proc/sys/net/ipv6/conf/${link}/accept_dad`, "0");
  setLink("lo", { up: true });
  setLink(link, { up: true });
  for (const address of addresses) addAddress(link, address);
}
