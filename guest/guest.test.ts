import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { packCpio } from "./cpio.mjs";
import { dependenciesOf, inLoadOrder } from "./parts.mjs";

const folders: string[] = [];
const newFolder = () => {
  const folder = mkdtempSync(join(tmpdir(), "guest-test-"));
  folders.push(folder);
  return folder;
};
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

test("an archive unpacks to the tree that was packed, folders that only files name included", () => {
  const archive = packCpio({
    folders: ["proc"],
    files: [
      { path: "lib/a/b.so", content: "odd" },
      { path: "init", content: Buffer.from("#!") },
    ],
  });
  const folder = newFolder();
  execFileSync("busybox", ["cpio", "-i", "-d"], { cwd: folder, input: archive, stdio: ["pipe", "ignore", "ignore"] });
  expect(
    execFileSync("find", [".", "-mindepth", "1", "-printf", "%P %y %m\n"], { cwd: folder, encoding: "utf8" }).trim().split("\n").sort(),
  ).toEqual(["init f 755", "lib d 755", "lib/a d 755", "lib/a/b.so f 755", "proc d 755"]);
  expect(readFileSync(join(folder, "lib/a/b.so"), "utf8")).toBe("odd");
});

test("the same tree packs to the same bytes", () => {
  const tree = { folders: [], files: [{ path: "a", content: "1" }] };
  expect(packCpio(tree)).toEqual(packCpio(tree));
});

test("a module comes after everything that it needs, once", () => {
  const needs: Record<string, string[]> = { disk: ["bus", "crc"], bus: ["core"], nic: ["core"], crc: [], core: [] };
  expect(inLoadOrder(["disk", "nic"], (name: string) => needs[name] ?? [])).toEqual(["core", "bus", "crc", "disk", "nic"]);
});

test.each([
  ["two", "\0license=GPL\0depends=virtio_ring,virtio-pci\0retpoline=Y\0", ["virtio_ring", "virtio_pci"]],
  ["none", "\0depends=\0", []],
  ["no such field", "\0softdepends=x\0", []],
])("what a module depends on is read from its bytes: %s", (_, bytes, expected) => {
  expect(dependenciesOf(Buffer.from(bytes))).toEqual(expected);
});
