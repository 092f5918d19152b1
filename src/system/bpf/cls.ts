/**
 * Programs at an interface for kernels without tcx: cls_bpf filters at the hooks of a clsact qdisc, over rtnetlink. The interface is one
 * of the network namespace that the calling thread is in. The interface holds the program; there is no link to pin.
 * Source: rtnetlink(7), Linux include/uapi/linux/pkt_sched.h and pkt_cls.h, TCA_BPF_*; Linux 4.5 and later.
 */
import { SystemError } from "../../base/index.ts";
import { errnoCode } from "../libc.ts";
import {
  attribute,
  attributeText,
  decodeAttributes,
  NLM_F_CREATE,
  NLM_F_ECHO,
  NLM_F_EXCL,
  nestedAttribute,
} from "../network/netlink-message.ts";
import { askNetlink } from "../network/netlink-socket.ts";
import { attempt } from "./call.ts";
import type { TcxDirection } from "./hooks.ts";

export interface ClsPlace {
  readonly ifindex: number;
  readonly direction: TcxDirection;
}

const RTM_NEWQDISC = 36;
const RTM_DELQDISC = 37;
const RTM_GETQDISC = 38;
const RTM_NEWTFILTER = 44;
const RTM_DELTFILTER = 45;
const RTM_GETTFILTER = 46;
const TCA_KIND = 1;
const TCA_OPTIONS = 2;
const TCA_BPF_FD = 6;
const TCA_BPF_NAME = 7;
const TCA_BPF_FLAGS = 8;
const TCA_BPF_ID = 11;
const TCA_BPF_FLAG_ACT_DIRECT = 1; // the program's result is the verdict

const CLSACT = { handle: 0xffff_0000, parent: 0xffff_fff1 } as const;
const HOOKS = { ingress: 0xffff_fff2, egress: 0xffff_fff3 } as const satisfies Record<TcxDirection, number>;
/** The one filter of a hook: a new one with the same handle and priority takes its place. */
const FILTER_HANDLE = 1;
const PRIORITY = 1;
const EVERY_PROTOCOL = 0x0300; // ETH_P_ALL in network order
const FILTER_INFO = (PRIORITY << 16) | EVERY_PROTOCOL;
const MESSAGE_BYTES = 20;

export interface ClsProgram extends ClsPlace {
  readonly program: number;
  readonly name: string;
  /** The interface never has a filter at its egress: then what leaves by it is not held up by looking for one. */
  readonly ingressAlone?: boolean;
  /** By {@link makeClsHooks}. */
  readonly hooksAreThere?: boolean;
}

/**
 * Makes the hooks, where there are none. The kernel waits for all processors once for the first program at new hooks, unless they were
 * made some time before: so who has many interfaces makes the hooks of all before the first program is attached.
 */
export function makeClsHooks(ifindex: number, { ingressAlone = false }: Pick<ClsProgram, "ingressAlone"> = {}): void {
  attempt(`making hooks for programs at interface ${ifindex}`, () => ensureHooks(ifindex, ingressAlone ? "ingress" : "clsact"));
}

/** Attaches the program, or puts it in place of the one that is there, in one step: every frame is seen by one of the two. */
export function attachCls({ ifindex, direction, program, name, ingressAlone = false, hooksAreThere = false }: ClsProgram): void {
  attempt(`attaching a program to the ${direction} of interface ${ifindex}`, () => {
    if (!hooksAreThere) ensureHooks(ifindex, ingressAlone ? "ingress" : "clsact");
    if (!hasHook({ ifindex, direction })) throw new SystemError("the interface has hooks for its ingress alone");
    const options = [attribute(TCA_BPF_FD, program), attribute(TCA_BPF_NAME, name), attribute(TCA_BPF_FLAGS, TCA_BPF_FLAG_ACT_DIRECT)];
    const body = Buffer.concat([filterMessage({ ifindex, direction }), attribute(TCA_KIND, "bpf"), nestedAttribute(TCA_OPTIONS, options)]);
    askNetlink({ type: RTM_NEWTFILTER, flags: NLM_F_CREATE, body });
  });
}

