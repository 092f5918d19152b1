import { execFileSync } from "node:child_process";
import {
  copyFileSync,
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { DatastorePath } from "../../base/index.ts";
import { type Controls, UNWATCHED } from "../controls.ts";
import type { NewDisk } from "../rpc.ts";
import { createStorage, type Storage } from "./index.ts";

const asRoot = test.skipIf(process.getuid?.() !== 0);
const MIB = 1024 * 1024;
let folder: string;
let storage: Storage;
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "transfers-"));
  mkdirSync(join(folder, "datastore1/vm"), { recursive: true });
  mkdirSync(join(folder, "second"));
  storage = createStorage(folder);
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

const at = (path: string, datastore = "datastore1"): DatastorePath => ({ datastore, path });
const onHost = (path: string, datastore = "datastore1") => join(folder, datastore, path);
const holds = (path = "vm") => readdirSync(onHost(path)).sort();
const refused = (fault: string, message = "") => expect.objectContaining({ fault, message: expect.stringContaining(message) });
const UUID = "6000c29a1b2c3d4e5f60718293a4b5c6";
const newDisk = (changes: Partial<NewDisk> = {}): NewDisk => ({
  capacityBytes: 4 * MIB,
  provisioning: "thin",
  adapterType: "lsilogic",
  uuid: UUID,
  ...changes,
});

/** A disk with a text in it. */
async function makeDisk(path: string, changes: Partial<NewDisk> = {}, text = "what the guest wrote"): Promise<void> {
  await storage.createDisk(at(path), newDisk(changes));
  using disk = await storage.openDisk(at(path), { writable: true });
  writeSync(disk.fd, text, 3 * MIB);
}
const textOf = (path: string, datastore?: string) =>
  readFileSync(onHost(path, datastore))
    .subarray(3 * MIB, 3 * MIB + 20)
    .toString();
const copyDisk = (from: string, to: string, copy = {}, controls = UNWATCHED) =>
  storage.copyDisk({ from: at(from), to: at(to), replace: false, copy }, controls);
const moveDisk = (from: string, to: DatastorePath, replace = false) => storage.moveDisk({ from: at(from), to, replace });
const copyFile = (from: string, to: DatastorePath, replace = false) => storage.copyFile({ from: at(from), to, replace }, UNWATCHED);
const moveFile = (from: string, to: DatastorePath, replace = false) => storage.moveFile({ from: at(from), to, replace });
/** Gives up at the first report. */
function impatient(): Controls {
  const controller = new AbortController();
  return { signal: controller.signal, report: () => controller.abort() };
}

