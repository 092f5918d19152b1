/** Whose memory is whose, read from the kernel's page tables. Pure. Paper «Memory Isolation», «Memory Protection». */
import { type Claim, judgeLooks, type Look } from "../claim.ts";
import type { DoubledPage, ObservedMemory, ObservedOwner } from "../observe-memory.ts";

const NO_MONITOR = "No VM is powered on, so there is no memory of a guest to look at.";
const MIB = 2 ** 20;
/** TCG keeps translated code where it can write it: its cache, and a page or two around it. */
const CODE_CACHE_BYTES_MAX = 130 * MIB;
/** V8 keeps what it compiles where it can write it: some MiB in a process that works hard. */
const ENGINE_CODE_BYTES_MAX = 64 * MIB;
const NAMED_MAX = 20; // pages in one fact

const pagesAreOwned: Claim = {
  claim:
    "No machine page of a monitor is mapped by another monitor or by a process of the host, but for the kernel's page of zeros and equal pages of VMs that are configured to share, which it copies for whoever writes to them.",
  heading: "Memory Isolation",
  judge: ({ memory, unseen }) => {
    const looks = memory.owners.some(({ isMonitor }) => isMonitor) ? pageLooks(memory) : [];
    return judgeLooks([...looks, ...unseenLooks(unseen)], NO_MONITOR);
  },
};

function pageLooks({ owners, doubled }: ObservedMemory): readonly Look[] {
  const taken = doubled.filter((page) => page.kind === "other" || (page.kind === "ksm" && !isOfOneGroup(page)));
  const merged = doubled.filter(({ kind }) => kind === "ksm").length;
  const own = owners.map(({ name, bytes, swappedBytes }): Look => {
    const others = taken.filter(({ names }) => names.includes(name)).length;
    const fact = `${name}: ${bytes / 4096} pages (${Math.round(bytes / MIB)} MiB), ${others} of them another's too; swapped ${swappedBytes / 4096}`;
    return { fact, holds: others === 0 };
  });
  const sharing = `Pages merged by the kernel between them, to be copied on a write: ${merged}`;
  return [...own, { fact: sharing, holds: true }, ...taken.slice(0, NAMED_MAX).map(namePage)];
}

const isOfOneGroup = ({ groups: [first = "", ...others] }: DoubledPage): boolean =>
  first !== "" && others.every((group) => group === first);

function namePage({ frame, names, kind }: DoubledPage): Look {
  const merged = kind === "ksm" ? ", merged although they are not of one group" : "";
  return { fact: `machine page 0x${frame.toString(16)} is mapped by ${names.join(" and ")}${merged}`, holds: false };
}

const codeIsNotWritable: Claim = {
  claim:
    "No monitor has memory that it can both write and run, but for the cache of the translator where guests are translated; nor has vmkernel any, and hostd none but for the code that its JavaScript engine makes.",
  heading: "Memory Protection",
  judge: ({ memory, accelerator, unseen }) => {
    const hasMonitor = monitorsOf(memory).length > 0;
    const looks = hasMonitor ? memory.owners.map((owner) => codeLook(owner, accelerator.kind)) : [];
    return judgeLooks([...looks, ...unseenLooks(unseen)], NO_MONITOR);
  },
};

function codeLook({ name, isMonitor, compiles, writableCodeBytes, writableCodeFiles }: ObservedOwner, accelerator: "kvm" | "tcg"): Look {
  const translates = isMonitor && accelerator === "tcg";
  const allowed = compiles === true ? ENGINE_CODE_BYTES_MAX : translates ? CODE_CACHE_BYTES_MAX : 0;
  const files = writableCodeFiles.length === 0 ? "no file" : writableCodeFiles.join(", ");
  const runner = isMonitor ? accelerator : compiles === true ? "compiles JavaScript" : "compiles nothing";
  const fact = `${name} (${runner}): ${(writableCodeBytes / MIB).toFixed(1)} MiB writable and executable, of files: ${files}`;
  return { fact, holds: writableCodeFiles.length === 0 && writableCodeBytes <= allowed };
}

const addressesAreRandom: Claim = {
  claim:
    "Each monitor is a position-independent program that the kernel has put at an address of its own; hostd and vmkernel are linked to a fixed one, as Node is, and their libraries lie at random, each process's elsewhere.",
  heading: "Memory Protection",
  judge: ({ memory, unseen }) => {
    const monitors = monitorsOf(memory);
    const looks = monitors.map(({ name, programAt, isPositionIndependent }): Look => {
      const same = monitors.filter((other) => other.programAt === programAt).length - 1;
      const kind = isPositionIndependent ? "position-independent" : "linked to a fixed address";
      const fact = `${name}: ${kind}, at 0x${programAt}; kernel.randomize_va_space is ${memory.randomization}; others at the same address: ${same}`;
      return { fact, holds: isPositionIndependent && memory.randomization === "2" && same === 0 };
    });
    return judgeLooks([...looks, ...(monitors.length === 0 ? [] : libraryLooks(memory)), ...unseenLooks(unseen)], NO_MONITOR);
  },
};

/** Of all processes: two of the same program that had their libraries at one address would tell of each other. */
function libraryLooks({ owners, randomization }: ObservedMemory): readonly Look[] {
  return owners.map(({ name, librariesAt }) => {
    const same = owners.filter((other) => other.librariesAt === librariesAt).length - 1;
    const fact = `${name}: libraries at 0x${librariesAt}; others with theirs at the same address: ${same}`;
    return { fact, holds: randomization === "2" && same === 0 && librariesAt !== "0" };
  });
}

/** A monitor that could not be looked at is never taken for one that is as claimed. */
function unseenLooks(names: readonly string[]): readonly Look[] {
  return names.map((fact) => ({ fact: `could not be looked at: ${fact}`, holds: false }));
}

const monitorsOf = ({ owners }: ObservedMemory): readonly ObservedOwner[] => owners.filter(({ isMonitor }) => isMonitor);

export const memoryClaims: readonly Claim[] = [pagesAreOwned, codeIsNotWritable, addressesAreRandom];
