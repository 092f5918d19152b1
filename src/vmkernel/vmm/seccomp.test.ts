import { constants } from "node:os";
import { expect, test } from "vitest";
import { assembleSeccompFilter, DENIED_CALLS } from "./seccomp.ts";

const X86_64 = 0xc000003e;
const { EPERM, ENOSYS } = constants.errno;
type Verdict = "allow" | "kill" | { readonly errno: number };

/** Runs the filter as the kernel would. Source: linux/filter.h, seccomp(2); only what a seccomp filter may hold. */
function run(filter: Buffer, call: { number: number; arch?: number; args?: readonly number[] }): Verdict {
  const data = Buffer.alloc(64);
  data.writeUInt32LE(call.number >>> 0, 0);
  data.writeUInt32LE(call.arch ?? X86_64, 4);
  for (const [index, value] of (call.args ?? []).entries()) data.writeBigUInt64LE(BigInt(value), 16 + index * 8);
  let loaded = 0;
  for (let at = 0; at < filter.length / 8; at += 1) {
    const opcode = filter.readUInt16LE(at * 8);
    const k = filter.readUInt32LE(at * 8 + 4);
    const jump = (taken: boolean) => {
      at += filter.readUInt8(at * 8 + (taken ? 2 : 3));
    };
    if (opcode === 0x20) loaded = data.readUInt32LE(k);
    else if (opcode === 0x15) jump(loaded === k);
    else if (opcode === 0x25) jump(loaded > k);
    else if (opcode === 0x35) jump(loaded >= k);
    else if (opcode === 0x45) jump((loaded & k) >>> 0 !== 0);
    else if (opcode === 0x06) return k === 0x7fff0000 ? "allow" : k === 0x80000000 ? "kill" : { errno: k & 0xffff };
    else throw new Error(`opcode ${opcode.toString(16)}`);
  }
  throw new Error("the filter has no end");
}

const filter = assembleSeccompFilter();
const CLONE_THREAD_OF_LIBC = 0x3d0f00;

test.each([
  ["read", { number: 0 }],
  ["execve, which bwrap needs to become QEMU", { number: 59 }],
  ["seccomp, which QEMU puts on for itself", { number: 317 }],
  ["a thread as libc makes it", { number: 56, args: [CLONE_THREAD_OF_LIBC] }],
  ["a fork as libc makes it", { number: 56, args: [0x1200011] }],
  ["a unix socket", { number: 41, args: [1, 1] }],
  ["an ioctl of KVM", { number: 16, args: [3, 0xae80] }],
  ["the last call that it knows", { number: 462 }],
])("%s is allowed", (_, call) => {
  expect(run(filter, call)).toBe("allow");
});

test.each(Object.entries(DENIED_CALLS))("%s is refused", (_, number) => {
  expect(run(filter, { number })).toEqual({ errno: EPERM });
});

test.each([
  ["a user namespace", { number: 56, args: [0x10000000] }, EPERM],
  ["a time namespace", { number: 56, args: [0x80] }, EPERM],
  ["clone3, whose flags can't be seen", { number: 435 }, ENOSYS],
  ["an internet socket", { number: 41, args: [2, 1] }, EPERM],
  ["a netlink socket", { number: 41, args: [16, 3] }, EPERM],
  ["TIOCSTI", { number: 16, args: [0, 0x5412] }, EPERM],
  ["TIOCSTI with more bits than the kernel looks at", { number: 16, args: [0, 0x1_0000_5412] }, EPERM],
  ["a call that is newer than the filter", { number: 463 }, ENOSYS],
  ["x32's getpid", { number: 0x40000000 + 39 }, ENOSYS],
  ["number -1", { number: -1 }, ENOSYS],
])("%s is refused", (_, call, errno) => {
  expect(run(filter, call)).toEqual({ errno });
});

test("a call by the numbers of i386 ends the process", () => {
  expect(run(filter, { number: 0, arch: 0x40000003 })).toBe("kill");
});

test("no call is named twice", () => {
  expect(new Set(Object.values(DENIED_CALLS)).size).toBe(Object.keys(DENIED_CALLS).length);
});

test("the filter is as long as the kernel takes at most, or shorter", () => {
  const BPF_MAXINSNS = 4096;
  expect(filter.length % 8).toBe(0);
  expect(filter.length / 8).toBeLessThanOrEqual(BPF_MAXINSNS);
});