describe("copying a disk", () => {
  test("a thin disk stays thin, has the same data and a content and UUID of its own", async () => {
    await makeDisk("vm/a.vmdk");
    const uuid = `6000c29${"1".repeat(25)}`;
    const copy = await copyDisk("vm/a.vmdk", "vm/b.vmdk", { uuid });
    expect(copy).toMatchObject({ provisioning: "thin", capacityBytes: 4 * MIB, uuid, extents: [at("vm/b-flat.vmdk")] });
    expect(copy.contentId).not.toBe((await storage.describeDisk(at("vm/a.vmdk"))).contentId);
    expect(copy.allocatedBytes).toBeLessThan(MIB);
    expect(textOf("vm/b-flat.vmdk")).toBe("what the guest wrote");
  });

  test.each<[NewDisk["provisioning"], NewDisk["provisioning"]]>([
    ["thin", "thick"],
    ["thin", "eagerZeroedThick"],
    ["thick", "thin"],
    ["eagerZeroedThick", "thin"],
    ["eagerZeroedThick", "thick"],
  ])("a %s disk is copied to a %s one", async (from, to) => {
    await makeDisk("vm/a.vmdk", { provisioning: from });
    const copy = await copyDisk("vm/a.vmdk", "vm/b.vmdk", { provisioning: to, adapterType: "ide" });
    expect(copy).toMatchObject({ provisioning: to, adapterType: "ide" });
    expect(copy.allocatedBytes >= 4 * MIB).toBe(to !== "thin");
    expect(textOf("vm/b-flat.vmdk")).toBe("what the guest wrote");
  });

  test("what it is made as is what it is told to be", async () => {
    for (const provisioning of ["thin", "thick", "eagerZeroedThick"] as const) {
      const made = await storage.createDisk(at(`vm/${provisioning}.vmdk`), newDisk({ provisioning }));
      expect(made.provisioning).toBe(provisioning);
      expect((await copyDisk(`vm/${provisioning}.vmdk`, `vm/${provisioning}2.vmdk`)).provisioning).toBe(provisioning);
    }
  });

  test("a copy that is given up leaves nothing behind", async () => {
    await makeDisk("vm/a.vmdk");
    await expect(copyDisk("vm/a.vmdk", "vm/b.vmdk", {}, impatient())).rejects.toEqual(refused("RequestCanceled"));
    expect(holds()).toEqual(["a-flat.vmdk", "a.vmdk"]);
  });

  test.each<[string, string, string]>([
    ["a name that is taken", "vm/taken.vmdk", "FileAlreadyExists"],
    ["a name whose extent is taken", "vm/other.vmdk", "FileAlreadyExists"],
    ["a name that is no disk's", "vm/b.img", "InvalidDatastorePath"],
    ["an extent's name", "vm/b-flat.vmdk", "InvalidDatastorePath"],
    ["a folder that is not there", "none/b.vmdk", "FileNotFound"],
    ["a place out of the datastore", "../b.vmdk", "InvalidDatastorePath"],
    ["a folder that is a symlink", "link/b.vmdk", "CannotAccessFile"],
  ])("a copy to %s is refused, and makes nothing", async (_, to, fault) => {
    await makeDisk("vm/a.vmdk");
    writeFileSync(onHost("vm/taken.vmdk"), "mine");
    writeFileSync(onHost("vm/other-flat.vmdk"), "mine");
    symlinkSync("/tmp", onHost("link"));
    await expect(copyDisk("vm/a.vmdk", to)).rejects.toEqual(refused(fault, to.replace(/other/, "other-flat")));
    expect(holds()).toEqual(["a-flat.vmdk", "a.vmdk", "other-flat.vmdk", "taken.vmdk"]);
    expect(readFileSync(onHost("vm/taken.vmdk"), "utf8")).toBe("mine");
  });

  test("a disk that a VM writes is not copied; one that others read is", async () => {
    await makeDisk("vm/a.vmdk");
    {
      using _writer = await storage.openDisk(at("vm/a.vmdk"), { writable: true });
      await expect(copyDisk("vm/a.vmdk", "vm/b.vmdk")).rejects.toEqual(refused("FileLocked", "vm/a-flat.vmdk"));
    }
    using _reader = await storage.openDisk(at("vm/a.vmdk"), { writable: false });
    await copyDisk("vm/a.vmdk", "vm/b.vmdk");
  });

  test("a disk that does not fit is refused before it takes any space", async () => {
    await storage.createDisk(at("vm/a.vmdk"), newDisk({ capacityBytes: (60 * 1024 ** 4) / 5 }));
    await expect(copyDisk("vm/a.vmdk", "vm/b.vmdk", { provisioning: "thick" })).rejects.toEqual(refused("NoDiskSpace"));
    expect(holds()).toEqual(["a-flat.vmdk", "a.vmdk"]);
  });

  test.each([
    ["a text that is no descriptor", "hello"],
    ["a sparse disk", "KDMV    "],
  ])("%s is not copied as a disk", async (_, text) => {
    writeFileSync(onHost("vm/a.vmdk"), text);
    await expect(copyDisk("vm/a.vmdk", "vm/b.vmdk")).rejects.toEqual(refused("InvalidDiskFormat"));
  });
});

