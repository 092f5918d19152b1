/**
 * Divides what a host has of one resource among the tree of resource pools and VMs. Pure; the unit is the caller's (MHz, MiB).
 * Paper «Resource Provisioning, Shares, and Limits»; vim25 ResourceAllocationInfo.
 */

/** A VM, or a pool with what lies in it. */
export interface Claimant {
  readonly id: string;
  /** What it is guaranteed. What it does not want of it is lent to others. */
  readonly reservation: number;
  /** The most it may have; Infinity is no limit. */
  readonly limit: number;
  /** Its weight among its siblings, 1 or more. */
  readonly shares: number;
  /** Of a VM: the most it can use at all. Of a pool it is what its members can. */
  readonly capacity?: number;
  /** Of a VM: what it would use now, at most `capacity`. */
  readonly demand?: number;
  /** Of a pool. */
  readonly members?: readonly Claimant[];
}

export interface Division {
  /** What it gets, wanting what it wants. */
  readonly granted: number;
  /** What it would get, wanting all that it may have while the others want what they want. */
  readonly claim: number;
}

/**
 * @param available what there is to divide
 * @returns a row for each VM and pool beneath `top`, by its id
 *
 * Siblings divide what their parent has by shares, each no less than its reservation and no more than its limit; what one does not
 * want goes to those who do. Reservations that come to more than there is, which admission refuses, are all cut alike.
 */
export function divide(available: number, top: readonly Claimant[]): ReadonlyMap<string, Division> {
  const rows = new Map<string, Division>();
  divideAmong(top.map(bound), { granted: available, claimed: available }, rows);
  return rows;
}

/** A claimant with what bounds it: its own settings, and what lies in it. */
interface Bound {
  readonly id: string;
  readonly shares: number;
  /** No less than this, while it wants as much. */
  readonly least: number;
  /** No more than this now. */
  readonly most: number;
  /** No more than this, whatever it wants. */
  readonly mostEver: number;
  readonly members: readonly Bound[];
}

function bound({ id, shares, reservation, limit, capacity = Number.POSITIVE_INFINITY, demand = capacity, members }: Claimant): Bound {
  const inner = (members ?? []).map(bound);
  const sum = (pick: (member: Bound) => number): number => inner.reduce((total, member) => total + pick(member), 0);
  const wanted = members === undefined ? Math.min(demand, capacity) : sum(({ most }) => most);
  const usable = members === undefined ? capacity : sum(({ mostEver }) => mostEver);
  const most = Math.min(limit, wanted);
  // What a pool has guaranteed to its members it needs itself, also where its own reservation grows when they ask (expandable).
  const guaranteed = Math.max(
    reservation,
    sum(({ least }) => least),
  );
  return { id, shares, least: Math.min(guaranteed, most), most, mostEver: Math.min(limit, usable), members: inner };
}

interface Portion {
  /** What the members share now. */
  readonly granted: number;
  /** What they would, if one of them wanted all it may have. */
  readonly claimed: number;
}

function divideAmong(siblings: readonly Bound[], { granted, claimed }: Portion, rows: Map<string, Division>): void {
  const level = fillLevel(granted, siblings);
  const claimLevel = claimed === granted ? level : fillLevel(claimed, siblings);
  for (const sibling of siblings) {
    const own = { granted: amountAt(level, sibling), claimed: claimAt(claimLevel, sibling) };
    rows.set(sibling.id, { granted: own.granted, claim: own.claimed });
    divideAmong(sibling.members, own, rows);
  }
}

/** How high what there is fills its siblings, an amount for each share; `cut` where not even what is guaranteed is there. */
type Level = { readonly kind: "level"; readonly perShare: number } | { readonly kind: "cut"; readonly part: number };

function amountAt(level: Level, { shares, least, most }: Bound): number {
  return level.kind === "cut" ? least * level.part : Math.min(most, Math.max(least, level.perShare * shares));
}

/** Infinite where all siblings have what they want: then there is more for whoever wants it. */
function claimAt(level: Level, { shares, least, mostEver }: Bound): number {
  return level.kind === "cut" ? least * level.part : Math.min(mostEver, Math.max(least, level.perShare * shares));
}

/**
 * What all have at a level grows with it, in straight pieces between the levels at which one of them leaves its least or reaches its
 * most: the piece that holds `available` gives the level.
 */
function fillLevel(available: number, siblings: readonly Bound[]): Level {
  const guaranteed = siblings.reduce((sum, { least }) => sum + least, 0);
  if (guaranteed > available) return { kind: "cut", part: guaranteed === 0 ? 0 : available / guaranteed };
  let filled = guaranteed;
  let growing = 0; // shares of those between their least and their most
  let at = 0;
  for (const { perShare, change } of turns(siblings)) {
    const reached = filled + growing * (perShare - at);
    if (growing > 0 && reached >= available) break;
    filled = reached;
    at = perShare;
    growing += change;
  }
  if (growing <= 0) return { kind: "level", perShare: Number.POSITIVE_INFINITY };
  return { kind: "level", perShare: at + (available - filled) / growing };
}

/** The levels at which a sibling begins to grow, and ends to, in their order. */
function turns(siblings: readonly Bound[]): readonly { readonly perShare: number; readonly change: number }[] {
  const all = siblings.flatMap(({ shares, least, most }) =>
    most > least
      ? [
          { perShare: least / shares, change: shares },
          { perShare: most / shares, change: -shares },
        ]
      : [],
  );
  return all.sort((a, b) => a.perShare - b.perShare);
}
