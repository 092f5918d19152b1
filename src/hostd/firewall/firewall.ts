/**
 * The host's firewall at work: what it shall be is in the database, what is the kernel has, through vmkernel. A change is vmkernel's first
 * and stored when it took it; whatever ends in between, the stored one is what vmkernel is told again at the next start or connection.
 */
import { isDeepStrictEqual } from "node:util";
import { Turns } from "../../base/index.ts";
import { ConnectionLost, type HostFirewallState } from "../../vmkernel/index.ts";
import { fault, type HostFirewallInfo } from "../../wire/index.ts";
import type { HostAgent } from "../agent.ts";
import type { Connection } from "../database.ts";
import { HOST, HOST_MANAGERS } from "../inventory-tree.ts";
import type { Vmkernel } from "../vmkernel.ts";
import { FIRST_FIREWALL, type FirewallSettings, readStored, showFirewall, toVmkernel } from "./firewall-settings.ts";
import type { FirewallFacts } from "./plan-firewall.ts";

const SETTING = "firewall";

export interface FirewallParts {
  readonly database: Connection;
  readonly vmkernel: Vmkernel;
  readonly agent: () => HostAgent;
}

export class Firewall {
  readonly #parts: FirewallParts;
  readonly #turns = new Turns(1);
  #settings: FirewallSettings;
  #state: Pick<HostFirewallState, "scope" | "withheld"> = { scope: "ownPorts" };

  constructor(parts: FirewallParts) {
    this.#parts = parts;
    const row = parts.database.prepare("SELECT value FROM setting WHERE key = ?").get(SETTING) as { value: string } | undefined;
    this.#settings = row === undefined ? FIRST_FIREWALL : readStored(row.value);
  }

  /** What it shall be. */
  get settings(): FirewallSettings {
    return this.#settings;
  }

  /** What clients see. */
  get info(): HostFirewallInfo {
    const { scope, withheld } = this.#state;
    return showFirewall(this.#settings, withheld === undefined ? scope : undefined, this.#parts.agent().identity.port);
  }

  /**
   * Tells vmkernel what is stored, at start, whenever it has come back, and when somebody asks for it.
   * @throws {Fault} when it could not be made so: a host without the firewall that it shall have is not to be reached
   */
  restore(): Promise<void> {
    return this.#turns.take(async () => {
      this.#state = await this.#parts.vmkernel.request({ kind: "readFirewallState" });
      if (this.#state.withheld === undefined) await this.#tell(this.#settings);
    });
  }

  /**
   * Changes it, whole or not at all.
   * @param plan decides on what is there when its turn comes
   * @param clientAddress of who asks for it
   * @throws {Fault} the plan's own, or HostConfigFault when the kernel could not be made so
   */
  change(plan: (settings: FirewallSettings, facts: FirewallFacts) => FirewallSettings, clientAddress: string): Promise<void> {
    return this.#turns.take(async () => {
      const { scope, withheld } = this.#state;
      if (withheld !== undefined) throw fault("HostConfigFault", withheld, {});
      const { identity, changes } = this.#parts.agent();
      const before = this.#settings;
      const wanted = plan(before, { scope, apiPort: identity.port, clientAddress });
      if (isDeepStrictEqual(wanted, before)) return;
      await this.#tell(wanted);
      try {
        this.#store(wanted);
      } catch (error) {
        await this.#tell(before);
        throw error;
      }
      this.#settings = wanted;
      changes.changed(HOST, HOST_MANAGERS.firewallSystem);
    });
  }

  /** A vmkernel that dies over it is told again: what it made of it, the next one finds. */
  async #tell(settings: FirewallSettings): Promise<void> {
    const ask = () => this.#parts.vmkernel.request({ kind: "configureFirewall", firewall: toVmkernel(settings) });
    await ask().catch((error: unknown) => {
      if (error instanceof ConnectionLost) return ask();
      throw error;
    });
  }

  #store(settings: FirewallSettings): void {
    this.#parts.database
      .prepare("INSERT INTO setting (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value")
      .run(SETTING, JSON.stringify(settings));
  }
}
