/** Samples for tests. */
import type { Figures, TopSample, TopVm } from "./sample.ts";

/** @param figures "cpu.usage" or, of an instance, "cpu.usage@0" */
export function figures(values: Readonly<Record<string, number>>): Figures {
  const found = new Map<string, Map<string, number>>();
  for (const [key, value] of Object.entries(values)) {
    const [path = "", instance = ""] = key.split("@");
    found.set(path, (found.get(path) ?? new Map()).set(instance, value));
  }
  return found;
}

export const topVm = (id: string, name: string, values: Readonly<Record<string, number>>, more: Partial<TopVm> = {}): TopVm => ({
  ...{ id, name, vcpus: 2, memoryMb: 512, figures: figures(values) },
  ...more,
});

/** A host of four processors whose counters are those that its figures have. */
export function topSample(vms: readonly TopVm[], host: Readonly<Record<string, number>> = {}, more: Partial<TopSample> = {}): TopSample {
  const all = figures({ "cpu.usage": 1234, "cpu.usage@0": 2000, "cpu.usage@1": 468, "cpu.usagemhz": 987, "mem.consumed": 2048, ...host });
  return {
    ...{ hostName: "esx1", takenAtMs: Date.UTC(2026, 10, 26, 19, 43, 0), intervalS: 20, uptimeS: 90_061 },
    ...{ cpuMhz: 8000, memoryBytes: 2 ** 30, host: all, vms },
    counters: new Set([all, ...vms.map((vm) => vm.figures)].flatMap((of) => [...of.keys()])),
    ...more,
  };
}
