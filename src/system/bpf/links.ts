/**
 * Programs at an interface, each held by a link: at tcx (Linux 6.6), and at XDP. The interface is one of the network namespace that the
 * calling thread is in. Source: Linux include/uapi/linux/bpf.h, BPF_LINK_CREATE, BPF_LINK_UPDATE, BPF_LINK_DETACH.
 */
import { closeSync } from "node:fs";
import { assembleProgram, ProgramBuilder, TC_ACT } from "../../ebpf/index.ts";
import { errnoCode } from "../libc.ts";
import { attempt, bpf } from "./call.ts";
import { HOOKS, type Hook, type TcxDirection } from "./hooks.ts";
import { loadProgram } from "./programs.ts";

export interface TcxPlace {
  readonly program: number;
  readonly ifindex: number;
  readonly direction: TcxDirection;
}

/**
 * The program sees every frame from the return of this call on.
 * @returns the link's descriptor: the program is taken away when the last one is closed, unless the link is pinned
 */
export function attachTcx(place: TcxPlace): number {
  return attempt(`attaching a program to the ${place.direction} of interface ${place.ifindex}`, () => createLink(place));
}

/**
 * Before the kernel makes a packet of what comes in, where the interface's own driver does that: a tap's does. One program an interface.
 * @returns as {@link attachTcx}
 */
export function attachXdp({ program, ifindex }: Omit<TcxPlace, "direction">): number {
  return attempt(`attaching a program to XDP of interface ${ifindex}`, () => createLink({ program, ifindex, direction: "xdp" }));
}

/** Puts another program in place of the link's, in one step: every frame is seen by one of the two. */
export function updateLink(link: number, program: number): void {
  const fields = [
    [0, link],
    [4, program],
  ] as const;
  attempt(`updating the link of descriptor ${link}`, () => bpf("updateLink", fields));
}

/** Takes the program away from its interface, whoever else holds the link. A link whose interface has gone is detached already. */
export function detachLink(link: number): void {
  attempt(`detaching the link of descriptor ${link}`, () => bpf("detachLink", [[0, link]]));
}

function createLink({ program, ifindex, direction }: Omit<TcxPlace, "direction"> & { readonly direction: Hook }): number {
  return bpf("createLink", [
    [0, program],
    [4, ifindex],
    [8, HOOKS[direction]],
    ...(direction === "xdp" ? ([[12, XDP_FLAGS_DRV_MODE]] as const) : []),
  ]).result;
}

/** Else the kernel would show it packets where the driver cannot show it frames. */
const XDP_FLAGS_DRV_MODE = 1 << 2;

/** No interface ever has it. */
const NO_INTERFACE = 0x7fff_ffff;

let known: boolean | undefined;

/** Whether this kernel has tcx: it misses the interface then, otherwise already the hook. */
export function hasTcx(): boolean {
  known ??= probeTcx();
  return known;
}

function probeTcx(): boolean {
  const code = assembleProgram(new ProgramBuilder().mov("r0", TC_ACT.ok).exit().build(), new Map());
  const program = loadProgram({ kind: "schedCls", code, name: "probe_tcx" });
  try {
    closeSync(createLink({ program, ifindex: NO_INTERFACE, direction: "ingress" }));
    return true;
  } catch (error) {
    return errnoCode(error) === "ENODEV";
  } finally {
    closeSync(program);
  }
}
