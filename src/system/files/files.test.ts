import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import {
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import {
  allocateWhole,
  createFileBeneath,
  createUnnamedFile,
  describeFile,
  makeFolderBeneath,
  nameFile,
  namesIn,
  type OpenFile,
  openFileBeneath,
  openFolderBeneath,
  openHostFolder,
  readWhole,
  removeBeneath,
  replaceFile,
  spaceOf,
  statBeneath,
  syncFile,
  tryLock,
  writeAll,
} from "./index.ts";

let folder: string;
let root: OpenFile;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "files-"));
  mkdirSync(join(folder, "root/vm"), { recursive: true });
  writeFileSync(join(folder, "secret"), "outside");
  writeFileSync(join(folder, "root/vm/a.txt"), "inside");
  root = openHostFolder(join(folder, "root"));
});
afterEach(() => {
  root[Symbol.dispose]();
  rmSync(folder, { recursive: true, force: true });
});

test("a file beneath the root is opened and read", async () => {
  using file = openFileBeneath(root, "vm/a.txt", "read");
  expect((await readWhole(file, 100)).toString()).toBe("inside");
});

test.each([
  ["a parent folder", "../secret", "EXDEV"],
  ["a parent folder inside", "vm/../../secret", "EXDEV"],
  ["an absolute path", "/etc/passwd", "EXDEV"],
  ["a symlink to a file outside", "out", "ELOOP"],
  ["a symlink to a file inside", "in", "ELOOP"],
  ["a folder that is a symlink", "folder/secret", "ELOOP"],
  ["a path through a file", "vm/a.txt/b", "ENOTDIR"],
  ["a path that is not there", "vm/b.txt", "ENOENT"],
  ["a name that is too long", "x".repeat(300), "ENAMETOOLONG"],
])("%s is not opened", (_, path, code) => {
  symlinkSync(join(folder, "secret"), join(folder, "root/out"));
  symlinkSync("vm/a.txt", join(folder, "root/in"));
  symlinkSync(folder, join(folder, "root/folder"));
  expect(() => openFileBeneath(root, path, "read")).toThrow(expect.objectContaining({ code }));
});

test.each(["../new", "out/new"])("nothing is made outside by %s", (path) => {
  symlinkSync(folder, join(folder, "root/out"));
  expect(() => createFileBeneath(root, path, "readWrite")).toThrow(/EXDEV|ELOOP/);
  expect(() => makeFolderBeneath(root, path)).toThrow(/EXDEV|ELOOP/);
  expect(() => removeBeneath(root, path.replace("new", "secret"))).toThrow(/EXDEV|ELOOP/);
  expect(existsSync(join(folder, "new"))).toBe(false);
  expect(existsSync(join(folder, "secret"))).toBe(true);
});

test("a fifo, a socket and a folder are no files, and opening none of them waits", () => {
  execFileSync("mkfifo", [join(folder, "root/fifo")]);
  for (const path of ["fifo", "vm"]) {
    expect(() => openFileBeneath(root, path, "read")).toThrow("is not a regular file");
    expect(() => openFileBeneath(root, path, "append")).toThrow("is not a regular file");
  }
});

test.skipIf(process.getuid?.() !== 0)("a device node in a file's place is not opened", () => {
  execFileSync("mknod", [join(folder, "root/disk.vmdk"), "c", "1", "5"]);
  expect(() => openFileBeneath(root, "disk.vmdk", "readWrite")).toThrow("is not a regular file");
});

test("a symlink is removed itself, and what it points to stays", () => {
  symlinkSync(join(folder, "secret"), join(folder, "root/out"));
  removeBeneath(root, "out");
  expect(existsSync(join(folder, "root/out"))).toBe(false);
  expect(readFileSync(join(folder, "secret"), "utf8")).toBe("outside");
});

test("a folder is made, refused when it is there, and removed only when it is empty", () => {
  makeFolderBeneath(root, "vm/sub");
  expect(() => makeFolderBeneath(root, "vm/sub")).toThrow("EEXIST");
  expect(() => makeFolderBeneath(root, "no/sub")).toThrow("ENOENT");
  writeFileSync(join(folder, "root/vm/sub/x"), "");
  expect(() => removeBeneath(root, "vm/sub")).toThrow("ENOTEMPTY");
  removeBeneath(root, "vm/sub/x");
  removeBeneath(root, "vm/sub");
  expect(statSync(join(folder, "root/vm")).mode & 0o777).toBe(0o755);
  expect(readdirSync(join(folder, "root/vm"))).toEqual(["a.txt"]);
});

test("creating a file where anything lies fails, a dangling symlink too", () => {
  symlinkSync(join(folder, "absent"), join(folder, "root/dangling"));
  for (const path of ["dangling", "vm/a.txt", "vm"]) expect(() => createFileBeneath(root, path, "readWrite")).toThrow(/EEXIST|ELOOP/);
  expect(existsSync(join(folder, "absent"))).toBe(false);
});

