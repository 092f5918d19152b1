/**
 * Looks at the virtual network in the kernel: links of its namespace, the programs at each, the maps that these use and what is in
 * them, who holds the taps, and where a frame comes out that is put in. What vmkernel believes of itself is not asked, but for what
 * is configured, which all of it is compared with.
 */
import { dirname } from "node:path";
import { assembleProgram, type Program } from "../ebpf/index.ts";
import {
  allPids,
  attachedPrograms,
  HOOK_NAMES,
  type Hook,
  hasOpenLoops,
  hasXdpSums,
  heldTaps,
  inNamespace,
  isNamespace,
  listAddresses,
  listLinks,
  mapInfo,
  mapKeys,
  mapLookup,
  namespaceId,
  programInfo,
  withLoaded,
  withMap,
  withMaps,
  withProgram,
} from "../system/index.ts";
import {
  compilePort,
  type NetworkDescription,
  type NetworkState,
  netstackNamespace,
  netstacksIn,
  type PortShape,
  planNetwork,
} from "../vmkernel/index.ts";
import { type Probe, type ProbedPort, probe, STRANGERS_MAC } from "./probe-ports.ts";
import { type HostileProbe, probeFromWire, probeRefusals, type WireProbe } from "./probe-refusals.ts";
import { findDeeds, type ProgramDeeds } from "./program-deeds.ts";
import { type GroupTrial, tryGroups } from "./try-groups.ts";

export interface ObservedNetwork {
  /** Number of the namespace that holds all ports. */
  readonly namespace: number;
  /** What is configured, and what vmkernel says of it. */
  readonly configured: NetworkDescription;
  readonly ports: readonly ObservedPort[];
  /** By the id of the map in which a program finds the table: what can be read out of it as a destination. */
  readonly tables: ReadonlyMap<number, ReadonlySet<number>>;
  /** Interfaces that a table says to take what is sent to them without a look from a program of their own. */
  readonly bare: ReadonlySet<number>;
  readonly taps: readonly { readonly pid: number; readonly link: string }[];
  /** Processes that could not be asked for taps: a container's first is not its root's to look at. */
  readonly unseen: readonly number[];
  /** Namespaces of the host's own interfaces. */
  readonly netstacks: readonly ObservedNetstack[];
  /** What the configuration compiles to now. */
  readonly compiled: readonly CompiledForLink[];
}

/** A program as it should be at a link. */
export interface CompiledForLink {
  readonly link: string;
  readonly direction: Hook;
  /** As the kernel computes it of the same instructions; undefined where it cannot be loaded with the maps that are there. */
  readonly tag: string | undefined;
  readonly units: readonly string[];
  readonly deeds: ProgramDeeds;
  /** Of a port that guests or the host send by; absent where that cannot be tried. */
  readonly groups?: GroupTrial;
}

export interface ObservedNetstack {
  readonly name: string;
  /** The namespace's number, as processes have it. */
  readonly namespace: number;
  /** Other than its loopback. */
  readonly links: readonly { readonly name: string; readonly addresses: readonly string[] }[];
}

/** A link of the namespace, other than its loopback. */
export interface ObservedPort {
  readonly link: string;
  readonly ifindex: number;
  readonly addresses: readonly string[];
  readonly programs: readonly ObservedProgram[];
  readonly probes: readonly Probe[];
  /** Frames that it is to refuse. */
  readonly hostile: readonly HostileProbe[];
  /** Of an uplink. */
  readonly fromWire: readonly WireProbe[];
}

export interface ObservedProgram {
  readonly direction: Hook;
  readonly id: number;
  readonly tag: string;
  /** Ids, in the order of their first use. */
  readonly maps: readonly number[];
}

/** A network namespace has this link without anybody making it; nothing is attached to it. */
const LOOPBACK = "lo";
/** Every port × every port: more are not probed, and the claim says how many were. */
const PROBED_PORTS_MAX = 100;

/** @returns undefined where no namespace has been made: nothing was ever plugged in */
export function observeNetwork(
  namespace: string,
  { description: configured, state }: { readonly description: NetworkDescription; readonly state: NetworkState },
): ObservedNetwork | undefined {
  if (!isNamespace(namespace)) return undefined;
  const netstacks = observeNetstacks(dirname(namespace));
  const number = namespaceId(namespace);
  return inNamespace(namespace, () => {
    const ports = listLinks()
      .filter(({ name }) => name !== LOOPBACK)
      .map(({ name, index }) => ({ link: name, ifindex: index, addresses: listAddresses(name), programs: programsAt(index) }));
    const probed = ports.slice(0, PROBED_PORTS_MAX);
    return {
      namespace: number,
      configured,
      ports: ports.map((port) => ({ ...port, ...(probed.includes(port) ? probeAll(port, probed, configured) : UNPROBED) })),
      ...tablesOf(ports),
      ...tapsIn(number),
      netstacks,
      compiled: shapesOf(state).flatMap(({ link, shape }) => compileFor(link, shape, ports)),
    };
  });
}

const UNPROBED = { probes: [], hostile: [], fromWire: [] };

function probeAll(port: ProbedPort, all: readonly ProbedPort[], configured: NetworkDescription) {
  return {
    probes: probe(port, all, configured),
    hostile: probeRefusals(port, configured),
    fromWire: probeFromWire(port, configured),
  };
}

