/**
 * The DHCP clients of the host's own interfaces: one for each that asks for its address, started again when it ends. They end with
 * vmkernel; the interface keeps its address meanwhile, and the next client asks for the same one.
 */
import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { messageWithCauses } from "../base/index.ts";
import { type ConfinedProcess, filesOfPrograms, machineName, type OutputListener, terminate, waitForProgram } from "../system/index.ts";
import { BUSYBOX, planDhcpClient } from "./dhcp-sandbox.ts";
import type { Isolation } from "./isolation.ts";
import type { HostNicConfig, Learned, Lease } from "./network/config.ts";
import { netstackNamespace } from "./network/index.ts";
import type { NetworkState } from "./network/plan-network.ts";
import { EVENT_SCRIPT, parseDhcpEvent } from "./parse-dhcp-event.ts";
import { SETPRIV } from "./vmm/sandbox.ts";
import { startSandboxed } from "./vmm/sandbox-start.ts";

export interface DhcpClientsParts {
  /** Where the netstacks' namespaces are kept. */
  readonly network: string;
  /** A folder that everybody may enter. */
  readonly run: string;
  readonly isolation: Isolation;
  readonly learn: (device: string, told: Learned) => Promise<void>;
  readonly log: (line: string) => void;
}

/** Above those of monitors, one for each interface that a host can have. */
const FIRST_UID = 265_536;
const AGAIN_MS = 2000;
/** A sandbox is set up in milliseconds, on a machine that is overloaded in seconds. */
const SET_UP_MS = 30_000;

interface Client {
  /** What it was started for: for anything else another is. */
  readonly place: string;
  /** Resolves when nothing of it is left. */
  stop(): Promise<void>;
}

export class DhcpClients {
  readonly #parts: DhcpClientsParts;
  readonly #clients = new Map<string, Client>();
  #readOnlyPaths: Promise<readonly string[]> | undefined;

  constructor(parts: DhcpClientsParts) {
    this.#parts = parts;
  }

  /** Starts those that are new, and stops those of interfaces that ask no more or are elsewhere now. */
  follow({ config: { hostNics = [] }, learned = {} }: NetworkState): void {
    const asking = new Map(hostNics.flatMap((nic) => (nic.dhcp ? [[nic.device, nic] as const] : [])));
    const moved = new Set<string>();
    for (const [device, client] of this.#clients) {
      const nic = asking.get(device);
      if (nic !== undefined && placeOf(nic) === client.place) continue;
      this.#stop(device, client);
      this.#clients.delete(device);
      moved.add(device);
    }
    for (const [device, nic] of asking) {
      if (!this.#clients.has(device)) this.#clients.set(device, this.#start(nic, moved.has(device) ? undefined : learned[device]?.lease));
    }
  }

  /** Resolves when none is left. */
  async stop(): Promise<void> {
    const clients = [...this.#clients];
    this.#clients.clear();
    await Promise.all(clients.map(([device, client]) => this.#stop(device, client)));
  }

  /** Does not reject. */
  async #stop(device: string, client: Client): Promise<void> {
    await client
      .stop()
      .catch((error: unknown) => this.#parts.log(`network: ending the DHCP client of ${device}: ${messageWithCauses(error)}`));
  }

  #start(nic: HostNicConfig, had: Lease | undefined): Client {
    const { learn, log } = this.#parts;
    let stopped = false;
    let launched: Promise<ConfinedProcess> | undefined;
    let lease = had;
    const learned = (now: Lease | undefined): void => {
      lease = now;
      learn(nic.device, { lease }).catch((error: unknown) => log(`network: ${nic.device}: ${messageWithCauses(error)}`));
    };
    /** A client has no lease when it begins: the interface keeps what an earlier one got, for as long as that is good. */
    const listener = (): OutputListener => {
      let hasBegun = false;
      return (line) => {
        const event = stopped ? undefined : parseDhcpEvent(line, Date.now());
        if (event?.kind === "leased") learned(event.lease);
        if (event?.kind === "none" && hasBegun) learned(undefined);
        if (event?.kind === "unanswered" && lease !== undefined && lease.untilMs < Date.now()) learned(undefined);
        hasBegun ||= event?.kind === "none";
      };
    };
    const run = async (): Promise<void> => {
      for (; !stopped; await pause(AGAIN_MS)) {
        try {
          launched = this.#launch(nic, lease?.address, listener());
          await (await launched).ended;
        } catch (error) {
          log(`network: the DHCP client of ${nic.device}: ${messageWithCauses(error)}`);
        }
      }
    };
    void run();
    return {
      place: placeOf(nic),
      async stop() {
        stopped = true;
        const process = await launched?.catch(() => undefined); // it did not come up, and that was logged
        if (process !== undefined) await end(process);
      },
    };
  }

  async #launch({ device, netstack }: HostNicConfig, requested: string | undefined, log: OutputListener): Promise<ConfinedProcess> {
    const { isolation, run, network } = this.#parts;
    const script = join(run, "dhcp-event");
    writeFileSync(script, EVENT_SCRIPT);
    chmodSync(script, 0o755);
    this.#readOnlyPaths ??= filesOfPrograms([SETPRIV]);
    const plan = planDhcpClient({
      isolation,
      device,
      namespace: netstackNamespace(network, netstack),
      uid: FIRST_UID + Number(device.slice("vmk".length)),
      script,
      readOnlyPaths: await this.#readOnlyPaths,
      hostName: machineName().split(".")[0] ?? "",
      requested,
    });
    return startSandboxed(plan, { descriptors: [], log, stdin: "null", cgroup: undefined });
  }
}

/** An interface elsewhere asks anew. */
function placeOf({ device, netstack, mac, portGroup }: HostNicConfig): string {
  return JSON.stringify([device, netstack, mac, portGroup]);
}

/** A sandbox that is killed while it is being set up may leave the half of it that does not die with the other yet: it is waited for. */
async function end(process: ConfinedProcess): Promise<void> {
  const client = await waitForProgram(process, BUSYBOX, SET_UP_MS).catch(() => undefined); // it has ended by itself
  await terminate(client === undefined ? [process] : [client, process], 0);
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => void setTimeout(resolve, ms).unref());
}