/** @returns whether there was a program */
export function detachCls(place: ClsPlace): boolean {
  return whereThereIsOne(
    `detaching the program from the ${place.direction} of interface ${place.ifindex}`,
    () => {
      if (!hasHook(place)) return false;
      askNetlink({ type: RTM_DELTFILTER, flags: 0, body: Buffer.concat([filterMessage(place), attribute(TCA_KIND, "bpf")]) });
      return true;
    },
    false,
  );
}

/** The id of the program that is attached there; undefined when there is none. */
export function clsProgramId(place: ClsPlace): number | undefined {
  return whereThereIsOne(
    `asking for the program at the ${place.direction} of interface ${place.ifindex}`,
    () => {
      if (!hasHook(place)) return undefined;
      const [answer] = askNetlink({
        type: RTM_GETTFILTER,
        flags: 0,
        body: Buffer.concat([filterMessage(place), attribute(TCA_KIND, "bpf")]),
      });
      const options = answer && decodeAttributes(answer.body.subarray(MESSAGE_BYTES)).get(TCA_OPTIONS);
      return options && decodeAttributes(options).get(TCA_BPF_ID)?.readUInt32LE(0);
    },
    undefined,
  );
}

/** Takes the hooks away, and their programs. */
export function removeClsact(ifindex: number): void {
  whereThereIsOne(
    `removing clsact from interface ${ifindex}`,
    () => {
      askNetlink({ type: RTM_DELQDISC, flags: 0, body: message(ifindex, CLSACT) });
      return true;
    },
    false,
  );
}

/** Both kinds are in one place: the one that is there stays. */
function ensureHooks(ifindex: number, kind: "clsact" | "ingress"): void {
  const body = Buffer.concat([message(ifindex, CLSACT), attribute(TCA_KIND, kind)]);
  try {
    askNetlink({ type: RTM_NEWQDISC, flags: NLM_F_CREATE | NLM_F_EXCL, body });
  } catch (error) {
    if (errnoCode(error) !== "EEXIST") throw error;
  }
}

/** Hooks for the ingress alone would take a request for the egress for their own: so it is asked which they are. */
function hasHook({ ifindex, direction }: ClsPlace): boolean {
  if (direction === "ingress") return true;
  const [answer] = askNetlink({ type: RTM_GETQDISC, flags: NLM_F_ECHO, body: message(ifindex, { handle: 0, parent: CLSACT.parent }) });
  const kind = answer && decodeAttributes(answer.body.subarray(MESSAGE_BYTES)).get(TCA_KIND);
  return kind !== undefined && attributeText(kind) === "clsact";
}

/** What is said where the hook has no such filter, where the interface has no such hooks, and where there is no such interface. */
const MISSING: ReadonlySet<string | undefined> = new Set(["ENOENT", "EINVAL", "ENODEV"]);

function whereThereIsOne<T>(what: string, deed: () => T, otherwise: T): T {
  return attempt(what, () => {
    try {
      return deed();
    } catch (error) {
      if (MISSING.has(errnoCode(error))) return otherwise;
      throw error;
    }
  });
}

function filterMessage({ ifindex, direction }: ClsPlace): Buffer {
  return message(ifindex, { handle: FILTER_HANDLE, parent: HOOKS[direction], info: FILTER_INFO });
}

/** struct tcmsg: | family:u8, padded to 4 | ifindex:i32 | handle:u32 | parent:u32 | info:u32 | */
function message(ifindex: number, { handle, parent, info = 0 }: { handle: number; parent: number; info?: number }): Buffer {
  const bytes = Buffer.alloc(MESSAGE_BYTES);
  bytes.writeInt32LE(ifindex, 4);
  bytes.writeUInt32LE(handle, 8);
  bytes.writeUInt32LE(parent, 12);
  bytes.writeUInt32LE(info, 16);
  return bytes;
}
