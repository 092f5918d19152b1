import fc from "fast-check";
import { expect, test } from "vitest";
import { formatVmsn, parseVmsn } from "./vmsn.ts";

test("the configuration lies where VMware's readers look for it, and is read again", () => {
  const vmx = 'displayName = "wëb"\nguestOS = "other"\n';
  const bytes = formatVmsn(vmx);
  expect(bytes.subarray(0, 4).toString("hex")).toBe("d2bed2be");
  expect(bytes.toString("latin1")).toContain("Snapshot\0");
  expect(bytes.toString("latin1")).toContain("cfgFile");
  expect(parseVmsn(bytes, "x")).toBe(vmx);
});

test("what is cut short, changed or something else is refused by name, and throws nothing else", () => {
  const whole = formatVmsn("a = 1\n".repeat(50));
  expect(() => parseVmsn(Buffer.from("text"), "x.vmsn")).toThrow("x.vmsn has no configuration");
  fc.assert(
    fc.property(fc.nat({ max: whole.length }), fc.nat({ max: 255 }), fc.nat({ max: whole.length - 1 }), (length, byte, at) => {
      const spoilt = Buffer.from(whole.subarray(0, length));
      if (at < length) spoilt[at] = byte;
      try {
        parseVmsn(spoilt, "x");
      } catch (error) {
        expect(error).toMatchObject({ fault: "InvalidSnapshotFormat" });
      }
    }),
  );
});
