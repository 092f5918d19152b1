/**
 * Makes the switches in the kernel what a plan says, whole or not at all: what can fail comes first and is taken back, what removes
 * comes last. Called within the network's namespace.
 */
import { createHash } from "node:crypto";
import { closeSync, existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { messageWithCauses } from "../../base/index.ts";
import type { Hook, Link } from "../../system/index.ts";
import type { PortShape } from "./compile/port-shape.ts";
import { type PortProgram, type PortPrograms, PortTemplates } from "./compile/port-templates.ts";
import type { KernelFeatures } from "./kernel-features.ts";
import type { NetworkPlan, PlannedSwitch } from "./plan-network.ts";
import { planTable, type TableEntry } from "./plan-table.ts";
import { PortPins, pinName, removePins, type Steps } from "./port-pins.ts";
import { SwitchMaps } from "./switch-maps.ts";

/** Links of the namespace, by their names. */
export type Links = ReadonlyMap<string, Link>;

interface Programmed {
  /** What its programs were made from. */
  readonly from: string;
  /** Of each of its programs. */
  readonly fingerprints: Fingerprints;
  readonly units: Readonly<Partial<Record<Hook, readonly string[]>>>;
}

/** Two programs with one fingerprint are the same instructions with the same maps, at the same device. */
type Fingerprints = Readonly<Record<Hook, string>>;

/** What judges a frame last is there first. */
const ATTACHING: readonly Hook[] = ["egress", "ingress", "xdp"];

interface WantedPort {
  readonly device: Link;
  readonly shape: PortShape;
  /** Undefined for a port that is on no switch. */
  readonly maps: SwitchMaps | undefined;
}

interface Change {
  readonly pins: PortPins;
  readonly shape: PortShape;
  readonly name: string;
  readonly from: string;
  readonly programs: PortPrograms;
  readonly fingerprints: Fingerprints;
  readonly maps: SwitchMaps | undefined;
}

export class KernelNetwork {
  readonly #root: string;
  readonly #features: KernelFeatures;
  readonly #log: (line: string) => void;
  readonly #templates = new PortTemplates();
  /** By the numbers of their switches. */
  #switches = new Map<number, SwitchMaps>();
  /** By their devices. */
  readonly #ports = new Map<string, Programmed>();
  /** What may be at clsact, by its device. */
  readonly #unpromoted = new Map<string, PortPins>();

  /** @param root a BPF file system */
  constructor(root: string, features: KernelFeatures, log: (line: string) => void) {
    this.#root = join(root, "ports");
    this.#features = features;
    this.#log = log;
  }

  /** The units of a port's programs. */
  unitsOf(device: string): Programmed["units"] | undefined {
    return this.#ports.get(device)?.units;
  }

  pinsOf(device: Link): PortPins {
    return new PortPins(this.#root, device, this.#features);
  }

  /** @returns what is left to do when nothing is to be taken back any more: it removes, and cannot fail */
  apply(plan: NetworkPlan, links: Links, undo: Steps): () => void {
    const switches = new Map<number, SwitchMaps>();
    const replaced: (() => void)[] = [];
    const tables = plan.switches.map((planned) => ({ planned, entries: tableOf(planned, links) }));
    for (const { planned, entries } of tables) switches.set(planned.number, this.#mapsOf(planned, entries, undo));
    const wanted = wantedPorts(plan, links, switches);
    const changes = wanted.flatMap((port) => this.#changeOf(port));
    this.#attachAll(changes, undo);
    // After the programs: one that is new to its table finds there what it knows how to deliver to.
    for (const { planned, entries } of tables) {
      const maps = switches.get(planned.number);
      if (maps === undefined || maps !== this.#switches.get(planned.number)) continue;
      const replacement = maps.replace(entries);
      if (replacement === undefined) continue;
      undo.add(replacement.takeBack);
      replaced.push(replacement.keep);
    }
    return () => this.#settle({ switches, replaced, changes, wanted, links });
  }

  /**
   * Moves one port's programs to the hook that is quicker to pass, which takes some milliseconds.
   * @returns whether there was one
   */
  promoteNext(): boolean {
    const [first] = this.#unpromoted;
    if (first === undefined) return false;
    const [device, pins] = first;
    this.#unpromoted.delete(device);
    this.#trying(`promoting the programs of ${device}`, () => pins.promote());
    return true;
  }

  close(): void {
    for (const maps of this.#switches.values()) maps.close();
    this.#switches.clear();
    this.#ports.clear();
    this.#unpromoted.clear();
  }

  #mapsOf(planned: PlannedSwitch, entries: readonly TableEntry[], undo: Steps): SwitchMaps {
    const existing = this.#switches.get(planned.number);
    if (existing?.generation === planned.generation) return existing;
    const maps = new SwitchMaps({ ...planned, entries });
    undo.add(() => maps.close());
    return maps;
  }

  #changeOf({ device, shape, maps }: WantedPort): readonly Change[] {
    const from = JSON.stringify([device.index, maps?.number, maps?.generation, shape]);
    if (this.#ports.get(device.name)?.from === from) return [];
    const programs = this.#templates.programsOf(shape);
    const place = JSON.stringify([device.index, maps?.number, maps?.generation]);
    const fingerprints = {
      ingress: fingerprint(place, programs.ingress),
      egress: fingerprint(place, programs.egress),
      xdp: fingerprint(place, programs.xdp),
    };
    return [{ pins: this.pinsOf(device), shape, name: device.name, from, programs, fingerprints, maps }];
  }

  #attachAll(changes: readonly Change[], undo: Steps): void {
    const loaded: { readonly change: Change; readonly direction: Hook; readonly program: number }[] = [];
    try {
      for (const { pins } of changes) pins.makeHooks(undo);
      for (const change of changes) {
        const maps = change.maps?.byName ?? new Map();
        for (const direction of ATTACHING) {
          const program = change.programs[direction];
          // Most of what a change takes is the verifier's, and most changes are of one direction.
          if (this.#ports.get(change.name)?.fingerprints[direction] === change.fingerprints[direction]) continue;
          if (program !== undefined) loaded.push({ change, direction, program: change.pins.load(program, direction, maps) });
        }
      }
      for (const { change, direction, program } of loaded) change.pins.attach(program, direction, undo);
      // It would pass what the others forbid now. A program of egress that is left over only forbids more, for a moment.
      for (const { pins, programs } of changes) if (programs.xdp === undefined) pins.detachXdp(undo);
    } finally {
      for (const { program } of loaded) closeSync(program);
    }
  }

  #settle(parts: {
    readonly switches: Map<number, SwitchMaps>;
    readonly replaced: readonly (() => void)[];
    readonly changes: readonly Change[];
    readonly wanted: readonly WantedPort[];
    readonly links: Links;
  }): void {
    for (const keep of parts.replaced) keep();
    for (const change of parts.changes) this.#settlePort(change);
    for (const [number, maps] of this.#switches) if (parts.switches.get(number) !== maps) maps.close();
    this.#switches = parts.switches;
    this.#removePortsBut(new Set(parts.wanted.map(({ device }) => device.name)), parts.links);
  }

  #settlePort({ pins, shape, name, from, programs, fingerprints }: Change): void {
    const { ingress, egress, xdp } = programs;
    const units = { ingress: ingress.units, ...(egress && { egress: egress.units }), ...(xdp && { xdp: xdp.units }) };
    this.#ports.set(name, { from, fingerprints, units });
    this.#trying(`removing what ${name} needs no more`, () => {
      pins.settle();
      if (this.#features.hasTcx) this.#unpromoted.set(name, pins);
      if (egress === undefined) pins.detach("egress");
      // What a port knows of its connections outlasts a cable that is out for a while.
      if (shape.kind !== "blocked") pins.removeMapsBut(new Set([...ingress.maps, ...(egress?.maps ?? []), ...(xdp?.maps ?? [])]));
    });
  }

  #removePortsBut(devices: ReadonlySet<string>, links: Links): void {
    for (const known of [this.#ports, this.#unpromoted]) for (const name of known.keys()) if (!devices.has(name)) known.delete(name);
    const kept = new Set([...devices].map(pinName));
    const others = existsSync(this.#root) ? readdirSync(this.#root).filter((folder) => !kept.has(folder)) : [];
    if (others.length === 0) return;
    const there = new Map([...links.values()].map(({ name, index }) => [pinName(name), index]));
    for (const folder of others) {
      this.#trying(`removing the pins ${folder}`, () => removePins(join(this.#root, folder), there.get(folder)));
    }
  }

  #trying(what: string, deed: () => void): void {
    try {
      deed();
    } catch (error) {
      this.#log(`network: ${what}: ${messageWithCauses(error)}`);
    }
  }
}

function fingerprint(place: string, program: PortProgram | undefined): string {
  if (program === undefined) return "";
  const code = program.assemble(new Map(program.maps.map((name, number) => [name, number])));
  return createHash("sha256").update(place).update(program.maps.join()).update(code).digest("base64");
}

/** Those whose device is there: of others there is nothing to program. */
function wantedPorts(plan: NetworkPlan, links: Links, switches: ReadonlyMap<number, SwitchMaps>): readonly WantedPort[] {
  const onSwitches = plan.switches.flatMap(({ number, ports, uplinks }) =>
    [...ports, ...uplinks].map(({ device, shape }) => ({ name: device, shape, maps: switches.get(number) })),
  );
  const nowhere = plan.homeless.map(({ device, shape }) => ({ name: device, shape, maps: undefined }));
  return [...onSwitches, ...nowhere].flatMap(({ name, shape, maps }) => {
    const device = links.get(name);
    return device === undefined ? [] : [{ device, shape, maps }];
  });
}

function tableOf({ ports, uplinks, vlans }: PlannedSwitch, links: Links): readonly TableEntry[] {
  const stations = ports.flatMap(({ device, station }) => {
    const ifindex = links.get(device)?.index;
    return ifindex === undefined || station === undefined ? [] : [{ ...station, ifindex }];
  });
  const present = uplinks.flatMap(({ device, number }) => {
    const ifindex = links.get(device)?.index;
    return ifindex === undefined ? [] : [{ ifindex, number }];
  });
  return planTable(stations, present, vlans);
}
