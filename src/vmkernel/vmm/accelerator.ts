/**
 * Which accelerator runs guests here: KVM when a self-test guest really finishes on it, else TCG (binary translation).
 * That /dev/kvm opens, and even that real-mode code runs on it, proves nothing: there are machines where every guest then hangs
 * at its first 64-bit instructions. Paper «Virtualization Extensions», «Instruction Isolation».
 */
import { closeSync, openSync, readFileSync, writeSync } from "node:fs";
import { assertNever, SystemError, within } from "../../base/index.ts";
import { createCgroup, createMemoryFile, descendants, destroyCgroup, findProcess, type ProcessEnd, terminate } from "../../system/index.ts";
import type { Isolation } from "../isolation.ts";
import { findKvm } from "./accelerator-kvm.ts";
import { SELF_TEST_PASSED, selfTestRom } from "./accelerator-rom.ts";
import { CPU_MODEL, QEMU_SANDBOX } from "./plan-monitor.ts";
import { planSandbox } from "./sandbox.ts";
import { filesOfQemu, QEMU } from "./sandbox-qemu.ts";
import { startSandboxed } from "./sandbox-start.ts";

export interface Accelerator {
  readonly kind: "kvm" | "tcg";
  /** A sentence for people. */
  readonly because: string;
}

export interface SelfTestPlace {
  readonly isolation: Isolation;
  /** A user that no process of the machine has. */
  readonly uid: number;
  /** A cgroup to make and remove for it; undefined where the machine has none. */
  readonly cgroup: string | undefined;
}

/** @throws {SystemError} when the guest finishes on neither: then no guest will */
export async function chooseAccelerator(place: SelfTestPlace): Promise<Accelerator> {
  const device = findKvm();
  const onKvm = device.kind === "usable" ? await runSelfTest("kvm", place) : device.because;
  if (onKvm === undefined) return { kind: "kvm", because: "The self-test guest finished on /dev/kvm." };
  const onTcg = await runSelfTest("tcg", place);
  if (onTcg === undefined) return { kind: "tcg", because: onKvm };
  throw new SystemError(`the self-test guest runs neither on KVM nor on TCG: ${onKvm} ${onTcg}`);
}

/** It takes some 60 ms; a machine where it takes longer than this runs no guest that anybody could use. */
const TIME_LIMIT_MS = { kvm: 1500, tcg: 10_000 } as const;
const LIMITS = { memoryBytes: 512 * 1024 * 1024, pids: 64 };

/** Runs it in the sandbox that monitors run in. @returns undefined when it passed, else a sentence: what happened */
export async function runSelfTest(kind: Accelerator["kind"], { isolation, uid, cgroup }: SelfTestPlace): Promise<string | undefined> {
  const rom = createMemoryFile("self-test-rom");
  const log = createMemoryFile("self-test-log");
  try {
    writeSync(rom, selfTestRom());
    const descriptors = [openAgain(rom)];
    if (cgroup !== undefined) await createCgroup(cgroup, LIMITS);
    try {
      const plan = await planSelfTest(kind, { isolation, uid });
      const started = await startSandboxed(plan, { descriptors, log, stdin: "null", cgroup });
      const end = await endWithin(started, TIME_LIMIT_MS[kind]);
      return judge(kind, end, readLog(log));
    } finally {
      for (const fd of descriptors) closeSync(fd);
      if (cgroup !== undefined) await destroyCgroup(cgroup);
    }
  } finally {
    closeSync(rom);
    closeSync(log);
  }
}

/** Read-only, as QEMU opens a ROM: it takes no descriptor that can do more. */
const openAgain = (fd: number) => openSync(`/proc/self/fd/${fd}`, "r");

async function planSelfTest(kind: Accelerator["kind"], { isolation, uid }: Pick<SelfTestPlace, "isolation" | "uid">) {
  const device = findKvm();
  const kvm = kind === "kvm" && device.kind === "usable" ? device : undefined;
  return planSandbox({
    isolation,
    uid,
    ...(kvm?.group !== undefined && { group: kvm.group }),
    program: QEMU,
    args: selfTestArguments(kind, isolation),
    readOnlyPaths: await filesOfQemu(isolation),
    devicePaths: kvm === undefined ? [] : [kvm.path],
    descriptorCount: 1,
  });
}

/** Descriptor 3 is the ROM. */
function selfTestArguments(kind: Accelerator["kind"], { seccomp }: Isolation): string[] {
  return [
    ...["-nodefaults", "-no-user-config", "-display", "none", "-m", "16"],
    ...["-add-fd", "fd=3,set=1", "-blockdev", "driver=raw,node-name=rom,read-only=on,file.driver=file,file.filename=/dev/fdset/1"],
    ...["-machine", "pc,hpet=off,pflash0=rom", "-accel", kind === "tcg" ? "tcg,tb-size=32" : kind],
    // As monitors have it: there are machines where KVM works and this processor does not.
    ...["-cpu", CPU_MODEL[kind]],
    ...["-device", "isa-debug-exit,iobase=0xf4,iosize=1"],
    ...(seccomp ? QEMU_SANDBOX : []),
  ];
}

type Started = { readonly pid: number; readonly ended: Promise<ProcessEnd> };

/** @returns undefined when it had to be ended */
async function endWithin(started: Started, limitMs: number): Promise<ProcessEnd | undefined> {
  const end = await within(limitMs, started.ended, undefined);
  if (end === undefined) {
    const processes = descendants(started.pid).flatMap((pid) => findProcess(pid) ?? []);
    await terminate(processes, 0);
  }
  return end;
}

const NAMES = { kvm: "/dev/kvm", tcg: "TCG" } as const;

/** What its end says. Pure. @returns undefined when it passed */
export function judge(kind: Accelerator["kind"], end: ProcessEnd | undefined, lastWords: string): string | undefined {
  const where = `The self-test guest on ${NAMES[kind]}`;
  if (end === undefined) return `${where} did not finish within ${TIME_LIMIT_MS[kind] / 1000} s.`;
  const words = lastWords === "" ? "" : `: ${lastWords}`;
  switch (end.kind) {
    case "exited":
      return end.code === SELF_TEST_PASSED ? undefined : `${where} ended with ${end.code} and not ${SELF_TEST_PASSED}${words}.`;
    case "killed":
      return `${where} was killed by ${end.signal}${words}.`;
    default:
      return assertNever(end);
  }
}

const LAST_WORDS_MAX = 200;

function readLog(log: number): string {
  const text = readFileSync(`/proc/self/fd/${log}`, "utf8").trim();
  return (text.split("\n").at(-1) ?? "").slice(0, LAST_WORDS_MAX).replace(/\.$/, "");
}
