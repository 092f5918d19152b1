/**
 * A PropertyCollector of one session: its filters, the versions that its clients hold, and who waits for a change.
 * Any version that was given out lately may be asked from again: threads of one client share a collector, and answers get lost.
 * vim25 PropertyCollector. Source: the vSphere Web Services API on the wire.
 */
import {
  fault,
  type MoRef,
  type ObjectContent,
  type PropertyFilterSpec,
  type RetrieveOptions,
  type RetrieveResult,
  type UpdateSet,
  type WaitOptions,
} from "../../wire/index.ts";
import { collect } from "./collect.ts";
import { PropertyFilter } from "./filter.ts";
import { Retrievals } from "./retrieval.ts";
import type { PropertySource } from "./source.ts";
import { type Knowledge, type Updates, updatesSince } from "./updates.ts";
import { Waiters } from "./waiters.ts";

const FILTERS_MAX = 500; // one for each task or object that a client watches at a time
const VERSIONS_KEPT_MAX = 32; // over the threads of a client that wait on one collector
const OBJECT_UPDATES_DEFAULT = 100; // what a client gets that names no maxObjectUpdates

export class PropertyCollectorState {
  readonly ref: MoRef<"PropertyCollector">;
  readonly #source: PropertySource;
  readonly #newMoid: () => string;
  readonly #filters = new Map<string, PropertyFilter>();
  readonly #retrievals: Retrievals;
  readonly #waiters = new Waiters();
  /** What a client knows that holds a version; oldest first. */
  readonly #versions = new Map<string, Knowledge>([["", new Map()]]);
  #lastVersion = 0;
  #stopListening: (() => void) | undefined;

  /**
   * @param source as the collector's session sees it
   * @param newMoid an id that no object of the host has: of filters, and tokens
   */
  constructor(ref: MoRef<"PropertyCollector">, source: PropertySource, newMoid: () => string) {
    this.ref = ref;
    this.#source = source;
    this.#newMoid = newMoid;
    this.#retrievals = new Retrievals(newMoid);
  }

