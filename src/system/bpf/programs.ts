/** Loads programs into the kernel, which verifies and compiles them. Source: Linux include/uapi/linux/bpf.h, BPF_PROG_LOAD. */
import { closeSync } from "node:fs";
import { assert, SystemError } from "../../base/index.ts";
import { assembleProgram, ProgramBuilder, TC_ACT, XDP_ACTION, XDP_MD } from "../../ebpf/index.ts";
import { errnoCode } from "../libc.ts";
import { bpf, type Field } from "./call.ts";
import { NativeMemory } from "./native-memory.ts";
import { readVerifierLog, type VerifierLog } from "./verifier-log.ts";

/** enum bpf_prog_type and what a program expects to be attached to. */
const PROGRAM_KINDS = {
  schedCls: { type: 3, attachType: 0 },
  xdp: { type: 6, attachType: 37 },
} as const;

export type ProgramKind = keyof typeof PROGRAM_KINDS;

export interface ProgramSpec {
  readonly kind: ProgramKind;
  /** What assembleProgram of ebpf/ gives. */
  readonly code: Buffer;
  /** 1 to 15 letters, digits, "_" and ".". */
  readonly name: string;
}

/** The kernel holds that the program could do what no program may: a bug in what wrote it. The message has the verifier's reason. */
export class VerifierRefused extends SystemError {
  /** The last lines of what the verifier wrote. */
  readonly log: readonly string[];

  constructor(message: string, log: readonly string[], options: ErrorOptions) {
    super(message, options);
    this.log = log;
  }
}

const INSTRUCTION_BYTES = 8;
/** The kernel asks for one; what it keeps for programs under the GPL alone we call nothing of. */
const LICENSE = "Apache-2.0";
/** The verifier stops when a signal waits for this process; it rarely is one a second time. */
const INTERRUPTIONS_MAX = 5;
/** What the verifier writes about the largest program fits; memory for it is taken only after a refusal. */
const LOG_BYTES = 16 * 1024 * 1024;
const LOG_EVERY_INSTRUCTION = 1;

/**
 * @returns a descriptor, the caller's to close; the program lives as long as a descriptor, a pin or a link holds it
 * @throws {VerifierRefused}
 */
export function loadProgram(spec: ProgramSpec): number {
  assert(spec.code.length % INSTRUCTION_BYTES === 0, `${spec.code.length} bytes are whole instructions`);
  try {
    return load(spec, []);
  } catch (cause) {
    if (errnoCode(cause) === undefined) throw cause; // a bug of ours
    return explainRefusal(spec, cause);
  }
}

/** Loads once more with the log, which takes many times as long and so isn't asked for the first time. */
function explainRefusal(spec: ProgramSpec, refusal: unknown): number {
  using log = new NativeMemory(LOG_BYTES);
  try {
    return load(spec, [
      [24, LOG_EVERY_INSTRUCTION],
      [28, LOG_BYTES],
      [32, log.address],
    ]);
  } catch {
    throw refused(spec, readVerifierLog(log.bytes), refusal); // refused twice for one reason
  }
}

let openLoops: boolean | undefined;

/** Whether this kernel takes a loop whose end the verifier cannot see (`mayJump` of ebpf/). */
export function hasOpenLoops(): boolean {
  openLoops ??= probeOpenLoops();
  return openLoops;
}

function probeOpenLoops(): boolean {
  const loop = new ProgramBuilder().label("loop").mayJump("end").jump("loop").label("end").mov("r0", TC_ACT.ok).exit().build();
  try {
    closeSync(load({ kind: "schedCls", code: assembleProgram(loop, new Map()), name: "probe_loop" }, []));
    return true;
  } catch (error) {
    if (errnoCode(error) === "EINVAL") return false;
    throw error;
  }
}

let xdpSums: boolean | undefined;

/** Whether a program at XDP can sum up as many bytes of a frame as its headers say (Linux 6.3). */
export function hasXdpSums(): boolean {
  xdpSums ??= probeXdpSums();
  return xdpSums;
}

function probeXdpSums(): boolean {
  const builder = new ProgramBuilder().load(4, "r9", "r1", XDP_MD.ingressIfindex).and("r9", 0x38).add("r9", 4);
  builder.mov("r2", 0).mov("r3", "r10").add("r3", -64).mov("r4", "r9").call("xdpLoadBytes");
  builder.mov("r1", 0).mov("r2", 0).mov("r3", "r10").add("r3", -64).mov("r4", "r9").mov("r5", 0).call("csumDiff");
  const program = builder.mov("r0", XDP_ACTION.pass).exit().build();
  try {
    closeSync(load({ kind: "xdp", code: assembleProgram(program, new Map()), name: "probe_xdp" }, []));
    return true;
  } catch (error) {
    if (["EINVAL", "EACCES"].includes(errnoCode(error) ?? "")) return false;
    throw error;
  }
}

function refused({ name, code }: ProgramSpec, { reason, lines }: VerifierLog, cause: unknown): SystemError {
  const what = `loading the program ${name} of ${code.length / INSTRUCTION_BYTES} instructions`;
  return reason === undefined ? new SystemError(what, { cause }) : new VerifierRefused(`${what}: ${reason}`, lines, { cause });
}

function load({ kind, code, name }: ProgramSpec, log: readonly Field[]): number {
  using instructions = NativeMemory.of(code);
  using license = NativeMemory.ofText(LICENSE);
  const { type, attachType } = PROGRAM_KINDS[kind];
  const fields: readonly Field[] = [
    [0, type],
    [4, code.length / INSTRUCTION_BYTES],
    [8, instructions.address],
    [16, license.address],
    [48, name],
    [68, attachType],
    ...log,
  ];
  for (let attempt = 1; ; attempt++) {
    try {
      return bpf("loadProgram", fields).result;
    } catch (error) {
      if (errnoCode(error) !== "EAGAIN" || attempt > INTERRUPTIONS_MAX) throw error;
    }
  }
}
