/**
 * One port in the kernel: programs at the hooks of its device, and the maps that are its own. All of it is pinned, in a folder of its
 * own, so it goes on without us and is found again; no descriptor is kept. Called within the network's namespace.
 *
 * A program can be at clsact, where it is attached a hundred times as quickly, or at tcx, where it costs a frame 6 % less. What a new
 * port's guest sends meets its program at clsact at first, and at tcx when there was time to promote it. Where a program is at both a
 * frame meets that of tcx alone: no verdict of ours is «next». What clsact holds needs no pin, for the device itself holds it. Its hook
 * comes while the device is down, and stays: with it coming or going the kernel takes a device out of service for a moment, and frames
 * are lost. What is delivered never meets clsact, where it would be looked for at each of the ports that a frame is flooded to.
 */
import { closeSync, existsSync, mkdirSync, readdirSync, rmdirSync, unlinkSync } from "node:fs";
import { join } from "node:path";
import {
  attachCls,
  attachTcx,
  attachXdp,
  clsProgramId,
  createMap,
  detachCls,
  detachLink,
  HOOK_NAMES,
  type Hook,
  linkInfo,
  loadProgram,
  makeClsHooks,
  mapInfo,
  mapKeys,
  mapLookup,
  mapUpdateAll,
  openPinned,
  pinObject,
  programFdById,
  removeClsact,
  type TcxDirection,
  updateLink,
} from "../../system/index.ts";
import { type CarriedConnection, readConnection, writeConnection } from "./carried-connections.ts";
import { CONNECTION_BYTES, FLOW_BYTES } from "./compile/firewall/places.ts";
import type { PortProgram } from "./compile/port-templates.ts";
import type { KernelFeatures } from "./kernel-features.ts";
import { isPortMap, PORT_MAP_NAMES, PORT_MAPS, type PortMapName } from "./map-specs.ts";

/** How to take back what was done; each at once. */
export interface Steps {
  add(step: () => void): void;
}

const PROGRAM_NAMES = { xdp: "port_express", ingress: "port_in", egress: "port_out" } as const satisfies Record<Hook, string>;

interface Device {
  readonly name: string;
  readonly index: number;
  readonly isUp: boolean;
}

export class PortPins {
  readonly #folder: string;
  readonly #device: string;
  readonly #ifindex: number;
  readonly #isUp: boolean;
  readonly #hasTcx: boolean;

  /** @param root where the pins of all ports are */
  constructor(root: string, device: Device, { hasTcx }: Pick<KernelFeatures, "hasTcx">) {
    this.#folder = join(root, pinName(device.name));
    this.#hasTcx = hasTcx;
    this.#device = device.name;
    this.#ifindex = device.index;
    this.#isUp = device.isUp;
  }

