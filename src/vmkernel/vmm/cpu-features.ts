/**
 * The features of a virtual processor by their place in CPUID: what a mask can hide from a guest, or insist on. A table; pure.
 * Source: Intel SDM vol. 2A «CPUID»; AMD64 APM vol. 3 appendix E. The names are QEMU's: `-cpu help`.
 */
export type CpuRegister = "eax" | "ebx" | "ecx" | "edx";

export interface CpuBit {
  /** Of CPUID; of those with subleaves, the first. */
  readonly level: number;
  readonly register: CpuRegister;
  readonly bit: number;
}

/** Bit 0 first; "-" where there is no feature, or one that follows from something else: OSXSAVE from CR4, HTT from the number of cores. */
const REGISTERS: readonly (readonly [level: number, register: CpuRegister, names: string])[] = [
  [
    1,
    "edx",
    "fpu vme de pse tsc msr pae mce cx8 apic - sep mtrr pge mca cmov pat pse36 pn clflush - ds acpi mmx fxsr sse sse2 ss - tm ia64 pbe",
  ],
  [
    1,
    "ecx",
    "pni pclmulqdq dtes64 monitor ds-cpl vmx smx est tm2 ssse3 cid - fma cx16 xtpr pdcm - pcid dca sse4.1 sse4.2 x2apic movbe popcnt tsc-deadline aes xsave - avx f16c rdrand hypervisor",
  ],
  [
    7,
    "ebx",
    "fsgsbase tsc-adjust sgx bmi1 hle avx2 - smep bmi2 erms invpcid rtm - - mpx - avx512f avx512dq rdseed adx smap avx512ifma pcommit clflushopt clwb intel-pt avx512pf avx512er avx512cd sha-ni avx512bw avx512vl",
  ],
  [
    7,
    "ecx",
    "- avx512vbmi umip pku - waitpkg avx512vbmi2 - gfni vaes vpclmulqdq avx512vnni avx512bitalg - avx512-vpopcntdq - la57 - - - - - rdpid - bus-lock-detect cldemote - movdiri movdir64b - sgxlc pks",
  ],
  [
    7,
    "edx",
    "- - avx512-4vnniw avx512-4fmaps fsrm - - - avx512-vp2intersect - md-clear - - - serialize - tsx-ldtrk - - arch-lbr - - amx-bf16 avx512-fp16 amx-tile amx-int8 spec-ctrl stibp - arch-capabilities core-capability ssbd",
  ],
  [0x8000_0001, "edx", "- - - - - - - - - - - syscall - - - - - - - - nx - mmxext - - fxsr-opt pdpe1gb rdtscp - lm 3dnowext 3dnow"],
  [
    0x8000_0001,
    "ecx",
    "lahf-lm cmp-legacy svm extapic cr8legacy abm sse4a misalignsse 3dnowprefetch osvw ibs xop skinit wdt - lwp fma4 tce - nodeid-msr - tbm topoext perfctr-core perfctr-nb - - - - - - -",
  ],
];

export const CPU_REGISTER_BITS = 32;

export const CPU_FEATURES: readonly string[] = REGISTERS.flatMap(([, , names]) => names.split(" ").filter((name) => name !== "-"));

/** @returns undefined where QEMU has no name for the bit */
export function cpuFeatureAt({ level, register, bit }: CpuBit): string | undefined {
  const names = REGISTERS.find((row) => row[0] === level && row[1] === register)?.[2].split(" ") ?? [];
  const name = names[bit];
  return name === "-" ? undefined : name;
}
