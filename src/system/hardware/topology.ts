/** Which processors are threads of one core. Source: kernel admin-guide/cputopology; core_cpus_list was thread_siblings_list. */
import { readFileSync } from "node:fs";

/** Numbers of the processors that are one core's threads, ascending. */
export type CoreThreads = readonly number[];

/** "0-1,4" is 0, 1 and 4. */
export function parseProcessorList(text: string): readonly number[] {
  return text
    .trim()
    .split(",")
    .filter((range) => range !== "")
    .flatMap((range) => {
      const [first = 0, last = first] = range.split("-").map(Number);
      return Array.from({ length: last - first + 1 }, (_, index) => first + index);
    });
}

/**
 * The cores that processors make up. Pure.
 * @param siblingsOf of a processor, what the kernel lists as its core's threads; one that it tells nothing of is a core by itself
 */
export function groupCores(online: readonly number[], siblingsOf: (processor: number) => readonly number[]): readonly CoreThreads[] {
  const cores = new Map<number, CoreThreads>();
  for (const processor of online) {
    const threads = [...new Set([processor, ...siblingsOf(processor)])].filter((one) => online.includes(one)).sort((a, b) => a - b);
    cores.set(threads[0] ?? processor, threads);
  }
  return [...cores.values()].sort(([a = 0], [b = 0]) => a - b);
}

const FOLDER = "/sys/devices/system/cpu";

/** @returns reads the cores of this machine that it has in use; anew only when others are. A virtual machine has what it is told. */
export function coreReader(): () => readonly CoreThreads[] {
  let known: { readonly online: string; readonly cores: readonly CoreThreads[] } | undefined;
  return () => {
    const online = readFileSync(`${FOLDER}/online`, "utf8");
    if (known?.online !== online) known = { online, cores: groupCores(parseProcessorList(online), siblingsOf) };
    return known.cores;
  };
}

function siblingsOf(processor: number): readonly number[] {
  for (const name of ["core_cpus_list", "thread_siblings_list"]) {
    try {
      return parseProcessorList(readFileSync(`${FOLDER}/cpu${processor}/topology/${name}`, "utf8"));
    } catch {} // older kernels have the other; where there is neither it tells nothing
  }
  return [];
}