function observeNetstacks(folder: string): readonly ObservedNetstack[] {
  return netstacksIn(folder).map((name) => {
    const path = netstackNamespace(folder, name);
    const found = inNamespace(path, () => listLinks().map((link) => ({ name: link.name, addresses: listAddresses(link.name) })));
    return { name, namespace: namespaceId(path), links: found.filter((link) => link.name !== LOOPBACK) };
  });
}

function programsAt(ifindex: number): readonly ObservedProgram[] {
  return HOOK_NAMES.flatMap((direction) =>
    attachedPrograms(ifindex, direction).flatMap((id) => {
      const info = withProgram(id, programInfo);
      return info === undefined ? [] : [{ direction, id, tag: info.tag, maps: info.mapIds }];
    }),
  );
}

function tablesOf(ports: readonly Pick<ObservedPort, "programs">[]): Pick<ObservedNetwork, "tables" | "bare"> {
  const ids = new Set(ports.flatMap(({ programs }) => programs.flatMap(({ maps }) => maps)));
  const found = [...ids].flatMap((id) => {
    const entries = entriesBehind(id);
    return entries === undefined ? [] : [[id, entries] as const];
  });
  return {
    tables: new Map(found.map(([id, entries]) => [id, new Set(entries.map(({ ifindex }) => ifindex))])),
    bare: new Set(found.flatMap(([, entries]) => entries.flatMap(({ ifindex, isBare }) => (isBare ? [ifindex] : [])))),
  };
}

interface TableEntry {
  readonly ifindex: number;
  readonly isBare: boolean;
}

/** Of a map that holds the table of now, what is in that. */
function entriesBehind(id: number): readonly TableEntry[] | undefined {
  const inner = withMap(id, (fd) =>
    mapInfo(fd).kind === "arrayOfMaps" ? mapLookup(fd, Buffer.alloc(4), MAP_ID_BYTES)?.readUInt32LE() : undefined,
  );
  return inner === undefined ? undefined : withMap(inner, entriesIn);
}

const MAP_ID_BYTES = 4;

/**
 * Each value begins with the interface that it leads to, and flags; each 32 bits. That of a key with the bit of groups has interfaces
 * alone, and 0 where there are no more: see vmkernel's plan of the table.
 */
function entriesIn(table: number): readonly TableEntry[] {
  const { keyBytes, valueBytes } = mapInfo(table);
  return mapKeys(table, keyBytes).flatMap((key) => {
    const value = mapLookup(table, key, valueBytes);
    if (value === undefined) return [];
    if ((key.readUInt32LE() & GROUP_BIT) === 0) {
      return [{ ifindex: value.readUInt32LE(), isBare: (value.readUInt32LE(FLAGS_AT) & FLAG_BARE) !== 0 }];
    }
    const members = Array.from({ length: valueBytes / 4 }, (_, at) => value.readUInt32LE(at * 4)).filter((ifindex) => ifindex !== 0);
    return members.map((ifindex) => ({ ifindex, isBare: false }));
  });
}

const GROUP_BIT = 0x1_0000;
const FLAGS_AT = 4;
const FLAG_BARE = 2;

/** Links that are up or down make no other programs: they are in tables alone. */
const SURROUNDINGS = { hasLink: () => true, inUse: new Map() };

function shapesOf(state: NetworkState): readonly { readonly link: string; readonly shape: PortShape }[] {
  const { switches, homeless } = planNetwork(state, { ...SURROUNDINGS, hasOpenLoops: hasOpenLoops(), hasExpress: hasXdpSums() });
  const all = [...switches.flatMap(({ ports, uplinks }) => [...ports, ...uplinks]), ...homeless];
  return all.map(({ device, shape }) => ({ link: device, shape }));
}

type Found = Pick<ObservedPort, "link" | "programs">;

function compileFor(link: string, shape: PortShape, ports: readonly Found[]): readonly CompiledForLink[] {
  const compiled = compilePort(shape);
  const there = ports.find((port) => port.link === link)?.programs ?? [];
  return HOOK_NAMES.flatMap((direction) => {
    const { program, units } = compiled[direction] ?? {};
    if (program === undefined || units === undefined) return [];
    const maps = there.find((one) => one.direction === direction)?.maps ?? [];
    const groups =
      direction === "ingress" && shape.kind === "guest" ? tryGroups(program, maps, shape.sourceMac ?? STRANGERS_MAC) : undefined;
    const deeds = findDeeds(program, direction === "xdp" ? "xdp" : "tc");
    return [{ link, direction, tag: tagOf(program, direction, maps), units, deeds, ...(groups && { groups }) }];
  });
}

/** The kernel's own hash of the instructions, which leaves out which maps they use: so any of the same kinds do. */
function tagOf(program: Program, direction: Hook, mapIds: readonly number[]): string | undefined {
  if (mapIds.length !== program.maps.length) return undefined;
  return withMaps(mapIds, (fds) => {
    const code = assembleProgram(program, new Map(program.maps.map((name, index) => [name, fds[index] ?? -1])));
    try {
      return withLoaded({ kind: direction === "xdp" ? "xdp" : "schedCls", code, name: "evidence" }, programInfo).tag;
    } catch {
      return undefined; // it is not made for these maps
    }
  });
}

function tapsIn(namespace: number): Pick<ObservedNetwork, "taps" | "unseen"> {
  const unseen: number[] = [];
  const taps = allPids().flatMap((pid) => {
    try {
      return heldTaps(pid).flatMap((tap) => (tap.namespace === namespace ? [{ pid, link: tap.name }] : []));
    } catch {
      unseen.push(pid);
      return [];
    }
  });
  return { taps, unseen };
}
