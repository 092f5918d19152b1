/** Which machine pages several owners have: the memory isolation of the paper, as the kernel's page tables have it. Pure. */

/** At most; more owners than a host can have VMs. */
const OWNERS_MAX = 2 ** 12;

export interface SharedPage {
  readonly frame: number;
  /** Indices of the owners, ascending. */
  readonly owners: readonly number[];
}

/**
 * @param frames of each owner, in any order and as often as the owner maps it; below 2^40
 * @returns every frame that more than one owner has, ascending
 */
export function sharedFrames(frames: readonly Float64Array[]): readonly SharedPage[] {
  if (frames.length > OWNERS_MAX) throw new RangeError(`${frames.length} owners are more than ${OWNERS_MAX}`);
  const all = new Float64Array(frames.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const [owner, own] of frames.entries()) for (const frame of own) all[at++] = frame * OWNERS_MAX + owner;
  all.sort();
  const shared: SharedPage[] = [];
  for (let from = 0; from < all.length; ) {
    const frame = Math.floor((all[from] ?? 0) / OWNERS_MAX);
    let to = from + 1;
    while (to < all.length && Math.floor((all[to] ?? 0) / OWNERS_MAX) === frame) to += 1;
    // sorted by frame and then by owner: the first and the last tell whether there are two
    if (all[to - 1] !== all[from])
      shared.push({ frame, owners: [...new Set(Array.from(all.subarray(from, to), (key) => key % OWNERS_MAX))] });
    from = to;
  }
  return shared;
}