describe("moving a disk", () => {
  test("descriptor and data go together, also to another datastore of the file system, and the extent's name follows", async () => {
    await makeDisk("vm/a.vmdk");
    const before = await storage.describeDisk(at("vm/a.vmdk"));
    expect(await moveDisk("vm/a.vmdk", at("b.vmdk", "second"))).toBe("moved");
    expect(await storage.describeDisk(at("b.vmdk", "second"))).toEqual({ ...before, extents: [at("b-flat.vmdk", "second")] });
    expect(textOf("b-flat.vmdk", "second")).toBe("what the guest wrote");
    expect(holds()).toEqual([]);
  });

  test("it takes another's place only when it may", async () => {
    await makeDisk("vm/a.vmdk");
    await makeDisk("vm/b.vmdk", {}, "something else here.");
    await expect(moveDisk("vm/a.vmdk", at("vm/b.vmdk"))).rejects.toEqual(refused("FileAlreadyExists", "vm/b.vmdk"));
    expect(textOf("vm/b-flat.vmdk")).toBe("something else here.");
    expect(await moveDisk("vm/a.vmdk", at("vm/b.vmdk"), true)).toBe("moved");
    expect(textOf("vm/b-flat.vmdk")).toBe("what the guest wrote");
    expect(holds()).toEqual(["b-flat.vmdk", "b.vmdk"]);
  });

  test.each<[string, boolean, (name: (file: string) => string) => void]>([
    ["the second name of its data", false, (name) => linkSync(name("a-flat"), name("b-flat"))],
    [
      "both its new names",
      false,
      (name) => {
        linkSync(name("a-flat"), name("b-flat"));
        writeFileSync(name("b"), readFileSync(name("a"), "utf8").replace("a-flat", "b-flat"));
      },
    ],
    [
      "the other's data being gone",
      true,
      (name) => {
        makeOther(name);
        rmSync(name("b-flat"));
        linkSync(name("a-flat"), `${name("b-flat")}~`);
      },
    ],
    [
      "a name of nobody's",
      true,
      (name) => {
        makeOther(name);
        linkSync(name("a-flat"), `${name("b-flat")}~`);
      },
    ],
  ])("one that was cut short with %s is finished when it is asked for again", async (_, replace, cut) => {
    await makeDisk("vm/a.vmdk");
    cut((file) => onHost(`vm/${file}.vmdk`));
    expect(await moveDisk("vm/a.vmdk", at("vm/b.vmdk"), replace)).toBe("moved");
    expect(holds()).toEqual(["b-flat.vmdk", "b.vmdk"]);
    expect(textOf("vm/b-flat.vmdk")).toBe("what the guest wrote");
  });

  /** A disk b, whose data is not a's. */
  function makeOther(name: (file: string) => string): void {
    writeFileSync(name("b"), readFileSync(name("a"), "utf8").replace("a-flat", "b-flat"));
    copyFileSync(name("a-flat"), name("b-flat"));
  }

  test("neither a disk that a VM has is moved, nor one put in its place", async () => {
    await makeDisk("vm/a.vmdk");
    await makeDisk("vm/b.vmdk");
    using _writer = await storage.openDisk(at("vm/b.vmdk"), { writable: true });
    await expect(moveDisk("vm/b.vmdk", at("vm/c.vmdk"))).rejects.toEqual(refused("FileLocked"));
    await expect(moveDisk("vm/a.vmdk", at("vm/b.vmdk"), true)).rejects.toEqual(refused("FileLocked"));
    expect(holds()).toEqual(["a-flat.vmdk", "a.vmdk", "b-flat.vmdk", "b.vmdk"]);
  });

  asRoot("a datastore on another file system is told, and nothing is left there", async () => {
    await makeDisk("vm/a.vmdk");
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=16m", "tmpfs", join(folder, "second")]);
    try {
      expect(await moveDisk("vm/a.vmdk", at("b.vmdk", "second"))).toBe("otherFileSystem");
      expect(await moveFile("vm/a.vmdk", at("b", "second"))).toBe("otherFileSystem");
      expect(readdirSync(join(folder, "second"))).toEqual([]);
      await storage.copyDisk({ from: at("vm/a.vmdk"), to: at("b.vmdk", "second"), replace: false, copy: {} }, UNWATCHED);
      expect(textOf("b-flat.vmdk", "second")).toBe("what the guest wrote");
    } finally {
      execFileSync("umount", [join(folder, "second")]);
    }
  });
});

