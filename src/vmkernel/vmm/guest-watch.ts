/** What is known of one guest: asked of its agent while the agent has its channel open, forgotten when it closes it. */
import { isDeepStrictEqual } from "node:util";
import type { GuestState } from "../rpc.ts";
import { AgentError, GuestAgent } from "./guest-agent.ts";
import { GuestPrograms } from "./guest-programs.ts";
import { AGENT_CHARDEV } from "./plan-devices.ts";

const NOT_RUNNING: GuestState = { tools: "notRunning" };

export class GuestWatch {
  readonly #agent: GuestAgent;
  /** What runs in it for clients. */
  readonly programs: GuestPrograms;
  readonly #onChange: (state: GuestState) => void;
  #state: GuestState = NOT_RUNNING;
  #isChannelOpen = false;
  #isLooking = false;
  /** How often QEMU has said unasked that the channel opened or closed. */
  #channelChanges = 0;

  constructor(agentSocket: string, onChange: (state: GuestState) => void, options: { readonly mayBeFrozen?: boolean } = {}) {
    this.#agent = new GuestAgent(agentSocket, options);
    this.programs = new GuestPrograms({
      ask: (command, args) =>
        this.#isChannelOpen ? this.#agent.execute(command, args) : Promise.reject(new AgentError(`${command}: no agent listens`)),
      now: () => performance.now() + performance.timeOrigin,
    });
    this.#onChange = onChange;
  }

  get isChannelOpen(): boolean {
    return this.#isChannelOpen;
  }

  /** The guest is to be looked at, whoever listens: see {@link GuestAgent.owesThaw}. */
  get owesThaw(): boolean {
    return this.#agent.owesThaw;
  }

  get state(): GuestState {
    return this.#state;
  }

  /** The guest opens the channel when its agent starts; QEMU says so, nobody needs to ask. */
  onChannelChange(isOpen: boolean): void {
    this.#channelChanges += 1;
    this.#setChannelOpen(isOpen);
  }

  /**
   * Finds out how the channel is, for whoever may have missed a change of it.
   * A change that is heard before the answer is acted on is at least as new as the answer, so then the answer counts for nothing.
   * @param queryChardev asks QEMU
   */
  async lookAtChannel(queryChardev: () => Promise<unknown>): Promise<void> {
    const before = this.#channelChanges;
    const chardevs = await queryChardev();
    if (this.#channelChanges === before) this.#setChannelOpen(isAgentListening(chardevs));
  }

  /** Asks the guest how it is, unless that is being done, or nobody would answer. */
  async look(): Promise<void> {
    if (!this.#isChannelOpen || this.#isLooking) return;
    this.#isLooking = true;
    try {
      const state = await this.#agent.describeGuest();
      if (this.#isChannelOpen) this.#become(state);
      await this.programs.collect();
    } catch {
      this.#become(NOT_RUNNING); // an agent that does not answer is none; it is asked again next time
    } finally {
      this.#isLooking = false;
    }
  }

  /** @returns whether the agent took it; if not, it is not there or refused */
  shutdown(mode: "powerdown" | "reboot"): Promise<boolean> {
    return this.#isTaken(() => this.#agent.shutdown(mode));
  }

  /** @returns whether an agent answered */
  flush(): Promise<boolean> {
    return this.#isTaken(() => this.#agent.flush());
  }

  /** @throws {AgentError} when the guest can't freeze its file systems; then nothing was done */
  whileFrozen<T>(deed: () => Promise<T>): Promise<T> {
    return this.#agent.whileFrozen(deed);
  }

  async #isTaken(request: () => Promise<void>): Promise<boolean> {
    if (!this.#isChannelOpen) return false;
    try {
      await request();
      return true;
    } catch {
      return false; // the caller has another way, or says that there is none
    }
  }

  close(): void {
    this.#isChannelOpen = false;
    this.#agent.close();
  }

  #setChannelOpen(isOpen: boolean): void {
    this.#isChannelOpen = isOpen;
    if (isOpen) return;
    this.programs.forget();
    this.#agent.close(); // what it was asked will not be answered
    this.#become(NOT_RUNNING);
  }

  #become(state: GuestState): void {
    if (isDeepStrictEqual(state, this.#state)) return;
    this.#state = state;
    this.#onChange(state);
  }
}

/** Whether the guest has the channel open now, from what query-chardev answers (untrusted). */
export function isAgentListening(chardevs: unknown): boolean {
  if (!Array.isArray(chardevs)) return false;
  return chardevs.some((chardev: unknown) => {
    if (typeof chardev !== "object" || chardev === null) return false;
    const { label, "frontend-open": isOpen } = chardev as Readonly<Record<string, unknown>>;
    return label === AGENT_CHARDEV && isOpen === true;
  });
}
