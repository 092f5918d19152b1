/** Kernel same-page merging: one for the whole machine. Source: kernel admin-guide/mm/ksm. */
import { accessSync, constants, readFileSync, writeFileSync } from "node:fs";
import { SystemError } from "../../base/index.ts";
import { numberBehind, readKernelText } from "../kernel-text.ts";
import { PAGE_BYTES } from "./page-frames.ts";

const FOLDER = "/sys/kernel/mm/ksm";
const SLEEP_MS = 20;

/** "stopped" leaves merged what is merged; "unmerged" gives each process pages of its own again. */
export type KsmState = "stopped" | "scanning" | "unmerged";
const RUN: Readonly<Record<KsmState, string>> = { stopped: "0", scanning: "1", unmerged: "2" };

/** Whether this kernel merges pages, and lets us say when. */
export function hasKsm(): boolean {
  try {
    accessSync(`${FOLDER}/run`, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

/** @param pagesPerSecond of all processes together, while it scans. @throws {SystemError} */
export function setKsm(state: KsmState, pagesPerSecond: number): void {
  const settings = state === "scanning" ? scanSettings(pagesPerSecond) : [];
  for (const [name, value] of [...settings, ["run", RUN[state]] as const]) {
    try {
      writeFileSync(`${FOLDER}/${name}`, value);
    } catch (cause) {
      throw new SystemError(`writing ${value} to ${FOLDER}/${name}`, { cause });
    }
  }
}

function scanSettings(pagesPerSecond: number): readonly (readonly [string, string])[] {
  const pages = Math.max(1, Math.round((pagesPerSecond * SLEEP_MS) / 1000));
  return [
    ["sleep_millisecs", String(SLEEP_MS)],
    ["pages_to_scan", String(pages)],
  ];
}

/** Pages that are there once for several. */
export function ksmState(): KsmState {
  const run = readFileSync(`${FOLDER}/run`, "utf8").trim();
  return run === "1" ? "scanning" : run === "2" ? "unmerged" : "stopped";
}

/** Of all that is merged on the machine, whoever offered it. */
export interface MergedMemory {
  /** Where pages are that the kernel keeps once for several. */
  readonly sharedBytes: number;
  /** What those take in the machine's memory. */
  readonly commonBytes: number;
  /** The rest, which they would take more. */
  readonly savedBytes: number;
}

export function mergedMemory(): MergedMemory {
  const pages = (name: string): number => Number.parseInt(readKernelText(`${FOLDER}/${name}`) ?? "", 10) || 0; // none without KSM
  const [common, saved] = [pages("pages_shared"), pages("pages_sharing")];
  return { sharedBytes: (common + saved) * PAGE_BYTES, commonBytes: common * PAGE_BYTES, savedBytes: saved * PAGE_BYTES };
}

/** What of a process's memory is merged with others' or with its own: bytes it would have more without. 0 where the kernel does not say. */
export function mergedBytesOf(pid: number): number {
  return numberBehind(readKernelText(`/proc/${pid}/ksm_stat`) ?? "", "ksm_merging_pages") * PAGE_BYTES; // an older kernel has no such file
}
