import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createDatastore, removeDatastore, renameDatastore } from "./datastore-deeds.ts";
import { UUID_FILE } from "./datastores.ts";

let volumes: string;
beforeEach(() => {
  volumes = mkdtempSync(join(tmpdir(), "volumes-"));
  mkdirSync(join(volumes, "old"));
  writeFileSync(join(volumes, "old", UUID_FILE), "uuid");
});
afterEach(() => rmSync(volumes, { recursive: true }));

const there = () => readdirSync(volumes).toSorted();

test("a datastore is made, renamed with all that is in it, and removed when it is empty", async () => {
  await createDatastore(volumes, "new");
  await renameDatastore(volumes, { from: "old", to: "other name" });
  expect(there()).toEqual(["new", "other name"]);
  expect(readFileSync(join(volumes, "other name", UUID_FILE), "utf8")).toBe("uuid");
  await removeDatastore(volumes, "other name");
  await removeDatastore(volumes, "new");
  expect(there()).toEqual([]);
});

test("one that holds a file stays as it was, with its UUID", async () => {
  writeFileSync(join(volumes, "old", "file"), "");
  await expect(removeDatastore(volumes, "old")).rejects.toMatchObject({ fault: "ResourceInUse" });
  expect(readdirSync(join(volumes, "old")).toSorted()).toEqual([UUID_FILE, "file"]);
});

test("a name that is taken, that there is not, or that leads elsewhere is refused, and nothing is changed", async () => {
  mkdirSync(join(volumes, "second"));
  mkdirSync(join(volumes, "..", `${volumes.split("/").at(-1)}-outside`));
  symlinkSync(volumes, join(volumes, "link"));
  const outside = `../${volumes.split("/").at(-1)}-outside`;
  const before = there();
  await expect(createDatastore(volumes, "second")).rejects.toMatchObject({ fault: "FileAlreadyExists" });
  await expect(renameDatastore(volumes, { from: "old", to: "second" })).rejects.toMatchObject({ fault: "FileAlreadyExists" });
  await expect(renameDatastore(volumes, { from: "none", to: "third" })).rejects.toMatchObject({ fault: "InvalidDatastore" });
  await expect(removeDatastore(volumes, "none")).rejects.toMatchObject({ fault: "InvalidDatastore" });
  await expect(removeDatastore(volumes, "link")).rejects.toMatchObject({ fault: "InvalidDatastore" });
  for (const name of ["", ".", "..", ".hidden", "a/b", outside, "a\0b"]) {
    await expect(createDatastore(volumes, name), name).rejects.toMatchObject({ fault: "InvalidName" });
    await expect(removeDatastore(volumes, name), name).rejects.toMatchObject({ fault: "InvalidName" });
    await expect(renameDatastore(volumes, { from: "old", to: name }), name).rejects.toMatchObject({ fault: "InvalidName" });
    await expect(renameDatastore(volumes, { from: name, to: "third" }), name).rejects.toMatchObject({ fault: "InvalidName" });
  }
  expect(there()).toEqual(before);
  expect(existsSync(`${volumes}-outside`)).toBe(true);
  rmSync(`${volumes}-outside`, { recursive: true });
});
