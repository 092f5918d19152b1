/**
 * What a switch program can do to others: where each frame that it sends on gets its destination from, and which tables it writes.
 * Found by following every value through every path of the program. Pure. Source: RFC 9669; include/uapi/linux/bpf.h for the helpers.
 */
import { isDeepStrictEqual } from "node:util";
import { HELPERS, type Instruction, type Program, type Register, SKB, XDP_MD } from "../ebpf/index.ts";

/** Where a value comes from, as far as it is known on every path. */
export type Origin =
  | { readonly kind: "constant"; readonly value: number | undefined }
  /** A number that was read out of the map. */
  | { readonly kind: "content"; readonly map: string }
  /** The map itself, and a place in it; a map that is in a map is a place in that one. */
  | { readonly kind: "map"; readonly map: string }
  | { readonly kind: "place"; readonly map: string }
  | { readonly kind: "context" }
  | { readonly kind: "stack"; readonly at: number | undefined }
  | { readonly kind: "packet" }
  /** All bits of it are 0, or all are 1. */
  | { readonly kind: "mask" }
  | { readonly kind: "other" };

export interface ProgramDeeds {
  /** Of each redirect: "the map fdb", "a constant" … */
  readonly destinations: readonly Origin[];
  /** Maps that it changes. */
  readonly written: ReadonlySet<string>;
  /** Whether it writes into the frame. */
  readonly writesFrame: boolean;
  /** Whether it writes where it cannot be said to. */
  readonly writesElsewhere: boolean;
}

type State = ReadonlyMap<string, Origin>;

const OTHER: Origin = { kind: "other" };
const CONSTANT: Origin = { kind: "constant", value: undefined };
const ARGUMENTS = ["r1", "r2", "r3", "r4", "r5"] as const;
/** Which argument of a helper says where a frame goes. */
const DESTINATION: ReadonlyMap<number, Register> = new Map([
  [HELPERS.redirect, "r1"],
  [HELPERS.redirectPeer, "r1"],
  [HELPERS.cloneRedirect, "r2"],
]);
/** These take a frame's destination out of a map of devices, by its number there. */
const BY_MAP: ReadonlySet<number> = new Set([HELPERS.redirectMap]);
const WRITERS: ReadonlySet<number> = new Set([HELPERS.update, HELPERS.delete]);
const LOOKUPS: ReadonlySet<number> = new Set([HELPERS.lookup, HELPERS.mapLookupPercpuElem]);
/** Helpers that leave the stack as it is. */
const READERS: ReadonlySet<number> = new Set([
  ...[...LOOKUPS, ...WRITERS, ...DESTINATION.keys()],
  ...[HELPERS.ktimeGetNs, HELPERS.ktimeGetCoarseNs, HELPERS.csumDiff],
]);
/** These write to the stack what they read of a frame: where r3 says, as much as r4 does. */
const COPIERS: ReadonlySet<number> = new Set([HELPERS.skbLoadBytes, HELPERS.xdpLoadBytes]);

/** Where a program is given its frame: at tc, or at XDP. */
export type Stage = "tc" | "xdp";

const PACKET_FIELDS: Readonly<Record<Stage, readonly number[]>> = {
  tc: [SKB.data, SKB.dataEnd, SKB.dataMeta],
  xdp: [XDP_MD.data, XDP_MD.dataEnd, XDP_MD.dataMeta],
};

export function findDeeds({ instructions }: Program, stage: Stage = "tc"): ProgramDeeds {
  const states = follow(instructions, PACKET_FIELDS[stage]);
  const destinations: Origin[] = [];
  const written = new Set<string>();
  let [writesFrame, writesElsewhere] = [false, false];
  instructions.forEach((instruction, index) => {
    const state = states[index];
    if (state === undefined) return; // no path leads there
    const target = writeTarget(instruction, state);
    if (target?.kind === "place" || target?.kind === "map") written.add(target.map);
    else if (target?.kind === "packet") writesFrame = true;
    else if (target !== undefined && target.kind !== "stack" && target.kind !== "context") writesElsewhere = true;
    if (instruction.kind !== "call") return;
    const register = DESTINATION.get(instruction.helper);
    if (register !== undefined) destinations.push(originOf(state, register));
    if (BY_MAP.has(instruction.helper)) destinations.push(originOf(state, "r1"));
  });
  return { destinations, written, writesFrame, writesElsewhere };
}

