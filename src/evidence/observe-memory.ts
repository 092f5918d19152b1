/** Looks at the memory of every monitor: what machine pages it has, and what of it could be written and run. */
import {
  addressRandomization,
  describeFrames,
  isPositionIndependent,
  type Mapping,
  mappingsOf,
  ownPagesOf,
  PAGE_BYTES,
  type SharedFrame,
} from "../system/index.ts";
import { type SharedPage, sharedFrames } from "./shared-frames.ts";

/** A process whose memory is looked at. */
export interface MemoryOwner {
  /** "VM 7 (web), pid 4711". */
  readonly name: string;
  readonly pid: number;
  readonly isMonitor: boolean;
  /** Whether it compiles JavaScript while it runs. */
  readonly compiles?: true;
  /** With whom its VM may share equal pages; undefined where with nobody. */
  readonly sharingGroup?: string | undefined;
}

export interface ObservedOwner extends MemoryOwner {
  readonly bytes: number;
  readonly swappedBytes: number;
  /** Of memory that can be both written and run, without a file behind it. */
  readonly writableCodeBytes: number;
  /** Of files that are mapped so. */
  readonly writableCodeFiles: readonly string[];
  /** Where its program lies in its memory, hexadecimal, and whether that can be anywhere. */
  readonly programAt: string;
  readonly isPositionIndependent: boolean;
  /** Where the C library lies in its memory, hexadecimal. */
  readonly librariesAt: string;
}

/** A page of the machine that more than one of them has. */
export interface DoubledPage {
  readonly frame: number;
  readonly names: readonly string[];
  /** Of each of them that it is a monitor's of a group, or "" for one that may share with nobody. */
  readonly groups: readonly string[];
  readonly kind: SharedFrame;
}

export interface ObservedMemory {
  readonly owners: readonly ObservedOwner[];
  readonly doubled: readonly DoubledPage[];
  /** kernel.randomize_va_space: 2 is all of it. */
  readonly randomization: string;
}

export function observeMemory(owners: readonly MemoryOwner[]): ObservedMemory {
  const looks = owners.map((owner) => {
    const mappings = mappingsOf(owner.pid);
    return { owner, mappings, pages: ownPagesOf(owner.pid, mappings) };
  });
  const shared = sharedFrames(looks.map(({ pages }) => pages.frames)).filter((page) =>
    page.owners.some((index) => owners[index]?.isMonitor),
  );
  const kinds = describeFrames(shared.map(({ frame }) => frame));
  const doubled = shared.flatMap((page, index) => (kinds[index] === "other" ? [] : [describe(page, owners, kinds[index])]));
  const suspect = shared.filter((_, index) => kinds[index] === "other");
  return {
    owners: looks.map(({ owner, mappings, pages }) => ({
      ...owner,
      bytes: pages.frames.length * PAGE_BYTES,
      swappedBytes: pages.swapped * PAGE_BYTES,
      ...describeCode(owner.pid, mappings),
    })),
    doubled: [...doubled, ...stillDoubled(suspect, owners).map((page) => describe(page, owners, "other"))],
    randomization: addressRandomization(),
  };
}

/** Between two looks one process gives a page back and another gets it: what is shared in truth is so at a second look. */
function stillDoubled(suspect: readonly SharedPage[], owners: readonly MemoryOwner[]): readonly SharedPage[] {
  if (suspect.length === 0) return [];
  const again = owners.map(({ pid }) => ownPagesOf(pid, mappingsOf(pid)).frames);
  const frames = new Set(suspect.map(({ frame }) => frame));
  return sharedFrames(again).filter(({ frame }) => frames.has(frame));
}

function describe({ frame, owners: indices }: SharedPage, owners: readonly MemoryOwner[], kind: SharedFrame = "other"): DoubledPage {
  const found = indices.flatMap((index) => owners[index] ?? []);
  return { frame, names: found.map(({ name }) => name), groups: found.map(({ sharingGroup }) => sharingGroup ?? ""), kind };
}

function describeCode(pid: number, mappings: readonly Mapping[]) {
  const code = mappings.filter(({ isWritable, isExecutable }) => isWritable && isExecutable);
  const program = mappings.find(({ inode }) => inode !== 0);
  return {
    writableCodeBytes: code.filter(({ inode }) => inode === 0).reduce((sum, { start, end }) => sum + end - start, 0),
    writableCodeFiles: code.filter(({ inode }) => inode !== 0).map(({ name }) => name),
    programAt: (program?.start ?? 0).toString(16),
    isPositionIndependent: isPositionIndependent(pid),
    librariesAt: (mappings.find(({ name }) => /\/libc[.-][^/]*$/.test(name))?.start ?? 0).toString(16),
  };
}
