import fc from "fast-check";
import { expect, test } from "vitest";
import { emptyVmx, formatVmx, isVmxKey, parseVmx, readVmx, updateVmx, VMX_BYTES_MAX, vmxKeys } from "./vmx.ts";

const parse = (text: string) => parseVmx(text, "a.vmx");

test("what is not changed is written back as it was read", () => {
  const text =
    '.encoding = "UTF-8"\n# made elsewhere\n\n  DisplayName   =   "a"  # why\nsched.swap.derivedName = "/vmfs/volumes/x/a.vswp"\nplain = word\n';
  expect(formatVmx(parse(text))).toBe(text);
  expect(formatVmx(updateVmx(parse(text), { displayname: "a", PLAIN: "word" }))).toBe(text);
});

test("keys have no case, and a changed one keeps its place and spelling", () => {
  const vmx = updateVmx(parse('a = "1"\nMemSize = "4"\nz = "9"\n'), { memsize: "8", A: undefined, New: "n" });
  expect(readVmx(vmx, "MEMSIZE")).toBe("8");
  expect(formatVmx(vmx)).toBe('MemSize = "8"\nz = "9"\nNew = "n"\n');
  expect(vmxKeys(vmx)).toEqual(["MemSize", "z", "New"]);
});

test.each([
  ["a quote", 'annotation = "say |22hi|22"', 'say "hi"'],
  ["a line end", 'annotation = "one|0Atwo"', "one\ntwo"],
  ["a bar", 'annotation = "a|7Cb"', "a|b"],
  ["UTF-8 bytes", 'annotation = "|C3|A9"', "é"],
  ["a bar that begins no escape", 'annotation = "a|b"', "a|b"],
  ["no quotes", "annotation = plain words", "plain words"],
  ["nothing", 'annotation = ""', ""],
  ["an equals sign", 'annotation = "a=b"', "a=b"],
  ["a hash", 'annotation = "a # b"', "a # b"],
  ["a Windows line end", 'annotation = "a"\r', "a"],
])("a value with %s is read", (_, line, value) => {
  expect(readVmx(parse(`${line}\n`), "annotation")).toBe(value);
});

test.each([
  ["a key set twice in another case", 'a = "1"\nB = "2"\nA = "3"', "a.vmx, line 3 sets A again"],
  ["no equals sign", 'a = "1"\nnonsense', "a.vmx, line 2 has no ="],
  ["no key", '= "1"', "a.vmx, line 1 has no proper key"],
  ["a key with a space", 'a b = "1"', "a.vmx, line 1 has no proper key"],
  ["an open quote", 'a = "1', "a.vmx, line 1 has a value of a that does not end"],
  ["something after the quote", 'a = "1" 2', "a.vmx, line 1 has a value of a that does not end"],
  ["a zero byte", 'a = "\0"', "a.vmx, line 1"],
  ["a stray quote", 'a = b"c', "a.vmx, line 1 has a stray quote"],
  ["a long line", `a = "${"x".repeat(600_000)}"`, "a.vmx, line 1 has a value of more than"],
  ["a long key", `${"k".repeat(257)} = "1"`, "a.vmx, line 1 has no proper key"],
  ["too many lines", "a\n".repeat(9000), "a.vmx has more than"],
  ["too many bytes", "#".repeat(VMX_BYTES_MAX + 1), "a.vmx is larger than"],
  ["binary", "\u007fELF\u0002\u0001", "a.vmx, line 1 has no ="],
  ["another encoding with more than ASCII", '.encoding = "windows-1252"\na = "é"', "a.vmx has characters beyond ASCII"],
])("a file with %s is refused", (_, text, message) => {
  expect(() => parse(text)).toThrow(message);
  expect(() => parse(text)).toThrow(expect.objectContaining({ fault: "InvalidVmConfig" }));
});

test("another encoding is read while it says nothing but ASCII", () => {
  expect(readVmx(parse('.encoding = "windows-1252"\na = "1"'), "a")).toBe("1");
});

test("a key that would break out of its line is refused", () => {
  for (const key of ["a b", "a=b", "", "#a", 'a"', "a\nb", "k".repeat(300)])
    expect(() => updateVmx(emptyVmx, { [key]: "1" })).toThrow("cannot have the key");
});

test("whatever is written is read again", () => {
  const key = fc.string({ maxLength: 20 }).filter(isVmxKey);
  const value = fc.string({
    unit: fc.oneof(
      fc.constantFrom('"', "|", "\n", "\r", "\0", " ", "#", "=", "\u2028"),
      fc.string({ unit: "grapheme", minLength: 1, maxLength: 1 }),
    ),
  });
  fc.assert(
    fc.property(fc.uniqueArray(fc.tuple(key, value), { selector: ([name]) => name.toLowerCase() }), (entries) => {
      fc.pre(entries.every(([name]) => !["__proto__", ".encoding"].includes(name.toLowerCase())));
      const again = parse(formatVmx(updateVmx(emptyVmx, Object.fromEntries(entries))));
      for (const [name, text] of entries) expect(readVmx(again, name)).toBe(text);
      expect(vmxKeys(again).length).toBe(entries.length);
    }),
  );
});

test("no text makes the reader throw anything but its fault", () => {
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom("a", "=", '"', "|", "2", "\n", " ", "#", ".") }), (text) => {
      try {
        expect(formatVmx(parse(text)).trimEnd()).toBe(text.trimEnd());
      } catch (error) {
        expect(error).toMatchObject({ fault: "InvalidVmConfig" });
      }
    }),
  );
});