/** What an instruction writes to; undefined for one that writes to no memory. */
function writeTarget(instruction: Instruction, state: State): Origin | undefined {
  switch (instruction.kind) {
    case "store":
    case "storeImmediate":
    case "atomicAdd":
      return originOf(state, instruction.base);
    case "call":
      return WRITERS.has(instruction.helper) ? originOf(state, "r1") : undefined;
    default:
      return undefined;
  }
}

/** The state before each instruction, of all the paths that lead there together. */
function follow(instructions: readonly Instruction[], packetFields: readonly number[]): readonly (State | undefined)[] {
  const indexOfSlot = slotIndex(instructions);
  const states: (State | undefined)[] = instructions.map(() => undefined);
  const waiting: number[] = [0];
  states[0] = new Map<string, Origin>([
    ["r1", { kind: "context" }],
    ["r10", { kind: "stack", at: 0 }],
  ]);
  for (let index = waiting.pop(); index !== undefined; index = waiting.pop()) {
    const instruction = instructions[index];
    const before = states[index];
    if (instruction === undefined || before === undefined) continue;
    const after = step(instruction, before, packetFields);
    for (const next of successors(instruction, index, indexOfSlot)) {
      const known = states[next];
      const joined = known === undefined ? after : join(known, after);
      if (isDeepStrictEqual(known, joined)) continue;
      states[next] = joined;
      waiting.push(next);
    }
  }
  return states;
}

interface Slots {
  readonly indexOf: ReadonlyMap<number, number>;
  readonly positions: readonly number[];
}

function slotIndex(instructions: readonly Instruction[]): Slots {
  const positions: number[] = [];
  let slot = 0;
  for (const { kind } of instructions) {
    positions.push(slot);
    slot += kind === "load64" || kind === "loadMap" || kind === "loadMapValue" ? 2 : 1;
  }
  return { positions, indexOf: new Map(positions.map((position, index) => [position, index])) };
}

function successors(instruction: Instruction, index: number, { indexOf, positions }: Slots): readonly number[] {
  if (instruction.kind === "exit") return [];
  if (!("target" in instruction)) return [index + 1];
  const target = indexOf.get((positions[index] ?? 0) + 1 + instruction.target);
  const jumped = target === undefined ? [] : [target];
  return instruction.kind === "jump" ? jumped : [index + 1, ...jumped];
}

function step(instruction: Instruction, state: State, packetFields: readonly number[]): State {
  switch (instruction.kind) {
    case "arithmetic":
      return set(state, instruction.dst, afterArithmetic(instruction, state));
    case "negate":
    case "toBigEndian":
      return set(state, instruction.dst, originOf(state, instruction.dst).kind === "constant" ? CONSTANT : OTHER);
    case "load64":
      return set(state, instruction.dst, CONSTANT);
    case "loadMap":
      return set(state, instruction.dst, { kind: "map", map: instruction.map });
    case "loadMapValue":
      return set(state, instruction.dst, { kind: "place", map: instruction.map });
    case "load":
      return set(state, instruction.dst, loaded(state, instruction, packetFields));
    case "store":
      return stored(state, instruction, originOf(state, instruction.src));
    case "storeImmediate":
      return stored(state, instruction, CONSTANT);
    case "atomicAdd":
      return stored(state, instruction, OTHER);
    case "call":
      return afterCall(state, instruction.helper);
    case "jump":
    case "jumpIf":
    case "mayJump":
    case "exit":
      return state;
    default:
      return instruction satisfies never;
  }
}

function afterArithmetic({ operation, bits, dst, src }: Extract<Instruction, { kind: "arithmetic" }>, state: State): Origin {
  const from: Origin = typeof src === "number" ? { kind: "constant", value: src } : originOf(state, src);
  if (operation === "mov") return from;
  const own = originOf(state, dst);
  if (own.kind === "constant" && from.kind === "constant") return CONSTANT;
  if (operation === "arsh" && bits === 64 && src === SIGN_BIT) return { kind: "mask" };
  // A number stays what it is, or becomes 0, which no device has.
  if (operation === "and" && own.kind === "content" && from.kind === "mask") return own;
  if (operation !== "add" && operation !== "sub") return OTHER;
  // A place that is moved stays in what it is of; how far is the verifier's to check.
  if (isPointer(own)) return own.kind === "stack" ? { kind: "stack", at: moved(own.at, operation, src) } : own;
  if (operation === "add" && isPointer(from)) return from.kind === "stack" ? { kind: "stack", at: undefined } : from;
  return OTHER;
}

