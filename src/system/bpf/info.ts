/** What the kernel tells of programs, maps and links. Source: Linux include/uapi/linux/bpf.h, struct bpf_prog_info and its like. */
import { SystemError } from "../../base/index.ts";
import { errnoCode } from "../libc.ts";
import { attempt, bpf, type Command } from "./call.ts";
import { HOOK_NAMES, HOOKS, type Hook } from "./hooks.ts";
import { MAP_KINDS, type MapKind } from "./map-kinds.ts";
import { NativeMemory } from "./native-memory.ts";

export interface ProgramInfo {
  readonly id: number;
  readonly name: string;
  /** The kernel's own hash of the instructions, 16 hex digits: two programs with one tag are the same. */
  readonly tag: string;
  /** Of every map that it uses. */
  readonly mapIds: readonly number[];
  /** As the kernel changed them after it had verified them: maps by their ids, some calls as instructions of its own. */
  readonly instructions: Buffer;
}

export interface MapInfo {
  readonly id: number;
  readonly name: string;
  /** Undefined for a kind that we make none of. */
  readonly kind: MapKind | undefined;
  readonly keyBytes: number;
  /** Of a map with values for each CPU: of one of them. */
  readonly valueBytes: number;
  readonly entriesMax: number;
}

export interface LinkInfo {
  readonly id: number;
  readonly programId: number;
  /** 0 when the interface has gone. */
  readonly ifindex: number;
  readonly direction: Hook;
}

const OBJECT_NAME_BYTES = 16;
const TAG_BYTES = 8;
const ID_BYTES = 4;

/** Where the fields of struct bpf_prog_info begin, and how far it is read. */
const PROGRAM = { id: 4, tag: 8, translatedBytes: 20, translated: 32, mapCount: 52, mapIds: 56, name: 64, length: 80 } as const;
const MAP = { kind: 0, id: 4, keyBytes: 8, valueBytes: 12, entriesMax: 16, name: 24, length: 40 } as const;
const LINK = { kind: 0, id: 4, programId: 8, ifindex: 16, attachType: 20, length: 32 } as const;
const LINK_KINDS = { xdp: 6, tcx: 11 } as const;

export function programInfo(program: number): ProgramInfo {
  const sizes = fetchInfo(program, Buffer.alloc(PROGRAM.length));
  using translated = new NativeMemory(sizes.readUInt32LE(PROGRAM.translatedBytes));
  using ids = new NativeMemory(sizes.readUInt32LE(PROGRAM.mapCount) * ID_BYTES);
  const request = Buffer.alloc(PROGRAM.length);
  for (const field of [PROGRAM.translatedBytes, PROGRAM.mapCount]) sizes.copy(request, field, field, field + 4);
  request.writeBigUInt64LE(translated.address, PROGRAM.translated);
  request.writeBigUInt64LE(ids.address, PROGRAM.mapIds);
  const info = fetchInfo(program, request);
  return {
    id: info.readUInt32LE(PROGRAM.id),
    name: textAt(info, PROGRAM.name),
    tag: info.toString("hex", PROGRAM.tag, PROGRAM.tag + TAG_BYTES),
    mapIds: Array.from({ length: info.readUInt32LE(PROGRAM.mapCount) }, (_, index) => ids.bytes.readUInt32LE(index * ID_BYTES)),
    instructions: Buffer.from(translated.bytes.subarray(0, info.readUInt32LE(PROGRAM.translatedBytes))),
  };
}

export function mapInfo(map: number): MapInfo {
  const info = fetchInfo(map, Buffer.alloc(MAP.length));
  const kind = info.readUInt32LE(MAP.kind);
  return {
    id: info.readUInt32LE(MAP.id),
    name: textAt(info, MAP.name),
    kind: (Object.keys(MAP_KINDS) as MapKind[]).find((name) => MAP_KINDS[name] === kind),
    keyBytes: info.readUInt32LE(MAP.keyBytes),
    valueBytes: info.readUInt32LE(MAP.valueBytes),
    entriesMax: info.readUInt32LE(MAP.entriesMax),
  };
}

/** @throws {SystemError} when the link is none of an interface */
export function linkInfo(link: number): LinkInfo {
  const info = fetchInfo(link, Buffer.alloc(LINK.length));
  const direction = hookOf(info.readUInt32LE(LINK.kind), info.readUInt32LE(LINK.attachType));
  if (direction === undefined) throw new SystemError("a BPF link is neither of tcx nor of XDP");
  return {
    id: info.readUInt32LE(LINK.id),
    programId: info.readUInt32LE(LINK.programId),
    ifindex: info.readUInt32LE(LINK.ifindex),
    direction,
  };
}

function hookOf(kind: number, attachType: number): Hook | undefined {
  if (kind === LINK_KINDS.xdp) return "xdp";
  return kind === LINK_KINDS.tcx ? HOOK_NAMES.find((name) => HOOKS[name] === attachType) : undefined;
}

/** @returns a descriptor, the caller's to close; undefined when there is no such program (any more) */
export function programFdById(id: number): number | undefined {
  return openById("programById", id);
}

/** @returns a descriptor, the caller's to close; undefined when there is no such map (any more) */
export function mapFdById(id: number): number | undefined {
  return openById("mapById", id);
}

function openById(command: Extract<Command, "programById" | "mapById">, id: number): number | undefined {
  return attempt(`opening the BPF object ${id}`, () => {
    try {
      return bpf(command, [[0, id]]).result;
    } catch (error) {
      if (errnoCode(error) === "ENOENT") return undefined;
      throw error;
    }
  });
}

/** @param request the struct as the kernel shall find it: where to write what, and how much there is room for */
function fetchInfo(fd: number, request: Buffer): Buffer {
  using info = NativeMemory.of(request);
  const fields = [
    [0, fd],
    [4, request.length],
    [8, info.address],
  ] as const;
  attempt(`asking what the BPF object of descriptor ${fd} is`, () => bpf("info", fields));
  return Buffer.from(info.bytes);
}

function textAt(bytes: Buffer, offset: number): string {
  return bytes.toString("latin1", offset, offset + OBJECT_NAME_BYTES).replace(/\0.*$/s, "");
}
