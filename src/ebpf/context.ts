/**
 * What a program at a tc hook or at XDP is given and gives back. Pure.
 * Source: include/uapi/linux/bpf.h struct __sk_buff, struct xdp_md, enum xdp_action; linux/pkt_cls.h.
 */

/**
 * Where the fields of struct __sk_buff begin. Each is a 32-bit number in the machine's byte order unless something else is said;
 * data and dataEnd too are read as 4 bytes, which the verifier widens to pointers.
 */
export const SKB = {
  len: 0,
  pktType: 4,
  mark: 8,
  queueMapping: 12,
  protocol: 16, // big-endian
  vlanPresent: 20,
  vlanTci: 24,
  vlanProto: 28, // big-endian
  priority: 32,
  ingressIfindex: 36,
  ifindex: 40,
  tcIndex: 44,
  cb0: 48,
  cb1: 52,
  cb2: 56,
  cb3: 60,
  cb4: 64,
  hash: 68,
  tcClassid: 72,
  data: 76,
  dataEnd: 80,
  napiId: 84,
  dataMeta: 140,
  tstamp: 152, // 64 bits
  wireLen: 160,
  gsoSegs: 164,
  gsoSize: 176,
} as const;

export const SKB_BYTES = 192;

/** What becomes of the frame. */
export const TC_ACT = { ok: 0, shot: 2, redirect: 7 } as const;

/** Where the fields of struct xdp_md begin, each as in {@link SKB}. A frame that has no room for metadata has it begin behind its data. */
export const XDP_MD = { data: 0, dataEnd: 4, dataMeta: 8, ingressIfindex: 12 } as const;

export const XDP_MD_BYTES = 24;

/** "pass": the kernel goes on with it, and tc's programs see it. */
export const XDP_ACTION = { drop: 1, pass: 2, redirect: 4 } as const;
