/** The two hooks of an interface. Pure. Source: Linux include/uapi/linux/bpf.h, enum bpf_attach_type. */

export const TCX_DIRECTIONS = { ingress: 46, egress: 47 } as const;

/** As the kernel sees it: "ingress" is what comes out of the interface, so of a tap what the guest sends. */
export type TcxDirection = keyof typeof TCX_DIRECTIONS;
