/**
 * What the host's processors can, as vim25 HostCpuIdInfo has it: the registers of CPUID, a character for each bit. Pure.
 * Clients read from it whether 64-bit guests are possible. Source: Intel SDM vol. 2A «CPUID»; AMD64 APM vol. 3 appendix E.
 */
import type { HostCpuIdInfo } from "../wire/index.ts";

type Register = "ecx" | "edx";

/** CPUID leaves, and which bit of which register says a feature that Linux knows by that name. */
const LEAVES: readonly { readonly level: number; readonly bits: Readonly<Record<Register, Readonly<Record<string, number>>>> }[] = [
  {
    level: 1,
    bits: {
      ecx: {
        pni: 0,
        pclmulqdq: 1,
        vmx: 5,
        ssse3: 9,
        fma: 12,
        cx16: 13,
        sse4_1: 19,
        sse4_2: 20,
        popcnt: 23,
        aes: 25,
        xsave: 26,
        avx: 28,
        rdrand: 30,
      },
      edx: {
        fpu: 0,
        tsc: 4,
        msr: 5,
        pae: 6,
        cx8: 8,
        apic: 9,
        sep: 11,
        pge: 13,
        cmov: 15,
        clflush: 19,
        mmx: 23,
        fxsr: 24,
        sse: 25,
        sse2: 26,
        ht: 28,
      },
    },
  },
  {
    level: 0x80000001 | 0, // vim25 says it in a signed int
    bits: { ecx: { lahf_lm: 0, svm: 2, abm: 5, sse4a: 6 }, edx: { syscall: 11, nx: 20, pdpe1gb: 26, rdtscp: 27, lm: 29 } },
  },
];

/** @param features as /proc/cpuinfo names them */
export function cpuIdInfo(features: readonly string[]): readonly HostCpuIdInfo[] {
  const has = new Set(features);
  // All four registers, also those without a feature: libvirt reads each and ends where one is missing.
  const unknown = register({}, has);
  return LEAVES.map(({ level, bits }) => ({
    level,
    eax: unknown,
    ebx: unknown,
    ecx: register(bits.ecx, has),
    edx: register(bits.edx, has),
  }));
}

/** Bit 31 first, in groups of four: "1" is there, "0" is not, "-" is not looked at. */
function register(bits: Readonly<Record<string, number>>, has: ReadonlySet<string>): string {
  const characters = Array.from({ length: 32 }, () => "-");
  for (const [feature, bit] of Object.entries(bits)) characters[31 - bit] = has.has(feature) ? "1" : "0";
  return (characters.join("").match(/.{4}/g) ?? []).join(":");
}
