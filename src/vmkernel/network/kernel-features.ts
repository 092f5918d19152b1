/** What a kernel can do for switches that not every one can. Asked of it once; a test can have a network do without. */
import { hasOpenLoops, hasTcx, hasXdpSums } from "../../system/index.ts";

export interface KernelFeatures {
  /** Linux 6.6: else programs stay where they begin, at clsact. */
  readonly hasTcx: boolean;
  /** Linux 6.9: else loops over members are bounded, and compiled anew where a switch outgrows them. */
  readonly hasOpenLoops: boolean;
  /** Linux 6.3: else all that guests send goes by tc. */
  readonly hasExpress: boolean;
}

/** Of the kernel that this process runs on. */
export function kernelFeatures(): KernelFeatures {
  return { hasTcx: hasTcx(), hasOpenLoops: hasOpenLoops(), hasExpress: hasXdpSums() };
}
