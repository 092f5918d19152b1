/**
 * Which programs are at an interface, whoever attached them: the kernel's own list. The interface is one of the network namespace that
 * the calling thread is in. Source: Linux include/uapi/linux/bpf.h, BPF_PROG_QUERY; kernel/bpf/tcx.c tcx_prog_query.
 */
import { listLinks } from "../network/links.ts";
import { attempt, bpf } from "./call.ts";
import { clsProgramId } from "./cls.ts";
import { HOOKS, type Hook, type TcxDirection } from "./hooks.ts";
import { hasTcx } from "./links.ts";
import { NativeMemory } from "./native-memory.ts";

/** The kernel's BPF_MPROG_MAX: more can't be at one hook. */
const PROGRAMS_MAX = 64;
const ID_BYTES = 4;

/** Ids, in the order in which they see a frame: those of tcx, and what is at clsact for frames that those leave to it. */
export function attachedPrograms(ifindex: number, direction: Hook): readonly number[] {
  if (direction === "xdp") return listLinks().find(({ index }) => index === ifindex)?.xdpPrograms ?? [];
  const cls = clsProgramId({ ifindex, direction });
  const tcx = hasTcx() ? tcxPrograms(ifindex, direction) : [];
  // One that moves from the one to the other is at both for a moment.
  return cls === undefined || tcx.at(-1) === cls ? tcx : [...tcx, cls];
}

function tcxPrograms(ifindex: number, direction: TcxDirection): readonly number[] {
  using ids = new NativeMemory(PROGRAMS_MAX * ID_BYTES);
  const { attributes } = attempt(`asking for the programs at the ${direction} of interface ${ifindex}`, () =>
    bpf("queryPrograms", [
      [QUERY.ifindex, ifindex],
      [QUERY.attachType, HOOKS[direction]],
      [QUERY.ids, ids.address],
      [QUERY.count, PROGRAMS_MAX],
    ]),
  );
  return Array.from({ length: attributes.readUInt32LE(QUERY.count) }, (_, index) => ids.bytes.readUInt32LE(index * ID_BYTES));
}

/** Where the fields of union bpf_attr's query begin. */
const QUERY = { ifindex: 0, attachType: 4, ids: 16, count: 24 } as const;
