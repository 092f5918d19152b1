/**
 * Puts frames in at the ports of virtual switches, as the programs there are run: nothing is sent, the program only says where to. Called
 * within the network's namespace.
 */
import { SKB, SKB_BYTES, TC_ACT, XDP_ACTION, XDP_MD, XDP_MD_BYTES } from "../ebpf/index.ts";
import { type Hook, testRun, withProgram } from "../system/index.ts";
import { type NetworkDescription, type PortDescription, VGT_ID } from "../vmkernel/index.ts";

/** An address that no adapter has (locally administered). */
export const STRANGERS_MAC = "02:00:00:00:00:66";

/** A link of the namespace. */
export interface ProbedPort {
  readonly link: string;
  readonly ifindex: number;
  readonly programs: readonly { readonly direction: Hook; readonly id: number }[];
}

/** A frame for the address of another port, put in where a guest's or the host's frames come in: nothing is sent, the program only says where. */
export interface Probe {
  readonly to: string;
  /** Interface; undefined where it was dropped. */
  readonly cameOutAt: number | undefined;
  /** It was handed over at XDP. What a program there leaves to tc is no probe of its own. */
  readonly isExpress?: boolean;
}

export function probe(from: ProbedPort, all: readonly ProbedPort[], { switches }: NetworkDescription): readonly Probe[] {
  const described = new Map(switches.flatMap(({ ports }) => ports).map((port) => [port.device ?? "", port]));
  const own = described.get(from.link);
  const [program, express] = [programAt(from, "ingress"), programAt(from, "xdp")];
  if (own === undefined || own.connectee.kind === "uplink" || program === undefined) return [];
  return all.flatMap(({ link }) => {
    const to = described.get(link);
    if (link === from.link || to === undefined || to.connectee.kind === "uplink") return [];
    const ends = { from: own, to };
    const byTc = { to: link, cameOutAt: withProgram(program.id, (fd) => whereTo(fd, probeFrame(ends), from.ifindex)) };
    const handedOverTo = express && withProgram(express.id, (fd) => whereToAtXdp(fd, probePacket(ends), from.ifindex));
    return [byTc, ...(handedOverTo === undefined ? [] : [{ to: link, cameOutAt: handedOverTo, isExpress: true }])];
  });
}

export function programAt({ programs }: ProbedPort, hook: Hook): { readonly id: number } | undefined {
  return programs.find(({ direction }) => direction === hook);
}

/** An EtherType that nobody speaks (IEEE 802: local experimental). */
export const NOBODYS_TYPE = Buffer.from([0x88, 0xb5]);

/** With a tag where a trunk sends it to a VLAN. */
function probeFrame({ from, to }: { readonly from: PortDescription; readonly to: PortDescription }): Buffer {
  const isTagged = from.vlanId === VGT_ID && to.vlanId !== VGT_ID && to.vlanId !== 0;
  const tags = isTagged ? [tagBytes(CUSTOMER_TAG, to.vlanId)] : [];
  return padded(macBytes(to.effectiveMac), macBytes(from.effectiveMac), ...tags, NOBODYS_TYPE);
}

/** EtherTypes of tags: IEEE 802.1Q. */
export const CUSTOMER_TAG = 0x8100;
export const PROVIDER_TAG = 0x88a8;

export function tagBytes(type: number, vlan: number): Buffer {
  return Buffer.from([type >> 8, type & 0xff, vlan >> 8, vlan & 0xff]);
}

const FRAME_BYTES = 60;

/** No shorter than a frame is. */
export function padded(...parts: readonly Buffer[]): Buffer {
  const frame = Buffer.concat(parts);
  return Buffer.concat([frame, Buffer.alloc(Math.max(0, FRAME_BYTES - frame.length))]);
}

/** An empty datagram of UDP with its checksum, from port 9 to port 9 (RFC 863: discard), of addresses that nobody has (RFC 5737). */
function probePacket({ from, to }: { readonly from: PortDescription; readonly to: PortDescription }): Buffer {
  return Buffer.concat([macBytes(to.effectiveMac), macBytes(from.effectiveMac), DISCARDED]);
}

export const DISCARDED = Buffer.from("08004500001c000000004011f6cdc0000201c00002020009000900087bc8".padEnd(92, "0"), "hex");

export function macBytes(mac: string): Buffer {
  return Buffer.from(mac.replaceAll(":", ""), "hex");
}

/** A program at XDP writes before the frame where it hands it over, where there is room. */
export function whereToAtXdp(program: number, frame: Buffer, ifindex: number): number | undefined {
  const context = Buffer.alloc(XDP_MD_BYTES);
  context.writeUInt32LE(METADATA_BYTES, XDP_MD.data);
  context.writeUInt32LE(METADATA_BYTES + frame.length, XDP_MD.dataEnd);
  context.writeUInt32LE(ifindex, XDP_MD.ingressIfindex);
  const { verdict, frame: after } = testRun(program, { frame: Buffer.concat([Buffer.alloc(METADATA_BYTES), frame]), context });
  return verdict === XDP_ACTION.redirect ? after.readUInt32LE() : undefined;
}

const METADATA_BYTES = 4;

/** Programs write beside the frame where they send it. */
export function whereTo(program: number, frame: Buffer, ifindex: number): number | undefined {
  const context = Buffer.alloc(SKB_BYTES);
  context.writeUInt32LE(ifindex, SKB.ifindex);
  const { verdict, context: after } = testRun(program, { frame, context });
  return verdict === TC_ACT.redirect ? after?.readUInt32LE(SKB.cb0) : undefined;
}
