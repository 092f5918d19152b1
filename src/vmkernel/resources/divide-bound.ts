/**
 * Divides processors of which some VMs may run on a part alone (affinity, cores of their own, one thread of each core): those divide
 * that part among themselves, and what it has not, the others get elsewhere. Pure.
 */
import { type Claimant, type Division, divide } from "./divide.ts";

export interface Processors {
  readonly mhz: number;
  readonly count: number;
}

/** The numbers of the cores that a VM may run on, by its id in the tree; one that may run on all is not in it. */
export type Bonds = ReadonlyMap<string, readonly number[]>;

/** @returns as {@link divide} */
export function divideBound({ mhz, count }: Processors, top: readonly Claimant[], bonds: Bonds): ReadonlyMap<string, Division> {
  const settled = new Map<string, Division>();
  const open = distinctSets(bonds);
  for (;;) {
    const held = top.map(holdTo(settled));
    const rows = divide(mhz * count, held);
    const within = (set: readonly number[]) => leavesOf(held).filter(({ id }) => bonds.get(id)?.every((one) => set.includes(one)) === true);
    const granted = (set: readonly number[]) => within(set).reduce((sum, { id }) => sum + (rows.get(id)?.granted ?? 0), 0);
    const overfull = open.findIndex((set) => granted(set) > set.length * mhz);
    const [set] = overfull === -1 ? [] : open.splice(overfull, 1);
    if (set === undefined) return new Map([...rows, ...settled]);
    const parts = partsByShares(top);
    // A pool above one may let it have less than its own limit: what it would get if it wanted all says so.
    const bounded = within(set).map((one) => ({
      ...one,
      ...{ shares: parts.get(one.id) ?? 1, limit: Math.min(one.limit, rows.get(one.id)?.claim ?? 0) },
    }));
    for (const [id, row] of divide(set.length * mhz, bounded)) settled.set(id, row);
  }
}

/** Small ones first: what those in them cannot have is known when a larger one is looked at. */
function distinctSets(bonds: Bonds): (readonly number[])[] {
  const sets = new Map([...bonds.values()].map((set) => [set.join(), set]));
  return [...sets.values()].sort((a, b) => a.length - b.length);
}

/** The claimant with what was settled of it, or of those in it, as their limit. */
function holdTo(settled: ReadonlyMap<string, Division>): (claimant: Claimant) => Claimant {
  const hold = (one: Claimant): Claimant => {
    if (one.members !== undefined) return { ...one, members: one.members.map(hold) };
    return { ...one, limit: Math.min(one.limit, settled.get(one.id)?.granted ?? Number.POSITIVE_INFINITY) };
  };
  return hold;
}

const leavesOf = (claimants: readonly Claimant[]): readonly Claimant[] =>
  claimants.flatMap((one) => (one.members === undefined ? [one] : leavesOf(one.members)));

const WHOLE = 1e9;

/** What of the whole each VM would get by shares alone, its own and those of the pools above it. */
function partsByShares(top: readonly Claimant[]): ReadonlyMap<string, number> {
  const bare = ({ id, shares, members }: Claimant): Claimant => ({
    ...{ id, shares, reservation: 0, limit: WHOLE },
    ...(members === undefined ? { capacity: WHOLE } : { members: members.map(bare) }),
  });
  return new Map([...divide(WHOLE, top.map(bare))].map(([id, { granted }]) => [id, granted]));
}