describe("changing a disk", () => {
  const change = (path: string, wish: Parameters<Storage["changeDisk"]>[1], controls = UNWATCHED) =>
    storage.changeDisk(at(path), wish, controls);

  test.each(["thin", "thick", "eagerZeroedThick"] as const)(
    "a %s disk that grows stays one, and what is new reads as zeros",
    async (provisioning) => {
      await makeDisk("vm/a.vmdk", { provisioning });
      writeFileSync(onHost("vm/a-flat.vmdk"), "left by another", { flag: "a" }); // behind the disk's end
      const grown = await change("vm/a.vmdk", { kind: "extend", capacityBytes: 8 * MIB });
      expect(grown).toMatchObject({ capacityBytes: 8 * MIB, provisioning, geometry: { cylinders: 8, heads: 64, sectors: 32 } });
      expect(
        readFileSync(onHost("vm/a-flat.vmdk"))
          .subarray(4 * MIB)
          .every((byte) => byte === 0),
      ).toBe(true);
      expect(textOf("vm/a-flat.vmdk")).toBe("what the guest wrote");
      expect(grown.allocatedBytes >= 8 * MIB).toBe(provisioning !== "thin");
    },
  );

  test("a disk does not become smaller, nor larger than any can be; one that can't grow is as it was", async () => {
    await makeDisk("vm/a.vmdk");
    for (const capacityBytes of [2 * MIB, 4 * MIB, 8 * MIB + 1, 63 * 1024 ** 4])
      await expect(change("vm/a.vmdk", { kind: "extend", capacityBytes })).rejects.toEqual(refused("InvalidArgument"));
    await expect(change("vm/a.vmdk", { kind: "extend", capacityBytes: 8 * MIB, eager: true }, impatient())).rejects.toEqual(
      refused("RequestCanceled"),
    );
    await makeDisk("vm/thick.vmdk", { provisioning: "thick" });
    await expect(change("vm/thick.vmdk", { kind: "extend", capacityBytes: 10 * 1024 ** 4 })).rejects.toEqual(refused("NoDiskSpace"));
    for (const name of ["a", "thick"]) {
      expect((await storage.describeDisk(at(`vm/${name}.vmdk`))).capacityBytes).toBe(4 * MIB);
      expect(statSync(onHost(`vm/${name}-flat.vmdk`)).size).toBe(4 * MIB);
    }
  });

  test("what an extension that was cut short got behind the disk's end is given back", async () => {
    await makeDisk("vm/a.vmdk", { provisioning: "thick" });
    truncateSync(onHost("vm/a-flat.vmdk"), 6 * MIB);
    await change("vm/a.vmdk", { kind: "trim" });
    expect(statSync(onHost("vm/a-flat.vmdk")).size).toBe(4 * MIB);
    expect(textOf("vm/a-flat.vmdk")).toBe("what the guest wrote");
  });

  test("a thin disk is inflated, a thick one zeroed, and both keep what they hold", async () => {
    await makeDisk("vm/thin.vmdk");
    await makeDisk("vm/thick.vmdk", { provisioning: "thick" });
    expect(await change("vm/thin.vmdk", { kind: "inflate" })).toMatchObject({ provisioning: "eagerZeroedThick" });
    expect(await change("vm/thick.vmdk", { kind: "inflate" })).toMatchObject({ provisioning: "thick" });
    expect(await change("vm/thick.vmdk", { kind: "eagerZero" })).toMatchObject({ provisioning: "eagerZeroedThick" });
    for (const name of ["thin", "thick"]) expect(textOf(`vm/${name}-flat.vmdk`)).toBe("what the guest wrote");
  });

  test("an inflation that is given up leaves a thin disk with what it held", async () => {
    await makeDisk("vm/a.vmdk");
    await expect(change("vm/a.vmdk", { kind: "inflate" }, impatient())).rejects.toEqual(refused("RequestCanceled"));
    expect((await storage.describeDisk(at("vm/a.vmdk"))).provisioning).toBe("thin");
    expect(textOf("vm/a-flat.vmdk")).toBe("what the guest wrote");
  });

  test("zeros of a thin disk are given back, and of a thick one not", async () => {
    await makeDisk("vm/a.vmdk");
    writeSync(openSync(onHost("vm/a-flat.vmdk"), "r+"), Buffer.alloc(2 * MIB), 0, 2 * MIB, 0);
    expect((await storage.describeDisk(at("vm/a.vmdk"))).allocatedBytes).toBeGreaterThan(2 * MIB);
    expect((await change("vm/a.vmdk", { kind: "shrink" })).allocatedBytes).toBeLessThan(MIB);
    expect(textOf("vm/a-flat.vmdk")).toBe("what the guest wrote");
    await makeDisk("vm/thick.vmdk", { provisioning: "thick" });
    await expect(change("vm/thick.vmdk", { kind: "shrink" })).rejects.toEqual(refused("InvalidDiskFormat", "thick"));
    await expect(change("vm/a.vmdk", { kind: "eagerZero" })).rejects.toEqual(refused("InvalidDiskFormat", "thin"));
  });

  test.each(["thin", "thick"] as const)(
    "a %s disk that is wiped holds nothing, is of its kind still, and is finished though given up",
    async (provisioning) => {
      await makeDisk("vm/a.vmdk", { provisioning });
      const before = await storage.describeDisk(at("vm/a.vmdk"));
      const after = await change("vm/a.vmdk", { kind: "zeroFill" }, impatient());
      expect(readFileSync(onHost("vm/a-flat.vmdk")).every((byte) => byte === 0)).toBe(true);
      expect(after.contentId).not.toBe(before.contentId);
      expect(after.provisioning).toBe(provisioning === "thin" ? "thin" : "eagerZeroedThick");
    },
  );

  test("a disk gets another UUID, and its descriptor is replaced whole", async () => {
    await makeDisk("vm/a.vmdk");
    const uuid = `6000c29${"2".repeat(25)}`;
    expect(await change("vm/a.vmdk", { kind: "setUuid", uuid })).toMatchObject({ uuid });
    expect(readFileSync(onHost("vm/a.vmdk"), "utf8")).toContain('ddb.uuid = "60 00 C2 92 22');
    expect(holds()).toEqual(["a-flat.vmdk", "a.vmdk"]);
  });

  test.each<[string, Parameters<Storage["changeDisk"]>[1]]>([
    ["grow", { kind: "extend", capacityBytes: 8 * MIB }],
    ["inflate", { kind: "inflate" }],
    ["wipe", { kind: "zeroFill" }],
    ["shrink", { kind: "shrink" }],
    ["rename", { kind: "setUuid", uuid: UUID }],
  ])("nothing does %s a disk that a VM has", async (_, wish) => {
    await makeDisk("vm/a.vmdk");
    using _writer = await storage.openDisk(at("vm/a.vmdk"), { writable: true });
    await expect(change("vm/a.vmdk", wish)).rejects.toEqual(refused("FileLocked", "vm/a-flat.vmdk"));
    expect(textOf("vm/a-flat.vmdk")).toBe("what the guest wrote");
  });

  test("a disk that is cut short, or whose extent is another's device, is not changed", async () => {
    await makeDisk("vm/a.vmdk");
    truncateSync(onHost("vm/a-flat.vmdk"), MIB);
    await expect(change("vm/a.vmdk", { kind: "inflate" })).rejects.toEqual(refused("InvalidDiskFormat", "cut short"));
    rmSync(onHost("vm/a-flat.vmdk"));
    symlinkSync("/dev/null", onHost("vm/a-flat.vmdk"));
    await expect(change("vm/a.vmdk", { kind: "zeroFill" })).rejects.toEqual(refused("CannotAccessFile"));
  });
});

