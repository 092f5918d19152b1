/** Where at an interface a program can be held by a link. Pure. Source: Linux include/uapi/linux/bpf.h, enum bpf_attach_type. */

export const HOOKS = { xdp: 37, ingress: 46, egress: 47 } as const;

/** "xdp" is before the kernel makes a packet of a frame. */
export type Hook = keyof typeof HOOKS;

/** In the order in which what comes in meets them. */
export const HOOK_NAMES = Object.keys(HOOKS) as readonly Hook[];

/** As the kernel sees it: "ingress" is what comes out of the interface, so of a tap what the guest sends. */
export type TcxDirection = Exclude<Hook, "xdp">;
