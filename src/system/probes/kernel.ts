/** Whether this kernel lets us use seccomp and BPF, found by asking it for a small thing of each. */
import { closeSync } from "node:fs";
import { messageOf } from "../../base/index.ts";
import { errnoCode, systemCall } from "../libc.ts";

const seccomp = systemCall<[operation: number, flags: number, action: Buffer]>(
  317,
  "unsigned int operation, unsigned int flags, void *action",
);
const SECCOMP_GET_ACTION_AVAIL = 2;
const SECCOMP_RET_ERRNO = 0x0005_0000;

const bpf = systemCall<[command: number, attributes: Buffer, size: number]>(321, "int command, void *attributes, unsigned int size");
const BPF_MAP_CREATE = 0;
const BPF_MAP_TYPE_ARRAY = 2;
/** union bpf_attr for BPF_MAP_CREATE, as far as the first kernels had it: | type | key size | value size | entries | flags |, u32 each. */
const MAP_ATTRIBUTES_BYTES = 20;

/** @returns undefined when filters that refuse calls can be had, else why not */
export function trySeccomp(): string | undefined {
  const action = Buffer.alloc(4);
  action.writeUInt32LE(SECCOMP_RET_ERRNO);
  return attempt(() => seccomp(SECCOMP_GET_ACTION_AVAIL, 0, action));
}

/** Makes a map of one entry and lets go of it. @returns undefined when it worked, else why not */
export function tryBpf(): string | undefined {
  const attributes = Buffer.alloc(MAP_ATTRIBUTES_BYTES);
  for (const [index, value] of [BPF_MAP_TYPE_ARRAY, 4, 8, 1, 0].entries()) attributes.writeUInt32LE(value, index * 4);
  return attempt(() => closeSync(bpf(BPF_MAP_CREATE, attributes, attributes.length)));
}

function attempt(deed: () => unknown): string | undefined {
  try {
    deed();
    return undefined;
  } catch (error) {
    return errnoCode(error) ?? messageOf(error);
  }
}