test("a file without a name is gone when it is closed, and cannot take another's name", async () => {
  using vm = openFolderBeneath(root, "vm");
  {
    using file = createUnnamedFile(vm);
    await writeAll(file, Buffer.from("half"));
    expect(() => nameFile(file, vm, "a.txt")).toThrow("EEXIST");
  }
  expect(namesIn(vm)).toEqual(["a.txt"]);
  using file = createUnnamedFile(vm);
  await writeAll(file, Buffer.from("whole"));
  await syncFile(file);
  nameFile(file, vm, "b.txt");
  expect(readFileSync(join(folder, "root/vm/b.txt"), "utf8")).toBe("whole");
  expect(describeFile(file).mode & 0o777).toBe(0o600);
});

test("a replaced file is the old one or the new one to every reader, and leaves nothing beside it", async () => {
  using vm = openFolderBeneath(root, "vm");
  writeFileSync(join(folder, "root/vm/a.txt~"), "left by a crash");
  const seen = new Set<string>();
  let done = false;
  const reader = (async () => {
    while (!done) {
      seen.add(readFileSync(join(folder, "root/vm/a.txt"), "utf8"));
      await new Promise((resolve) => setImmediate(resolve));
    }
  })();
  for (let round = 0; round < 50; round++) {
    using file = createUnnamedFile(vm);
    await writeAll(file, Buffer.from("x".repeat(100_000) + (round % 2)));
    replaceFile(file, vm, "a.txt");
  }
  done = true;
  await reader;
  for (const text of seen) expect(text === "inside" || text.length === 100_001).toBe(true);
  expect(namesIn(vm)).toEqual(["a.txt"]);
});

test("a lock belongs to the open file: it is seen through a second open and outlives the process that took it", async () => {
  using first = openFileBeneath(root, "vm/a.txt", "readWrite");
  using second = openFileBeneath(root, "vm/a.txt", "readWrite");
  expect(tryLock(first.fd, "exclusive")).toBe(true);
  expect(tryLock(second.fd, "exclusive")).toBe(false);
  expect(tryLock(second.fd, "shared")).toBe(false);
  const holder = spawn("sleep", ["60"], { stdio: ["ignore", "ignore", "ignore", first.fd] });
  await once(holder, "spawn");
  first[Symbol.dispose]();
  expect(tryLock(second.fd, "exclusive")).toBe(false); // the child's copy holds it
  const ended = once(holder, "exit");
  holder.kill("SIGKILL");
  await ended;
  expect(tryLock(second.fd, "exclusive")).toBe(true);
});

test("shared locks stand beside each other and keep an exclusive one out", () => {
  using first = openFileBeneath(root, "vm/a.txt", "read");
  using second = openFileBeneath(root, "vm/a.txt", "read");
  using third = openFileBeneath(root, "vm/a.txt", "readWrite");
  expect(tryLock(first.fd, "shared")).toBe(true);
  expect(tryLock(second.fd, "shared")).toBe(true);
  expect(tryLock(third.fd, "exclusive")).toBe(false);
});

test("allocated blocks are there and read as zeros", async () => {
  using file = createFileBeneath(root, "vm/flat", "readWrite");
  await allocateWhole(file, 4 * 1024 * 1024);
  expect(describeFile(file).blocks * 512).toBeGreaterThanOrEqual(4 * 1024 * 1024);
  expect((await readWhole(file, 5 * 1024 * 1024)).every((byte) => byte === 0)).toBe(true);
});

test.skipIf(process.getuid?.() !== 0)("more blocks than the file system has are refused", async () => {
  const mount = join(folder, "small");
  mkdirSync(mount);
  execFileSync("mount", ["-t", "tmpfs", "-o", "size=1m", "tmpfs", mount]);
  try {
    using small = openHostFolder(mount);
    using file = createUnnamedFile(small);
    await expect(allocateWhole(file, 8 * 1024 * 1024)).rejects.toThrow("ENOSPC");
  } finally {
    execFileSync("umount", ["-l", mount]);
  }
});

test("a longer file than wanted is not read", async () => {
  using file = openFileBeneath(root, "vm/a.txt", "read");
  await expect(readWhole(file, 5)).rejects.toThrow("longer than 5 bytes");
});

test("what a path is and how much space there is can be told", () => {
  linkSync(join(folder, "root/vm/a.txt"), join(folder, "root/vm/b.txt"));
  expect(statBeneath(root, "vm/b.txt").nlink).toBe(2);
  expect(statBeneath(root, "").isDirectory()).toBe(true);
  const { capacityBytes, freeBytes } = spaceOf(root);
  expect(freeBytes).toBeGreaterThan(0);
  expect(capacityBytes).toBeGreaterThanOrEqual(freeBytes);
});
