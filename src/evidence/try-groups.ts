/**
 * What a port's program does with frames for groups. In a test run copies of them would really be sent, so its instructions are run over
 * tables of their own, which lead nowhere: they are the ones that are attached when the kernel's hash of both is the same.
 */
import { assembleProgram, type Program, SKB_BYTES } from "../ebpf/index.ts";
import { mapInfo, mapLookup, mapUpdate, testRun, withLoaded, withMapTwins } from "../system/index.ts";
import { GROUP_CLOCK_AT, readCounters } from "../vmkernel/index.ts";
import { macBytes, NOBODYS_TYPE } from "./probe-ports.ts";

export interface GroupTrial {
  /** How much of its port's time each broadcast takes, in ns; absent where none passes at all. */
  readonly broadcastNs?: number;
  /** Whether one passes whose port is a second ahead of its time. */
  readonly passesAhead: boolean;
  /** Of frames that switches send among themselves, those that pass. */
  readonly switchFrames: readonly string[];
}

const BROADCAST = "ff:ff:ff:ff:ff:ff";
/** To bridges (STP, LLDP), and one vendor's (CDP, DTP; PVST+). */
const SWITCHES = ["01:80:c2:00:00:00", "01:80:c2:00:00:0e", "01:00:0c:cc:cc:cc", "01:00:0c:cc:cc:cd"];
const SECOND_NS = 1_000_000_000n;
const A_LITTLE_NS = 20_000_000n; // 200 frames: a guest may send more in a row
const TRIES = 3;
const BODY_BYTES = 46;
const ONLY_KEY = Buffer.alloc(4);

/**
 * @param mapIds those of the program that is attached, in the order of their first use
 * @param source an address that the port may send from
 * @returns undefined where no such program can be loaded
 */
export function tryGroups(program: Program, mapIds: readonly number[], source: string): GroupTrial | undefined {
  if (mapIds.length !== program.maps.length) return undefined;
  try {
    return withMapTwins(mapIds, (fds) => {
      const maps = new Map(program.maps.map((name, index) => [name, fds[index] ?? -1]));
      const code = assembleProgram(program, maps);
      return withLoaded({ kind: "schedCls", code, name: "evidence" }, (fd) => runTrial(fd, maps.get("counters") ?? -1, source));
    });
  } catch {
    return undefined; // a map is gone, or is none that we make
  }
}

function runTrial(program: number, counters: number, source: string): GroupTrial {
  /** @param aheadNs how much of its time the port has sent already @returns how much more it is then; undefined for what does not pass */
  const send = (to: string, aheadNs: bigint): number | undefined => {
    const before = read(counters);
    const clockNs = process.hrtime.bigint() + aheadNs;
    before.writeBigUInt64LE(clockNs, GROUP_CLOCK_AT);
    mapUpdate(counters, ONLY_KEY, before);
    const frame = Buffer.concat([macBytes(to), macBytes(source), NOBODYS_TYPE, Buffer.alloc(BODY_BYTES)]);
    testRun(program, { frame, context: Buffer.alloc(SKB_BYTES) });
    const after = read(counters);
    return droppedIn(after) === droppedIn(before) ? Number(after.readBigUInt64LE(GROUP_CLOCK_AT) - clockNs) : undefined;
  };
  // Where this process had to wait in between the clock was not ahead any more: the least is what a frame takes.
  const tries = Array.from({ length: TRIES }, () => send(BROADCAST, A_LITTLE_NS) ?? Number.POSITIVE_INFINITY);
  const broadcastNs = Math.min(...tries);
  return {
    ...(Number.isFinite(broadcastNs) && { broadcastNs }),
    passesAhead: send(BROADCAST, SECOND_NS) !== undefined,
    switchFrames: SWITCHES.filter((to) => send(to, 0n) !== undefined),
  };
}

function read(counters: number): Buffer {
  const found = mapLookup(counters, ONLY_KEY, mapInfo(counters).valueBytes);
  if (found === undefined) throw new Error("an array has what it was made with");
  return found;
}

function droppedIn(counters: Buffer): number {
  return Object.values(readCounters(counters).dropped).reduce((sum, frames) => sum + frames, 0);
}
