import fc from "fast-check";
import { expect, test } from "vitest";
import { emptyVmx, updateVmx } from "../../wire/index.ts";
import { choice, type Fields, flag, integer, readFields, text, uuid, writeFields } from "./fields.ts";

interface Sample {
  on?: boolean;
  count?: number;
  note?: string;
  kind?: string;
  id?: string;
}
const fields: Fields<Sample> = {
  on: { key: "a.on", codec: flag },
  count: { key: "a.count", codec: integer({ min: -1, max: 40 }) },
  note: { key: "a.note", codec: text({ max: 5 }) },
  kind: { key: "a.kind", codec: choice({ hard: "h", soft: "s" }) },
  id: { key: "a.id", codec: uuid },
};

test("what is written is read, and what is not asked for is not written", () => {
  const any = fc.record(
    {
      on: fc.boolean(),
      count: fc.integer({ min: -1, max: 40 }),
      note: fc.string({ maxLength: 5 }),
      kind: fc.constantFrom("hard", "soft"),
      id: fc.uuid(),
    },
    { requiredKeys: [] },
  );
  fc.assert(
    fc.property(any, (sample) => {
      const vmx = updateVmx(emptyVmx, writeFields(fields, sample, "spec"));
      expect(readFields(fields, vmx)).toEqual(sample);
      expect(vmx.values.size).toBe(Object.keys(sample).length);
    }),
  );
});

test.each([
  ["a number too large", { count: 41 }, "spec.count"],
  ["half a number", { count: 1.5 }, "spec.count"],
  ["no number", { count: Number.NaN }, "spec.count"],
  ["a long text", { note: "123456" }, "spec.note"],
  ["an unknown word", { kind: "toString" }, "spec.kind"],
  ["a UUID that is none", { id: "1234" }, "spec.id"],
])("%s is refused by its property", (_, sample, invalidProperty) => {
  expect(() => writeFields(fields, sample, "spec")).toThrow(
    expect.objectContaining({ fault: "InvalidArgument", fields: { invalidProperty } }),
  );
});

test("what a file has wrong is left out", () => {
  const vmx = updateVmx(emptyVmx, { "a.on": "maybe", "a.count": "99", "a.kind": "x", "a.id": "zz", "a.note": "kept" });
  expect(readFields(fields, vmx)).toEqual({ note: "kept" });
  expect(readFields(fields, updateVmx(emptyVmx, { "A.On": "yes", "a.COUNT": "-1", "a.kind": "H" }))).toEqual({
    on: true,
    count: -1,
    kind: "hard",
  });
});

test("a value that goes without its key takes the key away", () => {
  const implying: Fields<Sample> = { kind: { key: "a.kind", codec: choice({ hard: "h", soft: "s" }), implied: "s" } };
  const hard = updateVmx(emptyVmx, writeFields(implying, { kind: "hard" }, "spec"));
  expect(hard.values.get("a.kind")).toBe("h");
  expect(updateVmx(hard, writeFields(implying, { kind: "soft" }, "spec")).values.has("a.kind")).toBe(false);
});
