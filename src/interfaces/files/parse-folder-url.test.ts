import fc from "fast-check";
import { expect, test } from "vitest";
import { isSafePath } from "../../base/index.ts";
import { formatFolderUrl, isFolderUrl, parseFolderUrl } from "./parse-folder-url.ts";

const DS = "dcPath=ha-datacenter&dsName=datastore1";

test.each([
  ["a file", `/folder/vm/vm.vmx?${DS}`, "vm/vm.vmx", false],
  ["a name with a space, escaped", `/folder/my%20vm/a.vmx?${DS}`, "my vm/a.vmx", false],
  ["a plus sign, which is one", `/folder/a+b?${DS}`, "a+b", false],
  ["a name that looks escaped once it is unescaped", `/folder/a%252e%252e?${DS}`, "a%2e%2e", false],
  ["a folder", `/folder/vm/?${DS}`, "vm", true],
  ["the datastore itself", `/folder?${DS}`, "", true],
  ["the datastore itself, with a slash", `/folder/?${DS}`, "", true],
  ["no datacenter", "/folder/x?dsName=datastore1", "x", false],
  ["an empty datacenter", "/folder/x?dcPath=&dsName=datastore1", "x", false],
  ["the datacenter as an inventory path", "/folder/x?dcPath=%2fha-datacenter&dsName=datastore1", "x", false],
])("%s is understood", (_, url, path, asFolder) => {
  expect(parseFolderUrl(url)).toEqual({ kind: "path", path: { datastore: "datastore1", path }, asFolder });
});

test.each([
  ["one level up", "../x"],
  ["one level up, escaped", "%2e%2e/x"],
  ["one level up, half escaped", ".%2e/x"],
  ["one level up behind an escaped slash", "a%2f..%2fx"],
  ["one level up at the end", "a/.."],
  ["the folder itself", "./x"],
  ["a NUL", "a%00.iso"],
  ["a line break", "a%0d%0ab"],
  ["an escape that is none", "%zz"],
  ["an escape that is cut off", "a%"],
  ["an overlong encoding of a dot", "%c0%ae%c0%ae/x"],
  ["a name longer than any", "a".repeat(256)],
  ["a path longer than any", "a/".repeat(1200)],
])("%s is refused", (_, path) => {
  expect(parseFolderUrl(`/folder/${path}?${DS}`)).toMatchObject({ kind: "refused", status: 400 });
});

test.each([
  ["a datastore that is a way up", "dsName=..%2f..", 400],
  ["a datastore with a bracket in its name", "dsName=a]%20b", 400],
  ["a datastore without a name", "dsName=", 400],
  ["another datacenter", "dcPath=dc1&dsName=datastore1", 404],
  ["no datastore", "dcPath=ha-datacenter", 400],
])("%s is refused", (_, query, status) => {
  expect(parseFolderUrl(`/folder/x?${query}`)).toMatchObject({ kind: "refused", status });
});

test("without a datastore and a path it is the list of them", () => {
  expect(parseFolderUrl("/folder?dcPath=ha-datacenter")).toEqual({ kind: "datastores" });
  expect(parseFolderUrl("/folder/")).toEqual({ kind: "datastores" });
});

test("whatever the URL, a path that comes of it stays in its datastore", () => {
  const piece = fc.constantFrom("..", ".", "%2e", "%2E%2e", "/", "%2f", "\\", "%5c", "%00", "%25", "a", " ", "?", "dsName=x", "&");
  fc.assert(
    fc.property(fc.array(piece), (pieces) => {
      const target = parseFolderUrl(`/folder/${pieces.join("")}?${DS}`);
      if (target.kind === "path") expect(isSafePath(target.path.path)).toBe(true);
    }),
  );
});

test("every path comes back from the URL that is made of it", () => {
  const name = fc.string({ minLength: 1, maxLength: 20, unit: "grapheme" }).filter((text) => !text.includes("/") && isSafePath(text));
  fc.assert(
    fc.property(fc.array(name, { minLength: 1, maxLength: 4 }), fc.boolean(), (names, asFolder) => {
      const path = { datastore: "my store", path: names.join("/") };
      expect(parseFolderUrl(formatFolderUrl(path, { asFolder }))).toEqual({ kind: "path", path, asFolder });
    }),
  );
});

test("what only begins like /folder is another's", () => {
  expect(["/folder", "/folder/", "/folder/x", "/folders", "/Folder"].map(isFolderUrl)).toEqual([true, true, true, false, false]);
});

test.each([
  ["an absolute path", "/etc/passwd", "etc/passwd"],
  ["an absolute path, escaped", "%2Fetc%2Fpasswd", "etc/passwd"],
  ["slashes too many, as Packer joins them", "packer_cache//debian.iso", "packer_cache/debian.iso"],
])("%s is one in the datastore", (_, path, read) => {
  expect(parseFolderUrl(`/folder/${path}?${DS}`)).toMatchObject({ kind: "path", path: { path: read }, asFolder: false });
});
