import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { CPU_FEATURES, CPU_REGISTER_BITS, type CpuRegister, cpuFeatureAt } from "./cpu-features.ts";
import { QEMU } from "./sandbox-qemu.ts";

const run = promisify(execFile);

test.each([
  ["fpu", 1, "edx", 0],
  ["pbe", 1, "edx", 31],
  ["hypervisor", 1, "ecx", 31],
  ["smep", 7, "ebx", 7],
  ["umip", 7, "ecx", 2],
  ["nx", 0x8000_0001, "edx", 20],
  [undefined, 1, "ecx", 27],
  [undefined, 1, "eax", 0],
  [undefined, 2, "edx", 0],
  [undefined, 1, "edx", CPU_REGISTER_BITS],
] as const)("%s is bit %4$i of CPUID %2$i", (name, level, register, bit) => {
  expect(cpuFeatureAt({ level, register, bit })).toBe(name);
});

test("no feature has two places", () => {
  expect(new Set(CPU_FEATURES).size).toBe(CPU_FEATURES.length);
});

/** Asked for all features, QEMU names each that its translator lacks, with its place. */
test.skipIf(!existsSync(QEMU))("QEMU knows every feature, and agrees where it is", async () => {
  const cpu = `486,${CPU_FEATURES.map((name) => `${name}=on`).join(",")},enforce=on`;
  const args = ["-nodefaults", "-display", "none", "-machine", "pc", "-accel", "tcg", "-S", "-cpu", cpu];
  const { stderr } = await run(QEMU, args).catch((error: { readonly stderr: string }) => error);
  const lacking = [...stderr.matchAll(/feature: CPUID\.([0-9A-F]+)H:(E[A-D]X)\.(\S+) \[bit (\d+)\]/g)];
  expect(lacking.length).toBeGreaterThan(50);
  for (const [, level, register, name, bit] of lacking) {
    const place = { level: Number.parseInt(level ?? "", 16), register: register?.toLowerCase() as CpuRegister, bit: Number(bit) };
    expect(cpuFeatureAt(place), `${level} ${register} ${bit}`).toBe(name);
  }
});
