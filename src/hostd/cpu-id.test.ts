import { expect, test } from "vitest";
import { cpuIdInfo } from "./cpu-id.ts";

test("a 64-bit processor with NX has bits 29 and 20 of the extended leaf's EDX", () => {
  const extended = cpuIdInfo(["fpu", "lm", "nx"]).find(({ level }) => level === -2147483647);
  expect(extended?.edx).toBe("--1-:00--:---1:----:----:0---:----:----");
});

test("a processor without them says so", () => {
  expect(cpuIdInfo([])[1]?.edx).toBe("--0-:00--:---0:----:----:0---:----:----");
});

test("every leaf has all four registers, each with its 32 bits in eight groups", () => {
  for (const { eax, ebx, ecx, edx } of cpuIdInfo(["vmx", "sse2"])) {
    for (const text of [eax, ebx, ecx, edx]) expect(text).toMatch(/^([01-]{4}:){7}[01-]{4}$/);
  }
});
