/** Where programs may lie in memory. Source: System V ABI, ELF header; kernel admin-guide/sysctl/kernel, randomize_va_space. */
import { closeSync, openSync, readFileSync, readSync } from "node:fs";

const ELF_TYPE_AT = 16;
const ET_DYN = 3; // what can be loaded anywhere

/** Whether the program that a process executes can be loaded at any address. */
export function isPositionIndependent(pid: number): boolean {
  const header = Buffer.alloc(ELF_TYPE_AT + 2);
  const fd = openSync(`/proc/${pid}/exe`, "r");
  try {
    readSync(fd, header, 0, header.length, 0);
  } finally {
    closeSync(fd);
  }
  return header.readUInt16LE(ELF_TYPE_AT) === ET_DYN;
}

/** What the kernel randomizes: "0" nothing, "1" all but the heap, "2" all. */
export function addressRandomization(): string {
  return readFileSync("/proc/sys/kernel/randomize_va_space", "utf8").trim();
}