  /**
   * Loads a program with the maps of the switch and with this port's own, which are made if it has none yet.
   * @returns a descriptor, the caller's to close
   */
  load(program: PortProgram, direction: Hook, switchMaps: ReadonlyMap<string, number>): number {
    const own = program.maps.filter(isPortMap).map((name) => [name, this.#openMap(name)] as const);
    try {
      const code = program.assemble(new Map([...switchMaps, ...own]));
      return loadProgram({ kind: direction === "xdp" ? "xdp" : "schedCls", code, name: PROGRAM_NAMES[direction] });
    } finally {
      for (const [, fd] of own) closeSync(fd);
    }
  }

  /** Before the programs of many ports are attached: see {@link makeClsHooks}. */
  makeHooks(undo: Steps): void {
    if (this.#hooksAreThere || this.#belongsAtTcx("ingress")) return;
    undo.add(() => this.#isUp || removeClsact(this.#ifindex));
    makeClsHooks(this.#ifindex, { ingressAlone: this.#hasTcx });
    this.#hooksAreThere = true;
  }

  #hooksAreThere = false;

  /** In one step; every frame is seen by the program that was there or by this one. */
  attach(program: number, direction: Hook, undo: Steps): void {
    this.#keep(direction, undo);
    this.#put(program, direction);
  }

  /** What comes in begins at tc. */
  detachXdp(undo: Steps): void {
    if (this.programId("xdp") === undefined) return;
    this.#keep("xdp", undo);
    this.detach("xdp");
  }

  /** What is attached now, for the undoing: it is needed no longer. */
  #keep(direction: Hook, undo: Steps): void {
    const before = this.programId(direction);
    const beforeFd = before === undefined ? undefined : programFdById(before);
    undo.add(() => {
      if (beforeFd === undefined) this.#detachFirst(direction);
      else {
        this.#put(beforeFd, direction);
        closeSync(beforeFd);
      }
    });
    if (beforeFd !== undefined) this.#later.push(beforeFd);
  }

  /** An adapter that goes back to the machine has no hooks that it had not before. */
  #detachFirst(direction: Hook): void {
    this.detach(direction);
    if (!this.#isUp) removeClsact(this.#ifindex);
  }

  readonly #later: number[] = [];

  /** Lets go of what was kept for undoing. */
  settle(): void {
    for (const fd of this.#later.splice(0)) closeSync(fd);
  }

  /** Where there is none this does nothing. */
  detach(direction: Hook): void {
    if (this.#mayBeAtClsact(direction)) detachCls({ ifindex: this.#ifindex, direction });
    const link = this.#open(direction);
    if (link === undefined) return;
    try {
      detachLink(link);
    } finally {
      closeSync(link);
    }
    unlinkSync(this.#path(direction));
  }

  /** Of the program that is at the hook; undefined where there is none. */
  programId(direction: Hook): number | undefined {
    return this.#linkedId(direction) ?? (this.#mayBeAtClsact(direction) ? clsProgramId({ ifindex: this.#ifindex, direction }) : undefined);
  }

  #mayBeAtClsact(direction: Hook): direction is TcxDirection {
    return direction === "ingress" || (direction === "egress" && !this.#hasTcx);
  }

  /**
   * Moves what clsact holds to tcx. No frame is lost: each meets the program at the one or at the other. Where nothing is at clsact this
   * does nothing; else the kernel waits some milliseconds.
   */
  promote(): void {
    const place = { ifindex: this.#ifindex, direction: "ingress" } as const;
    const id = clsProgramId(place);
    if (id === undefined) return;
    const program = this.#linkedId("ingress") === undefined ? programFdById(id) : undefined;
    if (program !== undefined) this.#linkAndClose(program, "ingress");
    detachCls(place);
  }

  #linkAndClose(program: number, direction: Hook): void {
    try {
      this.#link(program, direction);
    } finally {
      closeSync(program);
    }
  }

  /** Of the program that is at tcx. */
  #linkedId(direction: Hook): number | undefined {
    const link = this.#open(direction);
    if (link === undefined) return undefined;
    try {
      const { ifindex, programId } = linkInfo(link);
      return ifindex === this.#ifindex ? programId : undefined;
    } finally {
      closeSync(link);
    }
  }

  /** @returns a descriptor, the caller's to close; undefined where the port has no such map */
  openMap(name: PortMapName): number | undefined {
    return this.#open(name);
  }

  /** What the port's firewall let through and is not over; nothing where it has none. */
  connections(nowNs: bigint): readonly CarriedConnection[] {
    return this.#withConnections((map) =>
      mapKeys(map, FLOW_BYTES).flatMap((flow) => {
        const value = mapLookup(map, flow, CONNECTION_BYTES);
        return (value && readConnection(flow, value, nowNs)) ?? []; // the kernel may have made room meanwhile
      }),
    );
  }

  /** Beside those that it has. */
  addConnections(connections: readonly CarriedConnection[], nowNs: bigint): void {
    this.#withConnections((map) => {
      mapUpdateAll(
        map,
        connections.map((one) => [one.flow, writeConnection(one, nowNs)] as const),
      );
      return [];
    });
  }

  #withConnections<T>(deed: (map: number) => readonly T[]): readonly T[] {
    const map = this.openMap("connections");
    if (map === undefined) return [];
    try {
      return deed(map);
    } finally {
      closeSync(map);
    }
  }

  /** Those that no program of the port uses any more. */
  removeMapsBut(used: ReadonlySet<string>): void {
    for (const name of PORT_MAP_NAMES) if (!used.has(name) && existsSync(this.#path(name))) unlinkSync(this.#path(name));
  }

  #put(program: number, direction: Hook): void {
    if (direction === "xdp" || this.#belongsAtTcx(direction)) this.#link(program, direction);
    else {
      const hooks = { ingressAlone: this.#hasTcx, hooksAreThere: this.#hooksAreThere };
      attachCls({ ifindex: this.#ifindex, direction, program, name: this.#device, ...hooks });
    }
  }

  #belongsAtTcx(direction: TcxDirection): boolean {
    if (!this.#hasTcx) return false;
    if (direction === "egress" || this.#linkedId(direction) !== undefined) return true;
    return this.#isUp && clsProgramId({ ifindex: this.#ifindex, direction }) === undefined;
  }

  #link(program: number, direction: Hook): void {
    const existing = this.#open(direction);
    try {
      if (existing !== undefined && linkInfo(existing).ifindex === this.#ifindex) {
        updateLink(existing, program);
        return;
      }
    } finally {
      if (existing !== undefined) closeSync(existing);
    }
    // Of another device that had this name before.
    if (existing !== undefined) unlinkSync(this.#path(direction));
    const place = { program, ifindex: this.#ifindex };
    const link = direction === "xdp" ? attachXdp(place) : attachTcx({ ...place, direction });
    try {
      this.#pin(link, direction);
    } finally {
      closeSync(link);
    }
  }

  #openMap(name: PortMapName): number {
    const existing = this.#open(name);
    if (existing !== undefined && mapInfo(existing).valueBytes === PORT_MAPS[name].valueBytes) return existing;
    if (existing !== undefined) this.#removeOlder(existing, name);
    const map = createMap({ ...PORT_MAPS[name], name: `p_${name}` });
    this.#pin(map, name);
    return map;
  }

  /** A vmkernel before this one laid it out in another way. Its program goes on with it until it is replaced. */
  #removeOlder(map: number, name: PortMapName): void {
    closeSync(map);
    unlinkSync(this.#path(name));
  }

  #pin(fd: number, name: string): void {
    mkdirSync(this.#folder, { recursive: true, mode: 0o700 });
    pinObject(fd, this.#path(name));
  }

  #open(name: string): number | undefined {
    return existsSync(this.#path(name)) ? openPinned(this.#path(name)) : undefined;
  }

  #path(name: string): string {
    return join(this.#folder, name);
  }
}

/** The folder of a device. A dot in its name could be in no pin's. */
export function pinName(device: string): string {
  return device.replace(/[^\w-]/g, (character) => `%${character.charCodeAt(0).toString(16)}`);
}

/**
 * Also what is attached still: it goes with its pins.
 * @param ifindex of its device, where that is still there: it would keep what clsact holds
 */
export function removePins(folder: string, ifindex?: number): void {
  if (ifindex !== undefined) removeClsact(ifindex);
  if (!existsSync(folder)) return;
  for (const name of readdirSync(folder)) {
    const path = join(folder, name);
    if (HOOK_NAMES.some((hook) => hook === name)) detachPinned(path);
    unlinkSync(path);
  }
  rmdirSync(folder);
}

function detachPinned(path: string): void {
  const link = openPinned(path);
  try {
    detachLink(link);
  } finally {
    closeSync(link);
  }
}
