import { expect, test } from "vitest";
import { formatVmx, readVmx, type VirtualMachineCpuIdInfoSpec } from "../../wire/index.ts";
import { machineSpecOf } from "./machine-spec.ts";
import { create, place, read, reconfigure, refusal, vm, vmxOf } from "./vm-config.fixture.ts";

const NOTHING = "----:----:----:----:----:----:----:----";
/** A register with one bit that says something. */
const bit = (number: number, character: string) => {
  const characters = NOTHING.replaceAll(":", "").split("");
  characters[31 - number] = character;
  return (characters.join("").match(/.{4}/g) ?? []).join(":");
};
const mask = (level: number, registers: object): VirtualMachineCpuIdInfoSpec => ({ operation: "edit", info: { level, ...registers } });
const maskOf = (text: string) => machineSpecOf(vmxOf(text), { ...place, vm }).cpuMask;
const written = (key: string, text: string) => `${formatVmx(create().vmx)}${key} = "${text}"\n`;

test("a mask is written as ESXi writes it, read back, and the machine gets its features by name", () => {
  const { vmx } = create({
    cpuFeatureMask: [
      mask(0x8000_0001 | 0, { edx: bit(20, "0") }),
      mask(7, { ebx: bit(7, "0"), ecx: NOTHING }),
      mask(1, { ecx: bit(25, "1") }),
    ],
  });
  expect(readVmx(vmx, "cpuid.80000001.edx")).toBe("----:----:---0:----:----:----:----:----");
  expect(readVmx(vmx, "cpuid.7.ecx")).toBeUndefined();
  expect(read(vmx).cpuFeatureMask).toEqual([
    { $type: "HostCpuIdInfo", level: 0x8000_0001 | 0, edx: bit(20, "0") },
    { $type: "HostCpuIdInfo", level: 7, ebx: bit(7, "0") },
    { $type: "HostCpuIdInfo", level: 1, ecx: bit(25, "1") },
  ]);
  expect(machineSpecOf(vmx, { ...place, vm }).cpuMask).toEqual([
    { feature: "nx", shown: false },
    { feature: "smep", shown: false },
    { feature: "aes", shown: true },
  ]);
});

test("a level is taken out by its number", () => {
  const { vmx } = create({ cpuFeatureMask: [mask(7, { ebx: bit(7, "0") })] });
  const removal: VirtualMachineCpuIdInfoSpec = { operation: "remove", removeKey: { anyType: "int", value: 7 } };
  expect(read(reconfigure(vmx, { cpuFeatureMask: [removal] }).vmx).cpuFeatureMask).toEqual([]);
});

test.each([
  ["as the host has it", bit(7, "H"), undefined],
  ["in capitals or not, with colons or without", bit(7, "x").replaceAll(":", ""), undefined],
  ["hidden", bit(7, "0"), [{ feature: "smep", shown: false }]],
  ["of no shape", "hide smep", undefined],
])("a register in a .vmx that is %s", (_, text, expected) => {
  expect(maskOf(written("cpuid.7.ebx", text))).toEqual(expected);
});

test.each([
  ["a bit without a feature", 1, { ecx: bit(27, "0") }, "configSpec.cpuFeatureMask[0].info.ecx"],
  ["a level without features", 0, { eax: bit(0, "0") }, "configSpec.cpuFeatureMask[0].info.eax"],
  ["one vendor", 1, { vendor: "amd", ecx: bit(0, "0") }, "configSpec.cpuFeatureMask[0].info.vendor"],
])("a mask of %s is refused by name", (_, level, registers, property) => {
  const refused = refusal(() => create({ cpuFeatureMask: [mask(level, registers)] }));
  expect(refused).toMatchObject({ fault: "InvalidVmConfig", fields: { property } });
});

test.each([
  ["too short", mask(1, { ecx: "0" }), "configSpec.cpuFeatureMask[0].info.ecx"],
  ["of other characters", mask(1, { edx: bit(0, "2") }), "configSpec.cpuFeatureMask[0].info.edx"],
  ["of nothing", { operation: "add" } as const, "configSpec.cpuFeatureMask[0].info"],
  ["removed without its level", { operation: "remove" } as const, "configSpec.cpuFeatureMask[0].removeKey"],
])("a mask that is %s is no mask", (_, change, invalidProperty) => {
  expect(refusal(() => create({ cpuFeatureMask: [change] }))).toMatchObject({ fault: "InvalidArgument", fields: { invalidProperty } });
});

test.each(["cpuid.1.ecx", "cpuid.80000001.ecx.amd"])("a VM whose .vmx hides under %s what cannot be hidden is not started", (key) => {
  const text = written(key, key.endsWith("amd") ? bit(0, "0") : bit(27, "0"));
  expect(refusal(() => maskOf(text))).toMatchObject({ fault: "InvalidVmConfig", fields: { property: key } });
});

test("extraConfig may set a register, and only to a mask", () => {
  const option = (value: string) => ({ key: "cpuid.7.ebx", value: { anyType: "string", value } });
  const { vmx } = create({ extraConfig: [option(bit(7, "0"))] });
  expect(read(vmx).cpuFeatureMask).toMatchObject([{ level: 7, ebx: bit(7, "0") }]);
  expect(refusal(() => create({ extraConfig: [option("off")] })).fault).toBe("InvalidArgument");
});
