/**
 * Which disks of a VM are there without need, and what is done about them, one step after another. Pure.
 * Nothing is kept of how far a deed has come: what is there tells, so whatever cut it short, the next step is the right one.
 */
import { fileNameOf, folderOf, formatDatastorePath, parseDatastorePath } from "../../base/index.ts";

/** A disk as its descriptor has it. All disks are named by the text of their datastore path. */
export interface ChainDisk {
  readonly parent?: string | undefined;
  /** Of whatever VM. */
  readonly children: readonly string[];
  /** The disk that this is only another name of. */
  readonly aliasOf?: string | undefined;
}

export interface ChainFacts {
  readonly disks: ReadonlyMap<string, ChainDisk>;
  /** What the VM has, and what its snapshots have. */
  readonly wanted: ReadonlySet<string>;
  /** What other VMs have, and their snapshots. */
  readonly wantedByOthers: ReadonlySet<string>;
}

export type CleaningStep =
  /** All of `disk` is in its parent `into` already: who names the one is to name the other, and the name goes. */
  | { readonly kind: "rename"; readonly disk: string; readonly into: string }
  /** Nobody has it, and nothing depends on it. */
  | { readonly kind: "delete"; readonly disk: string }
  /** Its parent is nobody's: the two become one. */
  | { readonly kind: "commit"; readonly disk: string };

/** @param doomed disks that were given up: they go if nobody needs them; no other disk is ever deleted */
export function nextStep(facts: ChainFacts, doomed: ReadonlySet<string> = new Set()): CleaningStep | undefined {
  const { disks, wanted, wantedByOthers } = facts;
  for (const [disk, { aliasOf }] of disks) {
    if (aliasOf !== undefined && familyOf(aliasOf) === familyOf(disk) && !wantedByOthers.has(disk))
      return { kind: "rename", disk, into: aliasOf };
  }
  const isNobodys = (disk: string) => !wanted.has(disk) && !wantedByOthers.has(disk);
  for (const disk of doomed) {
    const known = disks.get(disk);
    if (known?.parent !== undefined && known.children.length === 0 && isNobodys(disk)) return { kind: "delete", disk };
  }
  const needed = new Set([...wanted].flatMap((disk) => chainOf(disks, disk)));
  const mergeable = [...needed].filter((disk) => {
    const parent = disks.get(disk)?.parent;
    const above = parent === undefined ? undefined : disks.get(parent);
    if (parent === undefined || above === undefined || familyOf(parent) !== familyOf(disk)) return false;
    return isNobodys(parent) && above.children.length === 1 && above.children[0] === disk;
  });
  // From the base on: what is put there is not moved again.
  const first = mergeable.sort((one, other) => chainOf(disks, one).length - chainOf(disks, other).length)[0];
  return first === undefined ? undefined : { kind: "commit", disk: first };
}

export interface Destruction {
  /** A child comes before its parent. */
  readonly disks: readonly string[];
  /** What can't go, for a disk that stays depends on it. */
  readonly needed: { readonly parent: string; readonly child: string } | undefined;
}

/** What goes with a VM: all that it has, and what of that was there before by snapshots. A disk that it was made of as a clone stays. */
export function planDestruction({ disks, wanted }: Pick<ChainFacts, "disks" | "wanted">): Destruction {
  const families = new Set([...wanted].map(familyOf));
  const reached = new Set([...wanted].flatMap((disk) => chainOf(disks, disk)));
  const own = [...disks.keys(), ...wanted].filter(
    (disk) => families.has(familyOf(disk)) && (reached.has(disk) || disks.get(disk)?.aliasOf !== undefined),
  );
  const sorted = [...new Set(own)].sort((one, other) => chainOf(disks, other).length - chainOf(disks, one).length);
  for (const parent of sorted) {
    const child = disks.get(parent)?.children.find((candidate) => !sorted.includes(candidate));
    if (child !== undefined) return { disks: sorted, needed: { parent, child } };
  }
  return { disks: sorted, needed: undefined };
}

/** A disk and those that it descends from, as far as they are known. */
export function chainOf(disks: ChainFacts["disks"], disk: string): readonly string[] {
  const chain: string[] = [];
  for (let at: string | undefined = disk; at !== undefined && !chain.includes(at); at = disks.get(at)?.parent) chain.push(at);
  return chain;
}

/** Disks that came from one another by snapshots of one VM: they lie in one folder, and differ by a number. */
export function familyOf(disk: string): string {
  return disk.replace(/(-\d{6})?\.vmdk$/i, "");
}

/** The first free name for what comes after `disk`: "web-000001.vmdk" after "web.vmdk", beside it. */
export function nameChild(disk: string, taken: ReadonlySet<string>): string {
  const path = parseDatastorePath(disk);
  if (path === undefined) throw new Error(`${disk} is no datastore path`);
  const base = fileNameOf(path).replace(/(-\d{6})?\.vmdk$/i, "");
  const folder = folderOf(path);
  const isFree = (name: string) => !taken.has(`${name}.vmdk`) && !taken.has(`${name}-delta.vmdk`);
  for (let number = 1; ; number++) {
    const name = `${base}-${String(number).padStart(6, "0")}`;
    if (isFree(name)) return formatDatastorePath({ ...folder, path: folder.path === "" ? `${name}.vmdk` : `${folder.path}/${name}.vmdk` });
  }
}
