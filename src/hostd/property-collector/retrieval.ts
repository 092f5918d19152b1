/** Results too long for one answer: handed out a page at a time, each under a token that is good for once. vim25 RetrievePropertiesEx. */
import { fault, type ObjectContent, type RetrieveOptions, type RetrieveResult } from "../../wire/index.ts";
import { invalidProperty } from "./property-path.ts";

const TOKENS_MAX = 16; // retrievals that were begun and not finished; a client has one at a time, and forgets some

interface Rest {
  readonly objects: readonly ObjectContent[];
  readonly pageObjects: number;
}

export class Retrievals {
  /** By token, oldest first. */
  readonly #rests = new Map<string, Rest>();
  readonly #newToken: () => string;

  constructor(newToken: () => string) {
    this.#newToken = newToken;
  }

  /** The first page. @returns undefined when there is nothing */
  begin(objects: readonly ObjectContent[], { maxObjects }: RetrieveOptions): RetrieveResult | undefined {
    if (maxObjects !== undefined && maxObjects < 1) {
      throw fault("InvalidArgument", "A specified parameter was not correct: options.maxObjects", {
        invalidProperty: "options.maxObjects",
      });
    }
    return objects.length === 0 ? undefined : this.#page(objects, maxObjects ?? objects.length);
  }

  /** @throws {Fault} InvalidProperty, when the token is unknown, used, or so old that it was given up */
  continue(token: string): RetrieveResult {
    const { objects, pageObjects } = this.#take(token);
    return this.#page(objects, pageObjects);
  }

  /** Gives the rest up. @throws {Fault} InvalidProperty, as {@link continue} does */
  cancel(token: string): void {
    this.#take(token);
  }

  clear(): void {
    this.#rests.clear();
  }

  #take(token: string): Rest {
    const rest = this.#rests.get(token);
    if (rest === undefined) throw invalidProperty(token);
    this.#rests.delete(token);
    return rest;
  }

  #page(objects: readonly ObjectContent[], pageObjects: number): RetrieveResult {
    if (objects.length <= pageObjects) return { objects };
    const token = this.#newToken();
    this.#rests.set(token, { objects: objects.slice(pageObjects), pageObjects });
    const [oldest] = this.#rests.keys();
    if (this.#rests.size > TOKENS_MAX && oldest !== undefined) this.#rests.delete(oldest);
    return { token, objects: objects.slice(0, pageObjects) };
  }
}
