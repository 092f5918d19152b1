/**
 * Telnet: data with commands in between, and the negotiation of options. Pure: bytes in, bytes out.
 * Source: RFC 854 (commands), RFC 856 (binary), RFC 858 (suppress go ahead), RFC 1143 (no loops).
 */

/** A command is | IAC | verb | option |; a subnegotiation | IAC | SB | option | … | IAC | SE |; a byte 255 of data is IAC IAC. */
export const TELNET = { IAC: 255, DONT: 254, DO: 253, WONT: 252, WILL: 251, SB: 250, SE: 240 } as const;
export const OPTION = { binary: 0, suppressGoAhead: 3 } as const;
export type Verb = "DO" | "DONT" | "WILL" | "WONT";

export type TelnetEvent =
  | { readonly kind: "data"; readonly bytes: Buffer }
  | { readonly kind: "verb"; readonly verb: Verb; readonly option: number }
  | { readonly kind: "subnegotiation"; readonly option: number; readonly bytes: Buffer };

const SUBNEGOTIATION_BYTES_MAX = 4096; // names, UUIDs and URIs; a peer that sends more is not listened to
const verbs: ReadonlyMap<number, Verb> = new Map([
  [TELNET.DO, "DO"],
  [TELNET.DONT, "DONT"],
  [TELNET.WILL, "WILL"],
  [TELNET.WONT, "WONT"],
]);

/** The peer broke a bound of the protocol: the connection is of no use any more. */
export class TelnetError extends Error {
  override readonly name = "TelnetError";
}

type State =
  | { readonly kind: "data" }
  | { readonly kind: "command" }
  | { readonly kind: "option"; readonly verb: Verb }
  /** `escaped` after an IAC within it. */
  | { readonly kind: "subnegotiation"; readonly bytes: number[]; escaped: boolean };

/** Takes a stream apart, whatever pieces it comes in. */
export class TelnetReader {
  #state: State = { kind: "data" };

  /** @throws {TelnetError} */
  push(chunk: Uint8Array): TelnetEvent[] {
    const events: TelnetEvent[] = [];
    let data: number[] = [];
    const flush = (): void => {
      if (data.length > 0) events.push({ kind: "data", bytes: Buffer.from(data) });
      data = [];
    };
    for (const byte of chunk) {
      const event = this.#take(byte, data);
      if (event === undefined) continue;
      flush();
      events.push(event);
    }
    flush();
    return events;
  }

  #take(byte: number, data: number[]): TelnetEvent | undefined {
    const state = this.#state;
    switch (state.kind) {
      case "data":
        if (byte === TELNET.IAC) this.#state = { kind: "command" };
        else data.push(byte);
        return undefined;
      case "command":
        return this.#command(byte, data);
      case "option":
        this.#state = { kind: "data" };
        return { kind: "verb", verb: state.verb, option: byte };
      case "subnegotiation":
        return this.#subnegotiation(state, byte);
    }
  }

  #command(byte: number, data: number[]): undefined {
    const verb = verbs.get(byte);
    if (verb !== undefined) this.#state = { kind: "option", verb };
    else if (byte === TELNET.SB) this.#state = { kind: "subnegotiation", bytes: [], escaped: false };
    else {
      if (byte === TELNET.IAC) data.push(byte);
      this.#state = { kind: "data" }; // NOP, break, go ahead …: nothing that a serial port has
    }
  }

  #subnegotiation(state: Extract<State, { kind: "subnegotiation" }>, byte: number): TelnetEvent | undefined {
    if (state.escaped && byte === TELNET.SE) {
      this.#state = { kind: "data" };
      const [option, ...bytes] = state.bytes;
      return option === undefined ? undefined : { kind: "subnegotiation", option, bytes: Buffer.from(bytes) };
    }
    if (!state.escaped && byte === TELNET.IAC) {
      state.escaped = true;
      return undefined;
    }
    state.escaped = false;
    state.bytes.push(byte);
    if (state.bytes.length > SUBNEGOTIATION_BYTES_MAX) throw new TelnetError("a subnegotiation without end");
    return undefined;
  }
}

/** Data as it goes over the wire: every 255 twice. */
export function escapeTelnet(data: Uint8Array): Buffer {
  if (!data.includes(TELNET.IAC)) return Buffer.from(data);
  return Buffer.from([...data].flatMap((byte) => (byte === TELNET.IAC ? [byte, byte] : [byte])));
}

export const formatVerb = (verb: Verb, option: number): Buffer => Buffer.of(TELNET.IAC, TELNET[verb], option);

export function formatSubnegotiation(option: number, bytes: Uint8Array): Buffer {
  return Buffer.concat([Buffer.of(TELNET.IAC, TELNET.SB, option), escapeTelnet(bytes), Buffer.of(TELNET.IAC, TELNET.SE)]);
}

/** Which options each side performs; answers what changes that, and nothing else, so that two sides never go round in circles. */
export class Negotiation {
  readonly #supported: ReadonlySet<number>;
  /** What we said that we do, and what we asked the peer to do. */
  readonly #ours = new Set<number>();
  readonly #theirs = new Set<number>();
  readonly #refused = new Set<string>();

  constructor(supported: readonly number[]) {
    this.#supported = new Set(supported);
  }

  /** Offers to perform `ours` and asks for `theirs`. */
  open(ours: readonly number[], theirs: readonly number[]): Buffer {
    for (const option of ours) this.#ours.add(option);
    for (const option of theirs) this.#theirs.add(option);
    return Buffer.concat([...ours.map((option) => formatVerb("WILL", option)), ...theirs.map((option) => formatVerb("DO", option))]);
  }

  answer(verb: Verb, option: number): Buffer {
    switch (verb) {
      case "DO":
        return this.#agree(this.#ours, option, "WILL", "WONT");
      case "WILL":
        return this.#agree(this.#theirs, option, "DO", "DONT");
      case "DONT":
        return this.#ours.delete(option) ? formatVerb("WONT", option) : Buffer.alloc(0);
      case "WONT":
        return this.#theirs.delete(option) ? formatVerb("DONT", option) : Buffer.alloc(0);
    }
  }

  #agree(agreed: Set<number>, option: number, yes: Verb, no: Verb): Buffer {
    if (agreed.has(option)) return Buffer.alloc(0);
    if (this.#supported.has(option)) {
      agreed.add(option);
      return formatVerb(yes, option);
    }
    const refusal = `${no} ${option}`;
    if (this.#refused.has(refusal)) return Buffer.alloc(0);
    this.#refused.add(refusal);
    return formatVerb(no, option);
  }
}