describe("files", () => {
  beforeEach(() => writeFileSync(onHost("vm/file"), "content"));

  test("a file is copied and moved, sparse where it was, over another only when it may", async () => {
    truncateSync(onHost("vm/file"), 64 * MIB);
    await copyFile("vm/file", at("copy", "second"));
    expect(statSync(onHost("copy", "second"))).toMatchObject({ size: 64 * MIB });
    expect(statSync(onHost("copy", "second")).blocks * 512).toBeLessThan(MIB);
    writeFileSync(onHost("vm/other"), "other");
    for (const transfer of [copyFile, moveFile])
      await expect(transfer("vm/file", at("vm/other"))).rejects.toEqual(refused("FileAlreadyExists", "vm/other"));
    expect(readFileSync(onHost("vm/other"), "utf8")).toBe("other");
    await copyFile("vm/file", at("vm/other"), true);
    expect(readFileSync(onHost("vm/other")).subarray(0, 7).toString()).toBe("content");
    expect(await moveFile("vm/file", at("vm/other"), true)).toBe("moved");
    expect(holds()).toEqual(["other"]);
  });

  test("a folder is moved with all that is in it, and never over anything", async () => {
    mkdirSync(onHost("vm/deep"));
    writeFileSync(onHost("vm/deep/x"), "x");
    mkdirSync(onHost("there"));
    writeFileSync(onHost("a-file"), "");
    for (const to of ["there", "a-file"]) await expect(moveFile("vm", at(to), true)).rejects.toEqual(refused("FileAlreadyExists", to));
    expect(await moveFile("vm", at("moved", "second"))).toBe("moved");
    expect(readFileSync(onHost("moved/deep/x", "second"), "utf8")).toBe("x");
    expect(existsSync(onHost("vm"))).toBe(false);
  });

  test.each<[string, string, string, string]>([
    ["into itself", "vm", "vm/inside", "InvalidArgument"],
    ["to itself", "vm", "vm", "InvalidArgument"],
    ["that is a whole datastore", "", "x", "InvalidArgument"],
    ["to a whole datastore", "vm/file", "", "InvalidArgument"],
    ["to a folder that is not there", "vm/file", "none/file", "FileNotFound"],
    ["beneath a file", "vm/file", "vm/file2/x", "FileNotFound"],
    ["that is not there", "vm/none", "x", "FileNotFound"],
    ["out of the datastore", "vm/file", "../x", "InvalidDatastorePath"],
    ["from out of the datastore", "../../etc/passwd", "x", "InvalidDatastorePath"],
    ["through a symlink", "vm/file", "link/x", "CannotAccessFile"],
    ["that is a symlink", "link", "x", "CannotAccessFile"],
    ["that is a pipe", "pipe", "x", "CannotAccessFile"],
    ["that is the datastore's own", ".datastore-uuid", "x", "InvalidDatastorePath"],
    ["over the datastore's own", "vm/file", ".datastore-uuid", "InvalidDatastorePath"],
  ])("what is moved or copied %s is refused", async (_, from, to, fault) => {
    await storage.listDatastores(); // makes the UUID
    writeFileSync(onHost("vm/file2"), "");
    symlinkSync("/tmp", onHost("link"));
    execFileSync("mkfifo", [onHost("pipe")]);
    const before = [holds(""), holds("vm")];
    await expect(moveFile(from, at(to), true)).rejects.toEqual(refused(fault));
    if (from !== "vm") await expect(copyFile(from, at(to), true)).rejects.toEqual(refused(fault));
    expect([holds(""), holds("vm")]).toEqual(before);
  });

  test("a file that a VM has is not moved, nor its folder, nor is anything put in its place", async () => {
    await makeDisk("vm/a.vmdk");
    writeFileSync(onHost("outside"), "");
    using _writer = await storage.openDisk(at("vm/a.vmdk"), { writable: true });
    await expect(moveFile("vm/a-flat.vmdk", at("x"))).rejects.toEqual(refused("FileLocked"));
    await expect(moveFile("vm", at("x"))).rejects.toEqual(refused("FileLocked", "vm/a-flat.vmdk"));
    await expect(copyFile("vm/a-flat.vmdk", at("x"))).rejects.toEqual(refused("FileLocked"));
    for (const transfer of [copyFile, moveFile])
      await expect(transfer("outside", at("vm/a-flat.vmdk"), true)).rejects.toEqual(refused("FileLocked"));
    expect(holds("")).toEqual(["outside", "vm"]);
  });

  test("a copy that is given up leaves nothing behind", async () => {
    await expect(storage.copyFile({ from: at("vm/file"), to: at("vm/copy"), replace: false }, impatient())).rejects.toEqual(
      refused("RequestCanceled"),
    );
    expect(holds()).toEqual(["file"]);
  });

  test("of two copies to one name one is made, and the other told that it is there", async () => {
    const results = await Promise.allSettled([copyFile("vm/file", at("vm/copy")), copyFile("vm/file", at("vm/copy"))]);
    expect(results.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected"]);
    expect(readFileSync(onHost("vm/copy"), "utf8")).toBe("content");
  });
});
