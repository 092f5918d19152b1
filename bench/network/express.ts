/**
 * What XDP would give: two taps and a program at each that does with a small frame what a plain port's does (address of the sender, table
 * behind a map of maps, counters) before the kernel makes a packet of it. No part of the product: see decision 11.
 * XDP does not see the virtio header before a frame, in which a guest says that it left the checksum to its adapter, and what XDP sends on
 * arrives with an empty one. But whoever leaves it must put the sum of the pseudo-header in its place (virtio 1.2 §5.1.6.2), so the frame
 * itself tells, and the program completes it.
 */
import { closeSync } from "node:fs";
import { assembleProgram, type Program, ProgramBuilder } from "../../src/ebpf/index.ts";
import { bpf } from "../../src/system/bpf/call.ts";
import { createMap, linkIndex, loadProgram, mapUpdate } from "../../src/system/index.ts";
import { CPU_LINES, LINE, LINE_SHIFT, LINES_AT } from "../../src/vmkernel/network/compile/counters.ts";
import { macWord } from "../../src/vmkernel/network/mac.ts";
import { INNER_TABLE, PORT_MAPS, SWITCH_MAPS } from "../../src/vmkernel/network/map-specs.ts";
import { encodeEntry, encodeKey, unicastKey } from "../../src/vmkernel/network/plan-table.ts";
import { Bay, type Forwarder } from "./forwarder.ts";
import { macOf, SMALL_BYTES } from "./frames.ts";

/** Linux include/uapi/linux/bpf.h: struct xdp_md, enum xdp_action, enum bpf_attach_type. */
const XDP = { data: 0, dataEnd: 4, drop: 1, pass: 2, attachType: 37 } as const;
const AT = { source: 6, type: 12, ip: 14, fragment: 20, protocol: 23, addresses: 26, udp: 34, udpLength: 38, checksum: 40 } as const;
const IPV4 = 0x0008;
const UDP = 17;
const VERSION_AND_LENGTH = 0x45;
const FRAGMENT = 0xff3f;
/** bpf_csum_diff takes words; two bytes of the datagram are left. */
const SUMMED_BYTES = 24;

export function makeExpress(): Forwarder {
  const bay = new Bay(2);
  const fds: number[] = [];
  const remove = async () => {
    for (const fd of fds.splice(0)) closeSync(fd);
    bay.remove();
  };
  try {
    bay.do(() => {
      const ifindexes = ["t1", "t2"].map((name) => linkIndex(name) ?? 0);
      const maps = makeMaps(ifindexes);
      fds.push(...maps.values());
      for (const [at, ifindex] of ifindexes.entries()) {
        const program = loadProgram({ kind: "xdp", code: assembleProgram(expressProgram(macOf(at + 1)), maps), name: "express" });
        fds.push(bpf("createLink", [[0, program], [4, ifindex], [8, XDP.attachType]]).result, program); // biome-ignore format: a row
      }
    });
    bay.bringUp();
  } catch (error) {
    void remove();
    throw error;
  }
  return { name: "XDP", ends: bay.ends, remove };
}

function makeMaps(ifindexes: readonly number[]): ReadonlyMap<string, number> {
  const inner = createMap({ ...INNER_TABLE, entriesMax: 64, name: "entries" });
  const table = createMap({ ...SWITCH_MAPS.table, name: "table", inner });
  const value = Buffer.alloc(4);
  value.writeUInt32LE(inner);
  mapUpdate(table, Buffer.alloc(4), value);
  for (const [at, ifindex] of ifindexes.entries()) {
    const entry = { key: unicastKey(macOf(at + 1), 0), ifindex, isTagged: false, uplinks: 0 };
    mapUpdate(inner, encodeKey(entry.key), encodeEntry(entry));
  }
  return new Map([["table", table], ["counters", createMap({ ...PORT_MAPS.counters, name: "counters" })], ["entries", inner]]); // biome-ignore format: a row
}

function expressProgram(mac: string): Program {
  const builder = new ProgramBuilder();
  builder.mov("r6", "r1").load(4, "r7", "r6", XDP.data).load(4, "r3", "r6", XDP.dataEnd).mov("r4", "r7").add("r4", SMALL_BYTES);
  builder.jumpIf("gt", "r4", "r3", "pass").load(8, "r9", "r7", 0).lsh("r9", 16);
  builder.load(2, "r2", "r7", AT.type).jumpIf("ne", "r2", IPV4, "pass");
  builder.load(8, "r2", "r7", AT.source).lsh("r2", 16);
  builder.load64("r3", macWord(mac) << 16n).jumpIf("ne", "r2", "r3", "drop");
  completeChecksum(builder);
  builder
    .storeImmediate(4, "r10", -8, 0)
    .loadMap("r1", "table")
    .mov("r2", "r10")
    .add("r2", -8)
    .call("lookup")
    .jumpIf("eq", "r0", 0, "drop");
  builder.store(8, "r10", -8, "r9").mov("r1", "r0").mov("r2", "r10").add("r2", -8).call("lookup").jumpIf("eq", "r0", 0, "drop");
  builder.load(4, "r8", "r0", 0);
  count(builder);
  builder.mov("r1", "r8").mov("r2", 0).call("redirect").exit();
  builder.label("pass").mov("r0", XDP.pass).exit().label("drop").mov("r0", XDP.drop).exit();
  return builder.build();
}

function completeChecksum(builder: ProgramBuilder): void {
  builder.load(1, "r2", "r7", AT.ip).jumpIf("ne", "r2", VERSION_AND_LENGTH, "pass");
  builder.load(1, "r2", "r7", AT.protocol).jumpIf("ne", "r2", UDP, "pass");
  builder.load(2, "r2", "r7", AT.fragment).and("r2", FRAGMENT).jumpIf("ne", "r2", 0, "pass");
  builder.load(4, "r2", "r7", AT.addresses).load(4, "r3", "r7", AT.addresses + 4);
  builder
    .add("r2", "r3")
    .load(2, "r3", "r7", AT.udpLength)
    .add("r2", "r3")
    .add("r2", UDP << 8);
  fold(builder, "r2");
  builder.load(2, "r3", "r7", AT.checksum).jumpIf("ne", "r2", "r3", "complete");
  builder.mov("r1", 0).mov("r2", 0).mov("r3", "r7").add("r3", AT.udp).mov("r4", SUMMED_BYTES).mov("r5", 0).call("csumDiff");
  builder.load(2, "r3", "r7", AT.udp + SUMMED_BYTES).add("r0", "r3");
  fold(builder, "r0");
  builder.xor("r0", 0xffff).store(2, "r7", AT.checksum, "r0").label("complete");
}

/** A sum of 16-bit words. */
function fold(builder: ProgramBuilder, sum: "r0" | "r2"): void {
  for (let times = 0; times < 3; times++) builder.mov("r3", sum).rsh("r3", 16).and(sum, 0xffff).add(sum, "r3");
}

function count(builder: ProgramBuilder): void {
  builder.call("getSmpProcessorId").and("r0", CPU_LINES - 1).lsh("r0", LINE_SHIFT).loadMapValue("r1", "counters", LINES_AT).add("r1", "r0"); // biome-ignore format: a row
  builder.load(8, "r2", "r1", LINE.frames).add("r2", 1).store(8, "r1", LINE.frames, "r2");
  builder.load(8, "r2", "r1", LINE.bytes).add("r2", SMALL_BYTES).store(8, "r1", LINE.bytes, "r2");
}
