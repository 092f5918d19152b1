/**
 * A program builder with what the units of a port share: reasons to drop, registers, the stack, the table. Pure.
 *
 * Registers that last through a program: r6 the frame's context; r9 its destination << 16, with the VLAN in the lower 16 bits; r8 at
 * trunks and uplinks the VLAN that it is tagged with, 0 without a tag, and on the express road its receiver. r7 is each unit's own.
 *
 * Paper «Virtual Switch Correctness»: private copies of what decisions are made on. A frame's buffer is the kernel's by now, out of
 * the guest's reach; what is read twice is kept in registers or on the stack nevertheless.
 */
import { ProgramBuilder, type Register, SKB, TC_ACT, XDP_ACTION, XDP_MD } from "../../../ebpf/index.ts";
import { TABLE_VALUE } from "../plan-table.ts";
import { type DropReason, dropCounterAt } from "./counters.ts";

/** The maps by the names that programs have for them. Those of the switch, then those of the port. */
export const MAPS = {
  /** An array of one map: the table of now. */
  table: "table",
  standIns: "standIns",
  counters: "counters",
  buckets: "buckets",
  connections: "connections",
  logged: "logged",
} as const;

/** Places on the stack, from its end. */
export const STACK = {
  /** 8 bytes: a key of the table. */
  key: -8,
  /** 4 bytes: the port that gets the frame itself, so that mirrors need not. */
  target: -16,
  /** The table, once it is open. */
  table: -24,
  /** 4 bytes: a tag that is put back. */
  tag: -32,
  /** 8 bytes: how often a loop has gone round. */
  round: -40,
} as const;

export const ETHERNET = { destination: 0, source: 6, type: 12, bytes: 14 } as const;
/** EtherTypes as a little-endian machine loads them. */
export const ETHERTYPE = { ipv4: 0x0008, arp: 0x0608, ipv6: 0xdd86, customerTag: 0x0081, serviceTag: 0xa888 } as const;

/** Where in the kernel a program meets a frame: at a hook of tc, or before the kernel makes a packet of it. */
export type Stage = "tc" | "xdp";

const STAGES = {
  tc: { data: SKB.data, dataEnd: SKB.dataEnd, ifindex: SKB.ifindex, drop: TC_ACT.shot, loadBytes: "skbLoadBytes" },
  xdp: { data: XDP_MD.data, dataEnd: XDP_MD.dataEnd, ifindex: XDP_MD.ingressIfindex, drop: XDP_ACTION.drop, loadBytes: "xdpLoadBytes" },
} as const;

export class PortBuilder extends ProgramBuilder {
  readonly #stage: Stage;
  readonly #drops = new Set<DropReason>();

  constructor(stage: Stage = "tc") {
    super();
    this.#stage = stage;
  }

  /** Where a frame is dropped for that reason, and counted. */
  drop(reason: DropReason): string {
    this.#drops.add(reason);
    return `drop ${reason}`;
  }

  /** What `drop` promised; last of all units, out of the way of frames that pass. */
  writeDrops(): this {
    for (const reason of this.#drops) {
      this.label(`drop ${reason}`).loadMapValue("r1", MAPS.counters, dropCounterAt(reason)).mov("r2", 1).atomicAdd(8, "r1", 0, "r2");
      this.mov("r0", STAGES[this.#stage].drop).exit();
    }
    return this;
  }

  /**
   * r7 becomes the frame's first byte, with so many bytes there to read. Every call of a helper that changes frames makes it void.
   * @param otherwise where shorter frames go
   */
  loadFrame(bytes: number, otherwise = this.drop("runt")): this {
    const { data, dataEnd } = STAGES[this.#stage];
    this.load(4, "r7", "r6", data).load(4, "r3", "r6", dataEnd).mov("r4", "r7").add("r4", bytes);
    return this.jumpIf("gt", "r4", "r3", otherwise);
  }

  /** r3 becomes the frame's length; r4 is lost. */
  loadLength(): this {
    if (this.#stage === "tc") return this.load(4, "r3", "r6", SKB.len);
    return this.load(4, "r3", "r6", XDP_MD.dataEnd).load(4, "r4", "r6", XDP_MD.data).sub("r3", "r4");
  }

  /** r2 becomes the device that the frame came from. */
  loadSender(): this {
    return this.load(4, "r2", "r6", STAGES[this.#stage].ifindex);
  }

  /** @param to a place on the stack. r1–r5 are lost, also where the frame has not as many bytes there */
  copyOut(from: number | Register, to: number, bytes: number | Register, otherwise: string): this {
    this.mov("r1", "r6").mov("r2", from).mov("r3", "r10").add("r3", to).mov("r4", bytes);
    return this.call(STAGES[this.#stage].loadBytes).jumpIf("ne", "r0", 0, otherwise);
  }

  /**
   * Keeps the table of this moment for all of this frame's look-ups: it may be replaced by another meanwhile, never changed.
   * @param otherwise where frames go when there is none
   */
  openTable(otherwise = this.drop("unknownDestination")): this {
    this.storeImmediate(4, "r10", STACK.key, 0).loadMap("r1", MAPS.table).mov("r2", "r10").add("r2", STACK.key).call("lookup");
    return this.jumpIf("eq", "r0", 0, otherwise).store(8, "r10", STACK.table, "r0");
  }

  /** r0 becomes the address of what the table has under the key on the stack, or 0. */
  lookUp(): this {
    return this.load(8, "r1", "r10", STACK.table).mov("r2", "r10").add("r2", STACK.key).call("lookup");
  }

  /** Under the destination and VLAN of the frame. */
  lookUpDestination(): this {
    return this.store(8, "r10", STACK.key, "r9").lookUp();
  }

  /** r1 becomes the device of the entry that r0 is the address of. */
  loadDevice(into: Register = "r1"): this {
    return this.load(4, into, "r0", TABLE_VALUE.ifindex);
  }

  /** Gives the frame a tag, beside it. @param vlan a register holds priority and VLAN */
  pushTag(vlan: number | Register): this {
    return this.mov("r1", "r6").mov("r2", ETHERTYPE.customerTag).mov("r3", vlan).call("skbVlanPush");
  }

  popTag(): this {
    return this.mov("r1", "r6").call("skbVlanPop");
  }

  /** A copy goes to the device in r2. */
  sendCopy(): this {
    return this.mov("r1", "r6").mov("r3", 0).call("cloneRedirect");
  }

  /**
   * The frame goes to the device in r1, and this is its end here. Where it goes, and with which VLAN in its tag, is written beside it
   * too: so a test run, which sends nothing, shows it.
   */
  redirect(vlan: number | Register): this {
    this.store(4, "r6", SKB.cb0, "r1");
    if (typeof vlan === "number") this.mov("r2", vlan).store(4, "r6", SKB.cb1, "r2");
    else this.store(4, "r6", SKB.cb1, vlan);
    return this.mov("r2", 0).call("redirect").exit();
  }

  /** Everybody has got a copy. */
  finish(): this {
    return this.mov("r0", TC_ACT.shot).exit();
  }
}

/** A part of a port's program. A program has those that its port needs, and pays for no others. */
export interface Unit {
  readonly name: string;
  emit(builder: PortBuilder): void;
}
