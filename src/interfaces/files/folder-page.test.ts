import { expect, test } from "vitest";
import { datastoresPage, folderPage } from "./folder-page.ts";

const entry = (name: string, kind: "file" | "folder" = "file") => ({ name, kind, sizeBytes: 5, allocatedBytes: 0, modifiedAtMs: 0 });

test("a folder's page leads to its files, its folders, and up", () => {
  const html = folderPage({ datastore: "d 1", path: "a/b" }, [entry("x y.iso"), entry("c", "folder")]);
  expect(html).toContain('<a href="/folder/a/b/x%20y.iso?dcPath=ha-datacenter&#38;dsName=d%201">x y.iso</a></td><td>1970-01-01 00:00</td>');
  expect(html).toContain('<a href="/folder/a/b/c/?dcPath=ha-datacenter&#38;dsName=d%201">c/</a>');
  expect(html).toContain('<a href="/folder/a/?dcPath=ha-datacenter&#38;dsName=d%201">Parent Directory</a>');
});

test("a name is text, whatever it looks like", () => {
  const html = folderPage({ datastore: "d", path: "<b>" }, [entry('"><script>alert(1)</script>')]);
  expect(html).not.toMatch(/<script|<b>|"">/);
});

test("the datastores lead to their folders, and a datastore's root back to them", () => {
  expect(datastoresPage(["one"])).toContain('<a href="/folder?dcPath=ha-datacenter&#38;dsName=one">one</a>');
  expect(folderPage({ datastore: "one", path: "" }, [])).toContain('<a href="/folder?dcPath=ha-datacenter">Parent Directory</a>');
});