  get filters(): readonly MoRef<"PropertyFilter">[] {
    return [...this.#filters.values()].map(({ ref }) => ref);
  }

  /** vim25 CreateFilter. @param version of the API, here and below, that the client speaks @throws {Fault} InvalidProperty, InvalidArgument, ManagedObjectNotFound, InvalidRequest */
  createFilter(spec: PropertyFilterSpec, partialUpdates: boolean, version?: string): PropertyFilter {
    if (this.#filters.size >= FILTERS_MAX) throw fault("InvalidRequest", `the collector has ${FILTERS_MAX} filters already`, {});
    const ref: MoRef<"PropertyFilter"> = { type: "PropertyFilter", value: this.#newMoid() };
    const filter = new PropertyFilter(ref, spec, { partialUpdates, version }, this.#source);
    this.#filters.set(ref.value, filter);
    this.#stopListening ??= this.#source.onChange((changed) => this.#noteChange(changed));
    this.#waiters.wake(); // whoever waits is told of its objects
    return filter;
  }

  /** vim25 DestroyPropertyFilter; a no-op when it is gone. */
  destroyFilter(moid: string): void {
    this.#filters.delete(moid);
    if (this.#filters.size === 0) this.#stop();
  }

  /** vim25 RetrieveProperties. */
  retrieveProperties(specSet: readonly PropertyFilterSpec[], version?: string): readonly ObjectContent[] {
    return collect(specSet, this.#source, version);
  }

  /** vim25 RetrievePropertiesEx. */
  retrievePropertiesEx(specSet: readonly PropertyFilterSpec[], options: RetrieveOptions, version?: string): RetrieveResult | undefined {
    return this.#retrievals.begin(collect(specSet, this.#source, version), options);
  }

  /** vim25 ContinueRetrievePropertiesEx. */
  continueRetrieve(token: string): RetrieveResult {
    return this.#retrievals.continue(token);
  }

  /** vim25 CancelRetrievePropertiesEx. */
  cancelRetrieve(token: string): void {
    this.#retrievals.cancel(token);
  }

  /**
   * vim25 WaitForUpdatesEx.
   * @returns undefined when nothing changed within maxWaitSeconds
   * @throws {Fault} InvalidCollectorVersion, InvalidArgument; RequestCanceled when the wait is cancelled or `signal` aborts it
   */
  async waitForUpdatesEx(
    version: string | undefined,
    options: WaitOptions | undefined,
    signal: AbortSignal,
  ): Promise<UpdateSet | undefined> {
    const { maxWaitSeconds = Number.POSITIVE_INFINITY, maxObjectUpdates = OBJECT_UPDATES_DEFAULT } = options ?? {};
    if (maxWaitSeconds < 0) throw invalidOption("maxWaitSeconds");
    if (maxObjectUpdates < 1) throw invalidOption("maxObjectUpdates");
    const known = this.#knowledgeAt(version);
    const deadlineMs = performance.now() + maxWaitSeconds * 1000;
    for (;;) {
      const updates = this.#updatesSince(known, maxObjectUpdates);
      if (updates !== undefined) return updates;
      const leftMs = deadlineMs - performance.now();
      if (leftMs <= 0) return undefined;
      await this.#waiters.wait(leftMs, signal);
    }
  }

  /** vim25 WaitForUpdates, the older form: all at once, and for as long as it takes. */
  async waitForUpdates(version: string | undefined, signal: AbortSignal): Promise<UpdateSet> {
    const known = this.#knowledgeAt(version);
    for (;;) {
      const updates = this.#updatesSince(known, Number.POSITIVE_INFINITY);
      if (updates !== undefined) return updates;
      await this.#waiters.wait(Number.POSITIVE_INFINITY, signal);
    }
  }

  /** vim25 CheckForUpdates. @returns undefined when nothing changed */
  checkForUpdates(version: string | undefined): UpdateSet | undefined {
    return this.#updatesSince(this.#knowledgeAt(version), Number.POSITIVE_INFINITY);
  }

  /** vim25 CancelWaitForUpdates: whoever waits gets RequestCanceled. */
  cancelWaitForUpdates(): void {
    this.#waiters.cancel();
  }

  /** Ends the collector with its filters; whoever waits gets RequestCanceled. */
  dispose(): void {
    this.#filters.clear();
    this.#retrievals.clear();
    this.#stop();
    this.#waiters.end();
  }

  #stop(): void {
    this.#stopListening?.();
    this.#stopListening = undefined;
  }

  #noteChange(ref: MoRef): void {
    let matters = false;
    for (const filter of this.#filters.values()) matters = filter.noteChange(ref) || matters;
    if (matters) this.#waiters.wakeSoon();
  }

  #knowledgeAt(version = ""): Knowledge {
    const known = this.#versions.get(version);
    if (known === undefined) throw fault("InvalidCollectorVersion", `There is no version ${version.slice(0, 64)} any more.`, {});
    return known;
  }

  #updatesSince(known: Knowledge, objectUpdatesMax: number): UpdateSet | undefined {
    const views = [...this.#filters.values()].map((filter) => ({
      ref: filter.ref,
      partialUpdates: filter.partialUpdates,
      picture: filter.look(),
    }));
    const updates = updatesSince(known, views, objectUpdatesMax);
    return updates === undefined ? undefined : this.#newVersion(updates);
  }

  #newVersion({ filterSet, truncated, known }: Updates): UpdateSet {
    const version = String(++this.#lastVersion);
    this.#versions.set(version, known);
    const oldest = [...this.#versions.keys()][1]; // the first is "", which always holds
    if (this.#versions.size > VERSIONS_KEPT_MAX && oldest !== undefined) this.#versions.delete(oldest);
    return { version, filterSet, ...(truncated ? { truncated } : {}) };
  }
}

function invalidOption(name: string) {
  return fault("InvalidArgument", `A specified parameter was not correct: options.${name}`, { invalidProperty: `options.${name}` });
}
