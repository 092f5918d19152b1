/**
 * JSON text to values, for hostile text. Pure.
 * Not JSON.parse, because that rounds numbers, keeps the last of two members with one name (so that who checks and who acts may
 * see different ones), and has no bound on depth. Objects are maps, so that "__proto__" is a name like any other. RFC 8259.
 */
import type { Fault } from "../../base/index.ts";
import { fault } from "./fault.ts";

/** A number as it was written: what type it has decides how it is read. */
export interface JsonNumber {
  readonly number: string;
}

export type JsonObject = ReadonlyMap<string, JsonValue>;
export type JsonValue = null | boolean | string | JsonNumber | readonly JsonValue[] | JsonObject;

export interface JsonLimits {
  readonly bytesMax: number;
  /** Values of every kind. */
  readonly valuesMax: number;
}

/** As the XML parser's: what a request may hold does not depend on its wire. */
export const JSON_REQUEST_LIMITS: JsonLimits = { bytesMax: 4 * 1024 * 1024, valuesMax: 100_000 };

const DEPTH_MAX = 64; // well over the deepest request that real clients send; stops one exhausting the stack
const SPACE = /[ \t\r\n]*/y;
const NUMBER = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;
/** Up to the closing quote; what is between is checked by JSON.parse, which knows the escapes. */
const STRING = /"[^"\\]*(?:\\.[^"\\]*)*"/sy;
/** Half of a pair: no character, so what is kept as UTF-8 comes back as another text. RFC 7493 §2.1. */
const LONE_SURROGATE = /\p{Surrogate}/u;
const LITERALS: readonly (readonly [string, null | boolean])[] = [
  ["null", null],
  ["true", true],
  ["false", false],
];

/**
 * @param bytes UTF-8, untrusted
 * @throws {Fault} InvalidRequest
 */
export function parseJson(bytes: Uint8Array, limits: JsonLimits = JSON_REQUEST_LIMITS): JsonValue {
  if (bytes.byteLength > limits.bytesMax) throw refuse(`it has more than ${limits.bytesMax} bytes`);
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw refuse("it is no UTF-8");
  }
  return new Parser(text, limits).parse();
}

class Parser {
  readonly #text: string;
  readonly #limits: JsonLimits;
  #at = 0;
  #values = 0;

  constructor(text: string, limits: JsonLimits) {
    this.#text = text;
    this.#limits = limits;
  }

  parse(): JsonValue {
    const value = this.#value(0);
    if (this.#next() !== undefined) throw this.#refuse("something follows the value");
    return value;
  }

  #value(depth: number): JsonValue {
    if (depth > DEPTH_MAX) throw refuse(`its values nest deeper than ${DEPTH_MAX}`);
    this.#values += 1;
    if (this.#values > this.#limits.valuesMax) throw refuse(`it has more than ${this.#limits.valuesMax} values`);
    switch (this.#next()) {
      case "{":
        return this.#object(depth);
      case "[":
        return this.#array(depth);
      case '"':
        return this.#string();
      default:
        return this.#scalar();
    }
  }

  #object(depth: number): JsonObject {
    const members = new Map<string, JsonValue>();
    this.#at += 1;
    if (this.#take("}")) return members;
    do {
      if (this.#next() !== '"') throw this.#refuse("a member's name is expected");
      const name = this.#string();
      if (members.has(name)) throw this.#refuse("a member is there twice");
      if (!this.#take(":")) throw this.#refuse("a colon is expected");
      members.set(name, this.#value(depth + 1));
    } while (this.#take(","));
    if (!this.#take("}")) throw this.#refuse("an object does not end");
    return members;
  }

  #array(depth: number): readonly JsonValue[] {
    const items: JsonValue[] = [];
    this.#at += 1;
    if (this.#take("]")) return items;
    do items.push(this.#value(depth + 1));
    while (this.#take(","));
    if (!this.#take("]")) throw this.#refuse("an array does not end");
    return items;
  }

  #string(): string {
    const quoted = this.#match(STRING);
    let text: string | undefined;
    try {
      text = quoted === undefined ? undefined : JSON.parse(quoted);
    } catch {
      // An escape or a control character that JSON does not have: told below.
    }
    if (text === undefined) throw this.#refuse("a string is none of JSON's");
    if (LONE_SURROGATE.test(text)) throw this.#refuse("a string has half of a surrogate pair");
    return text;
  }

  #scalar(): null | boolean | JsonNumber {
    for (const [word, value] of LITERALS) {
      if (!this.#text.startsWith(word, this.#at)) continue;
      this.#at += word.length;
      return value;
    }
    const number = this.#match(NUMBER);
    if (number === undefined) throw this.#refuse("a value is expected");
    return { number };
  }

  /** The next character that is no space; undefined at the end. */
  #next(): string | undefined {
    this.#match(SPACE);
    return this.#text[this.#at];
  }

  #take(character: string): boolean {
    if (this.#next() !== character) return false;
    this.#at += 1;
    return true;
  }

  /** Takes what `pattern`, a sticky one, finds here. */
  #match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text)?.[0];
    if (found !== undefined) this.#at += found.length;
    return found;
  }

  #refuse(reason: string): Fault {
    return refuse(`${reason} at character ${this.#at}`);
  }
}

export function isJsonObject(value: JsonValue): value is JsonObject {
  return value instanceof Map;
}

export function isJsonNumber(value: JsonValue): value is JsonNumber {
  return typeof value === "object" && value !== null && "number" in value;
}

function refuse(reason: string): Fault {
  return fault("InvalidRequest", `The request cannot be read: ${reason}.`, {});
}