const SIGN_BIT = 63;

function moved(at: number | undefined, operation: "add" | "sub", by: Register | number): number | undefined {
  if (at === undefined || typeof by !== "number") return undefined;
  return operation === "add" ? at + by : at - by;
}

function isPointer({ kind }: Origin): boolean {
  return kind === "place" || kind === "context" || kind === "stack" || kind === "packet";
}

function loaded(state: State, { base, offset }: Extract<Instruction, { kind: "load" }>, packetFields: readonly number[]): Origin {
  const from = originOf(state, base);
  switch (from.kind) {
    case "place":
      return { kind: "content", map: from.map };
    case "context":
      if (packetFields.includes(offset)) return { kind: "packet" };
      return state.get(contextSlot(offset)) ?? OTHER;
    case "stack":
      return from.at === undefined ? OTHER : (state.get(stackSlot(from.at + offset)) ?? OTHER);
    default:
      return OTHER;
  }
}

type Store = Extract<Instruction, { kind: "store" | "storeImmediate" | "atomicAdd" }>;

function stored(state: State, { base, offset, width }: Store, value: Origin): State {
  const to = originOf(state, base);
  if (to.kind === "context") return set(state, contextSlot(offset), value);
  if (to.kind !== "stack") return state;
  const overwritten = overwrite(state, to.at === undefined ? undefined : to.at + offset, width);
  return to.at === undefined ? overwritten : set(overwritten, stackSlot(to.at + offset), value);
}

/** Whatever lay in those bytes of the stack is not what it was; all of it where it isn't known which they are. */
function overwrite(state: State, first: number | undefined, length: number | undefined): State {
  return forget(state, (name) => {
    const at = Number(/^stack(-?\d+)$/.exec(name)?.[1] ?? Number.NaN);
    if (Number.isNaN(at)) return false;
    return first === undefined || length === undefined || (at > first - SLOT_BYTES && at < first + length);
  });
}

const SLOT_BYTES = 8;
const stackSlot = (at: number): string => `stack${at}`;
const contextSlot = (offset: number): string => `context${offset}`;

function afterCall(state: State, helper: number): State {
  const map = originOf(state, "r1");
  const isFound = LOOKUPS.has(helper) && (map.kind === "map" || map.kind === "place");
  const kept = forget(afterWriting(state, helper), (name) => (ARGUMENTS as readonly string[]).includes(name));
  return set(kept, "r0", isFound ? { kind: "place", map: map.map } : OTHER);
}

/** A helper that gets a place on the stack may write there. */
function afterWriting(state: State, helper: number): State {
  if (READERS.has(helper)) return state;
  if (COPIERS.has(helper)) {
    const [to, length] = [originOf(state, "r3"), originOf(state, "r4")];
    return overwrite(state, to.kind === "stack" ? to.at : undefined, length.kind === "constant" ? length.value : undefined);
  }
  return ARGUMENTS.some((register) => originOf(state, register).kind === "stack") ? overwrite(state, undefined, undefined) : state;
}

function originOf(state: State, name: string): Origin {
  return state.get(name) ?? OTHER;
}

function set(state: State, name: string, origin: Origin): State {
  return new Map(state).set(name, origin);
}

function forget(state: State, isMeant: (name: string) => boolean): State {
  return new Map([...state].filter(([name]) => !isMeant(name)));
}

/** What is the same on both paths; of what is not, nothing is known. */
function join(one: State, other: State): State {
  return new Map(
    [...one].flatMap(([name, origin]) => {
      const common = meet(origin, originOf(other, name));
      return common.kind === "other" ? [] : [[name, common] as const];
    }),
  );
}

function meet(one: Origin, other: Origin): Origin {
  if (isDeepStrictEqual(one, other)) return one;
  if (one.kind === "constant" && other.kind === "constant") return CONSTANT;
  if (one.kind === "stack" && other.kind === "stack") return { kind: "stack", at: undefined };
  return OTHER;
}

/** As people read it. */
export function describe(origin: Origin): string {
  switch (origin.kind) {
    case "content":
    case "map":
    case "place":
      return `${origin.kind} of ${origin.map}`;
    case "stack":
      return `stack ${origin.at ?? "somewhere"}`;
    default:
      return origin.kind;
  }
}
