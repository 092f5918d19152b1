/**
 * The host's services at work: policies in the database, deeds by vmkernel. A service's rule sets are open while it runs: they are opened
 * before it starts and closed after it has stopped.
 */
import { messageOf, Turns, Undo } from "../../base/index.ts";
import type { ServiceDescription } from "../../vmkernel/index.ts";
import { fault, type HostServiceInfo } from "../../wire/index.ts";
import type { Call, HostAgent } from "../agent.ts";
import type { Connection } from "../database.ts";
import { disableRuleSet, enableRuleSet } from "../firewall/plan-firewall.ts";
import { HOST, HOST_MANAGERS } from "../inventory-tree.ts";
import type { Vmkernel } from "../vmkernel.ts";
import {
  HOST_SERVICE_KEYS,
  type HostServiceKey,
  planSteps,
  refuseDeed,
  refusePolicy,
  requirePolicy,
  requireService,
  type ServiceDeed,
  type ServicePolicies,
  type ServiceStep,
  services,
  showService,
} from "./plan-services.ts";

const POLICIES = "services.policies";
const STARTED = "services.hostStart";

export interface ServicesParts {
  readonly database: Connection;
  readonly vmkernel: Vmkernel;
  readonly agent: () => HostAgent;
}

export class Services {
  readonly #parts: ServicesParts;
  readonly #turns = new Turns(1);
  #policies: ServicePolicies;
  #machine: readonly ServiceDescription[] = [];

  constructor(parts: ServicesParts) {
    this.#parts = parts;
    this.#policies = JSON.parse(this.#readSetting(POLICIES) ?? "{}") as ServicePolicies;
  }

  /** As they were looked at last. */
  get info(): HostServiceInfo {
    return { service: HOST_SERVICE_KEYS.map((key) => showService(key, this.#policies, this.#machine)) };
  }

  /** Looks at them now. */
  async refresh(): Promise<void> {
    const before = JSON.stringify(this.#machine);
    this.#machine = await this.#parts.vmkernel.request({ kind: "describeServices" });
    if (JSON.stringify(this.#machine) !== before) this.#changed();
  }

  /** @throws {Fault} NotFound, InvalidState, HostConfigFault; then it is as it was */
  act(call: Call, id: string, deed: ServiceDeed): Promise<void> {
    return this.#turns.take(async () => {
      const key = requireService(id);
      await this.refresh();
      const refusal = refuseDeed(key, deed, this.#machine);
      if (refusal !== undefined) throw refusal;
      await this.#perform(key, deed);
      const done = { start: "started", stop: "stopped", restart: "restarted" }[deed];
      this.#post(`The service ${services[key].label} was ${done}`, call.session?.userName ?? "");
    });
  }

  /** @throws {Fault} NotFound, InvalidArgument, HostConfigFault */
  setPolicy(call: Call, id: string, text: string): Promise<void> {
    return this.#turns.take(async () => {
      const key = requireService(id);
      const policy = requirePolicy(text);
      await this.refresh();
      const refusal = refusePolicy(key, policy, this.#machine);
      if (refusal !== undefined) throw refusal;
      const policies = { ...this.#policies, [key]: policy };
      this.#writeSetting(POLICIES, JSON.stringify(policies));
      this.#policies = policies;
      this.#changed();
      this.#post(`The policy of the service ${services[key].label} is ${policy}`, call.session?.userName ?? "");
      await this.#take("ruleSets");
    });
  }

  /** @throws {Fault} NotFound, HostConfigFault */
  uninstall(id: string): never {
    throw fault("HostConfigFault", `The service ${services[requireService(id)].label} is part of the host and cannot be uninstalled.`, {});
  }

  /** A rule set was enabled or disabled. What cannot follow is told to people: the rule set is as it was asked for. */
  async follow(): Promise<void> {
    await this.#turns.take(() => this.#take("ruleSets"));
  }

  /** Carries the policies out, once for each start of the host. */
  async onHostStart(hostStart: string): Promise<void> {
    await this.#turns.take(async () => {
      await this.refresh();
      if (this.#readSetting(STARTED) === hostStart) return;
      await this.#take("hostStart");
      this.#writeSetting(STARTED, hostStart);
    });
  }

  async #take(when: "hostStart" | "ruleSets"): Promise<void> {
    const firewall = this.#parts.agent().firewall.settings;
    for (const step of planSteps(when, this.#policies, { firewall, machine: this.#machine })) await this.#step(step);
  }

  async #step({ key, deed }: ServiceStep): Promise<void> {
    try {
      await this.#perform(key, deed);
      this.#post(`The service ${services[key].label} was ${deed === "start" ? "started" : "stopped"}, as its policy says`, "");
    } catch (error) {
      this.#post(`The service ${services[key].label} could not ${deed}, as its policy says: ${messageOf(error)}`, "");
    }
  }

  async #perform(key: HostServiceKey, deed: ServiceDeed): Promise<void> {
    const { backing, ruleSets } = services[key];
    if (backing.kind === "absent") return; // it has been refused
    const { firewall } = this.#parts.agent();
    const request = (kind: "startService" | "stopService") => this.#parts.vmkernel.request({ kind, service: backing.service });
    await using undo = new Undo();
    undo.add(() => this.refresh());
    if (deed !== "start") await request("stopService");
    for (const id of deed === "restart" ? [] : ruleSets) {
      const before = firewall.settings.ruleSets[id].enabled;
      await firewall.change((settings, facts) => (deed === "start" ? enableRuleSet : disableRuleSet)(settings, id, facts), "");
      if (deed === "start" && !before) undo.add(() => firewall.change((settings, facts) => disableRuleSet(settings, id, facts), ""));
    }
    if (deed !== "stop") await request("startService");
    undo.release();
    await this.refresh();
  }

  #changed(): void {
    this.#parts.agent().changes.changed(HOST, HOST_MANAGERS.serviceSystem);
  }

  #post(message: string, userName: string): void {
    this.#parts.agent().events.post("GeneralHostInfoEvent", message, { userName }, { message });
  }

  #readSetting(key: string): string | undefined {
    return (this.#parts.database.prepare("SELECT value FROM setting WHERE key = ?").get(key) as { value: string } | undefined)?.value;
  }

  #writeSetting(key: string, value: string): void {
    this.#parts.database
      .prepare("INSERT INTO setting (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value")
      .run(key, value);
  }
}
