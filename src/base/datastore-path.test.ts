import fc from "fast-check";
import { expect, test } from "vitest";
import { folderOf, formatDatastorePath, inFolder, isSafePath, parseDatastorePath } from "./datastore-path.ts";

test.each([
  ["[datastore1] vm/vm.vmx", "datastore1", "vm/vm.vmx"],
  ["[datastore1]", "datastore1", ""],
  ["[datastore1] ", "datastore1", ""],
  ["[datastore1] vm/", "datastore1", "vm"],
  ["[datastore1] vm//x", "datastore1", "vm/x"],
  ["[datastore1] /vm/x//", "datastore1", "vm/x"],
  ["[datastore1] //", "datastore1", ""],
  ["[my store] a b/c d.vmdk", "my store", "a b/c d.vmdk"],
])("%s is read", (text, datastore, path) => {
  expect(parseDatastorePath(text)).toEqual({ datastore, path });
});

test.each([
  ["no datastore", "vm/vm.vmx"],
  ["a parent folder", "[datastore1] ../etc/passwd"],
  ["a parent folder inside", "[datastore1] vm/../../x"],
  ["a dot", "[datastore1] ./vm"],
  ["a parent folder after slashes", "[datastore1] //../etc/passwd"],
  ["a zero byte", "[datastore1] vm/\0x"],
  ["a slash in the datastore's name", "[../x] vm"],
  ["a name of 256 bytes", `[datastore1] ${"a".repeat(256)}`],
  ["nothing", ""],
])("%s is refused", (_, text) => {
  expect(parseDatastorePath(text)).toBeUndefined();
});

test("whatever is accepted stays beneath the root", () => {
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom("a", "/", ".", "..", " ", "\0", "[", "]") }), (text) => {
      const path = parseDatastorePath(`[d] ${text}`);
      if (path === undefined) return;
      expect(path.path.split("/")).not.toContain("..");
      expect(path.path.startsWith("/")).toBe(false);
      expect(parseDatastorePath(formatDatastorePath(path))).toEqual(path);
      expect(isSafePath(path.path)).toBe(true);
    }),
  );
});

test("a file's folder and name join to the file again", () => {
  const file = { datastore: "d", path: "a/b/c.vmx" };
  expect(formatDatastorePath(inFolder(folderOf(file), "c.vmx"))).toBe("[d] a/b/c.vmx");
});
