/**
 * What a neighbour loses at its own shaped rate while another guest floods the switch. Three taps: who floods, in a worker of its own;
 * the neighbour, which sends as fast as it may; and who hears it, which is read once a millisecond, as far as this machine has the time.
 */
import { read, VNET_HEADER_BYTES, write } from "./bursts.mjs";
import { OPEN_PORT, SMALL_BYTES, udpFrame } from "./frames.ts";
import { makeFirewall, nicOf, type OwnSwitch, SHAPED, SHAPED_GROUP } from "./own-switch.ts";
import { Helper } from "./workers.ts";

const FLOODER = 1;
const NEIGHBOUR = 2;
const HEARER = 3;
const FRAME_BYTES = 1000;
/** A little less than it may: what is above its rate is its own loss. */
const PART_OF_RATE = 0.97;
const SOURCE_PORT_AT = VNET_HEADER_BYTES + 34;
const GROUP_AT = VNET_HEADER_BYTES + 4;

interface Kind {
  readonly frame: Buffer;
  /** 16 bits that are another number in each frame. */
  readonly counterAt?: number;
}

const small = (to: number | "everybody"): Buffer => udpFrame({ from: FLOODER, to, bytes: SMALL_BYTES });
const STRANGER = 999;

export const FLOOD_KINDS: Readonly<Record<string, Kind | undefined>> = {
  nothing: undefined,
  broadcasts: { frame: small("everybody") },
  multicasts: { frame: toGroup(small("everybody")), counterAt: GROUP_AT },
  "unknown unicast": { frame: small(STRANGER) },
  "frames to itself": { frame: small(FLOODER) },
  "new connections": { frame: small(STRANGER), counterAt: SOURCE_PORT_AT },
};

export async function prepare({ network }: OwnSwitch): Promise<void> {
  await network.change(nicOf(FLOODER, makeFirewall(10)), true);
  await network.change({ ...nicOf(NEIGHBOUR), portGroup: SHAPED_GROUP }, true);
}

/** @returns the part of the neighbour's frames that did not arrive, and how many frames a second were sent beside them */
export async function lossBeside({ ends }: OwnSwitch, flood: Kind | undefined, forMs: number) {
  const helper =
    flood && new Helper("./flood.mjs", { fd: ends[FLOODER - 1], frame: Uint8Array.from(flood.frame), counterAt: flood.counterAt });
  await helper?.started();
  const frame = udpFrame({ from: NEIGHBOUR, to: HEARER, bytes: FRAME_BYTES, destinationPort: OPEN_PORT });
  const perMs = (SHAPED.averageBandwidth * PART_OF_RATE) / 8 / FRAME_BYTES / 1000;
  const [out = -1, into = -1] = [ends[NEIGHBOUR - 1], ends[HEARER - 1]];
  const room = Buffer.alloc(2048);
  const arrivedNow = (): number => {
    let arrived = 0;
    for (let length = read(into, room); length >= 0; length = read(into, room)) if (length === frame.length) arrived++;
    return arrived;
  };
  arrivedNow();
  let [sent, arrived, owed] = [0, 0, 0];
  const started = performance.now();
  for (let [before, now] = [started, started]; now - started < forMs; before = now, now = performance.now()) {
    // After a time without a processor it is not owed what it did not send: no shaper would let that through.
    owed = Math.min(owed + (now - before) * perMs, OWED_MAX);
    for (; owed >= 1; owed--, sent++) write(out, frame);
    arrived += arrivedNow();
  }
  const tookMs = performance.now() - started;
  const floodRate = ((helper?.state[2] ?? 0) * FLOOD_BURST) / (tookMs / 1000);
  await helper?.end();
  arrived += arrivedNow();
  return { loss: 1 - arrived / sent, floodRate };
}

/** Of the burst that its shaping has room for, a fifth. */
const OWED_MAX = 50;
/** As flood.mjs has it. */
const FLOOD_BURST = 256;

function toGroup(frame: Buffer): Buffer {
  frame.write("01005e000000", VNET_HEADER_BYTES, "hex");
  return frame;
}
