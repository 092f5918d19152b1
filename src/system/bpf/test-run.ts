/** Runs a program on a frame that nobody sent. Source: Linux include/uapi/linux/bpf.h, BPF_PROG_TEST_RUN; net/bpf/test_run.c. */
import { attempt, bpf, type Field } from "./call.ts";
import { NativeMemory } from "./native-memory.ts";

export interface TestRun {
  /** From its destination address on, at least 14 bytes. A tag in it stays in the payload: vlan_present can't be given. */
  readonly frame: Buffer;
  /** How often, 1 when it isn't given. */
  readonly repeat?: number;
  /** struct __sk_buff; of its fields only mark, priority, ingress_ifindex, ifindex, cb, tstamp, wire_len, gso_* may be other than 0. */
  readonly context?: Buffer;
}

export interface TestRunResult {
  readonly verdict: number;
  /** The frame as the program left it. */
  readonly frame: Buffer;
  /** The context as the program left it, in the fields that may be given; undefined when none was given. */
  readonly context: Buffer | undefined;
  readonly nsPerRun: number;
}

/** A program can make a frame longer, by tags. */
const ROOM_BYTES = 256;

/** A redirect is only in the verdict, but bpf_clone_redirect really sends: give a context whose interfaces are the test's own. */
export function testRun(program: number, { frame, repeat = 1, context }: TestRun): TestRunResult {
  using frameIn = NativeMemory.of(frame);
  using frameOut = new NativeMemory(frame.length + ROOM_BYTES);
  using contextIn = NativeMemory.of(context ?? Buffer.alloc(0));
  using contextOut = new NativeMemory(context?.length ?? 0);
  const fields: readonly Field[] = [
    [0, program],
    [8, frame.length],
    [12, frame.length + ROOM_BYTES],
    [16, frameIn.address],
    [24, frameOut.address],
    [32, repeat],
    ...(context === undefined ? [] : contextFields(context.length, { contextIn, contextOut })),
  ];
  const { attributes } = attempt(`running a program on a frame of ${frame.length} bytes`, () => bpf("testRun", fields));
  return {
    verdict: attributes.readUInt32LE(4),
    frame: Buffer.from(frameOut.bytes.subarray(0, attributes.readUInt32LE(12))),
    context: context && Buffer.from(contextOut.bytes.subarray(0, attributes.readUInt32LE(44))),
    nsPerRun: attributes.readUInt32LE(36),
  };
}

function contextFields(length: number, { contextIn, contextOut }: { contextIn: NativeMemory; contextOut: NativeMemory }) {
  return [
    [40, length],
    [44, length],
    [48, contextIn.address],
    [56, contextOut.address],
  ] as const;
}
