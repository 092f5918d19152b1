/** The processors of this machine, from the text of /proc/cpuinfo. Pure. Source: proc_cpuinfo(5), x86. */

export interface Processors {
  readonly model: string;
  /** "GenuineIntel", "AuthenticAMD". */
  readonly vendor: string;
  readonly mhz: number;
  readonly packages: number;
  readonly cores: number;
  readonly threads: number;
  /** As the kernel names them: "lm", "nx", "vmx" … */
  readonly features: readonly string[];
}

export function parseCpuinfo(text: string): Processors {
  const blocks = text.split(/\n\n+/).flatMap((block) => {
    const fields = new Map(block.split("\n").map((line) => splitField(line)));
    return fields.has("processor") ? [fields] : [];
  });
  const first = blocks[0];
  const packageOf = (fields: Map<string, string>) => fields.get("physical id") ?? "0";
  // Without "core id" (some virtual machines) each thread counts as a core.
  const coreOf = (fields: Map<string, string>) => `${packageOf(fields)}/${fields.get("core id") ?? `thread ${fields.get("processor")}`}`;
  return {
    model: first?.get("model name") ?? "unknown",
    vendor: first?.get("vendor_id") ?? "unknown",
    mhz: Math.round(Number(first?.get("cpu MHz") ?? 0)) || 0,
    packages: Math.max(1, new Set(blocks.map(packageOf)).size),
    cores: Math.max(1, new Set(blocks.map(coreOf)).size),
    threads: Math.max(1, blocks.length),
    features: (first?.get("flags") ?? "").split(" ").filter((flag) => flag !== ""),
  };
}

function splitField(line: string): [string, string] {
  const colon = line.indexOf(":");
  return colon < 0 ? [line.trim(), ""] : [line.slice(0, colon).trim(), line.slice(colon + 1).trim()];
}
