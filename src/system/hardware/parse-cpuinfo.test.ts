import { expect, test } from "vitest";
import { parseCpuinfo } from "./parse-cpuinfo.ts";

function thread(processor: number, physical: number, core: number): string {
  return `processor\t: ${processor}\nvendor_id\t: GenuineIntel\nmodel name\t: Intel(R) Xeon(R)\ncpu MHz\t\t: 2499.998\nphysical id\t: ${physical}\ncore id\t\t: ${core}\nflags\t\t: fpu nx lm\n`;
}

test("two packages of two cores with two threads each are told apart", () => {
  const text = [0, 1, 2, 3, 4, 5, 6, 7].map((n) => thread(n, n >> 2, (n >> 1) & 1)).join("\n");
  expect(parseCpuinfo(text)).toEqual({
    model: "Intel(R) Xeon(R)",
    vendor: "GenuineIntel",
    mhz: 2500,
    packages: 2,
    cores: 4,
    threads: 8,
    features: ["fpu", "nx", "lm"],
  });
});

test("a machine that tells no topology has a core for each thread", () => {
  expect(parseCpuinfo("processor\t: 0\n\nprocessor\t: 1\n")).toMatchObject({ packages: 1, cores: 2, threads: 2, mhz: 0, model: "unknown" });
});

test("nothing at all is still one processor", () => {
  expect(parseCpuinfo("")).toMatchObject({ packages: 1, cores: 1, threads: 1 });
});
