import { expect, test } from "vitest";
import { type OptionValue, readVmx } from "../../wire/index.ts";
import { create, read, reconfigure, refusal } from "./vm-config.fixture.ts";

const option = (key: string, value: unknown, anyType = "string"): OptionValue => ({ key, value: { anyType, value } });

test("keys are added, changed, read back and removed by an empty value", () => {
  const { vmx } = create({
    extraConfig: [
      option("guestinfo.a", "1"),
      option("guestinfo.b", "2"),
      option("log.keepOld", 7, "int"),
      option("x.flag", true, "boolean"),
    ],
  });
  const after = reconfigure(vmx, { extraConfig: [option("GUESTINFO.A", "one"), option("guestinfo.b", "")] }).vmx;
  const shown = Object.fromEntries((read(after).extraConfig ?? []).map(({ key, value }) => [key, value?.value]));
  expect(shown).toMatchObject({ "guestinfo.a": "one", "log.keepOld": "7", "x.flag": "TRUE" });
  expect(Object.keys(shown)).not.toContain("guestinfo.b");
});

test("an option that has a property too is set both ways, and shown both ways", () => {
  const { vmx } = create({ extraConfig: [option("disk.enableUUID", "1"), option("bios.bootDelay", "2000")] });
  expect(read(vmx)).toMatchObject({ flags: { diskUuidEnabled: true }, bootOptions: { bootDelay: 2000 } });
  expect(read(vmx).extraConfig?.map(({ key }) => key)).toContain("disk.enableUUID");
  expect(refusal(() => create({ extraConfig: [option("disk.EnableUUID", "perhaps")] })).fault).toBe("InvalidArgument");
});

test.each([
  "displayName",
  "memSize",
  "MEMSIZE",
  "numvcpus",
  "uuid.bios",
  "guestOS",
  "firmware",
  "nvram",
  "config.version",
  ".encoding",
  "workingDir",
  "checkpoint.vmState",
  "sched.swap.dir",
  "sched.cpu.min",
  "sched.scsi0:0.shares",
  "bios.bootOrder",
  "scsi0.present",
  "scsi0:0.fileName",
  "SCSI0:0.FILENAME",
  "scsi0:7.deviceType",
  "sata1:3.present",
  "nvme0:0.fileName",
  "ide0:0.mode",
  "ethernet0.address",
  "ethernet3.networkName",
  "ethernet0.dvs.portId",
  "serial0.fileName",
  "serial1.present",
  "floppy0.fileName",
  "parallel0.present",
  "pciPassthru0.id",
  "usb:0.present",
  "usb.present",
  "vtpm.present",
  "sound.present",
  "managedBy.extensionKey",
])("%s is not set past its property", (key) => {
  const refused = refusal(() => create({ extraConfig: [option(key, "x")] }));
  expect(refused.fault).toBe("InvalidArgument");
  expect(refused.message).toContain(key);
});

test.each([
  "ethernet0.filter0.name",
  "scsi0:0.ctkEnabled",
  "ethernet0.pciSlotNumber",
  "sched.mem.pshare.salt",
  "pciPassthru.use64bitMMIO",
  "isolation.tools.copy.disable",
])("%s, which has no property, is stored", (key) => {
  expect(readVmx(create({ extraConfig: [option(key, "x")] }).vmx, key)).toBe("x");
});

test.each([
  ["a key with a line end", [option('a\nscsi0:0.fileName = "x"', "1")]],
  ["a key with a space", [option("a b", "1")]],
  ["no key", [option("", "1")]],
  ["an endless key", [option("k".repeat(300), "1")]],
  ["a value that is no text", [{ key: "a", value: { anyType: "AboutInfo", value: {} } }]],
  ["too many entries", Array.from({ length: 3000 }, (_, i) => option(`a${i}`, "1"))],
])("%s is refused", (_, extraConfig) => {
  const attempt = () => reconfigure(create().vmx, { extraConfig: extraConfig as OptionValue[] });
  expect(() => attempt()).toThrow();
  if (extraConfig[0]?.value?.anyType === "string") expect(refusal(attempt).fault).toBe("InvalidArgument");
});

test("a value may hold anything, and more than a file takes is refused", () => {
  const value = 'line one\n"quoted" | bar\r\nscsi0:0.fileName = "stolen"';
  const { vmx } = create({ extraConfig: [option("guestinfo.x", value), option("__proto__", "kept")] });
  expect(readVmx(vmx, "guestinfo.x")).toBe(value);
  expect(readVmx(vmx, "__proto__")).toBe("kept");
  const large = Array.from({ length: 3 }, (_, i) => option(`guestinfo.${i}`, "x".repeat(400_000)));
  expect(refusal(() => create({ extraConfig: large })).fault).toBe("InvalidVmConfig");
});
