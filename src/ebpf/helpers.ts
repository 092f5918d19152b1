/** What the kernel does for a program when it asks: its helper functions by their numbers. Pure. Source: include/uapi/linux/bpf.h. */

export const HELPERS = {
  lookup: 1, // bpf_map_lookup_elem
  update: 2,
  delete: 3,
  ktimeGetNs: 5,
  getPrandomU32: 7,
  getSmpProcessorId: 8,
  skbStoreBytes: 9,
  l3CsumReplace: 10,
  l4CsumReplace: 11,
  tailCall: 12,
  cloneRedirect: 13,
  skbVlanPush: 18,
  skbVlanPop: 19,
  redirect: 23,
  skbLoadBytes: 26,
  csumDiff: 28,
  getHashRecalc: 34,
  skbChangeTail: 38,
  skbPullData: 39,
  csumUpdate: 40,
  xdpAdjustHead: 44,
  redirectMap: 51,
  xdpAdjustTail: 65,
  spinLock: 93,
  spinUnlock: 94,
  jiffies64: 118,
  ktimeGetBootNs: 125,
  redirectPeer: 155,
  ktimeGetCoarseNs: 160,
  forEachMapElem: 164,
  loop: 181,
  xdpLoadBytes: 189,
  mapLookupPercpuElem: 195,
} as const;

export type HelperName = keyof typeof HELPERS;

const NAMES: ReadonlyMap<number, string> = new Map(Object.entries(HELPERS).map(([name, number]) => [number, name]));

/** Undefined for a helper that our programs do not call. */
export function helperName(number: number): string | undefined {
  return NAMES.get(number);
}
