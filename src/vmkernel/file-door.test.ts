import {
  existsSync,
  ftruncateSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readSync,
  rmSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import type { Fault } from "../base/index.ts";
import { listenTcp } from "../system/index.ts";
import { fault } from "../wire/index.ts";
import { parseFileRequest } from "./file-door.ts";
import { askToListen, createFileDoor, type FileDoor } from "./file-door-client.ts";
import { FileDoorServer } from "./file-door-server.ts";
import { createStorage, type Storage } from "./storage/index.ts";

let root: string;
let server: FileDoorServer;
let storage: Storage;
let door: FileDoor;
let folder: string;
let round = 0;
const log: string[] = [];

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), "bulkhead-door-"));
  mkdirSync(join(root, "volumes/d"), { recursive: true });
  storage = createStorage(join(root, "volumes"));
  const socket = join(root, "files.sock");
  const owner = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
  server = await FileDoorServer.listen({
    listen: async (device, port) => {
      if (device !== "vmk0") throw fault("NotFound", `The host has no interface ${device}.`, {});
      return listenTcp("127.0.0.1", port);
    },
    socket,
    owner,
    storage,
    isGrowing: ({ path }) => path.endsWith("/serial.log"),
    log: (line) => log.push(line),
  });
  door = createFileDoor(socket);
});
afterAll(() => {
  server.close();
  rmSync(root, { recursive: true });
});
beforeEach(() => {
  round += 1;
  folder = join(root, "volumes/d", `r${round}`);
  mkdirSync(folder);
});

const at = (name: string) => ({ datastore: "d", path: `r${round}/${name}` });
const text = (name: string) => readFileSync(join(folder, name), "utf8");
const names = () => readdirSync(folder).sort();
const give = (name: string, content = "old") => writeFileSync(join(folder, name), content);
const faultOf = (deed: Promise<unknown>) =>
  deed.then(
    () => "none",
    (error: Fault) => error.fault ?? String(error),
  );
const whole = { sizeBytes: undefined, mustBeNew: false };
const tooLarge = { ...whole, sizeBytes: 62 * 1024 ** 4 };

/** What ended on this side has ended on the other a moment later. */
const settled = (condition: () => boolean | Promise<boolean>) => expect.poll(condition, { timeout: 5000 }).toBe(true);

test("a file is read through the descriptor that came, and is let go when it is closed", async () => {
  give("a", "hello");
  {
    using file = await door.openDownload(at("a"));
    const bytes = Buffer.alloc(5);
    readSync(file.fd, bytes, 0, 5, 0);
    expect(String(bytes)).toBe("hello");
    expect(() => writeSync(file.fd, "x")).toThrow("EBADF");
    await expect(storage.remove(at("a"))).rejects.toThrow("in use");
  }
  await storage.remove(at("a"));
});

test("what a monitor writes is read by nobody, and not replaced", async () => {
  give("vm-flat.vmdk");
  const disk = await storage.openAppend(at("vm-flat.vmdk")); // locked as a running monitor's disk is
  expect(await faultOf(door.openDownload(at("vm-flat.vmdk")))).toBe("FileLocked");
  expect(await faultOf(door.beginUpload(at("vm-flat.vmdk"), whole))).toBe("FileLocked");
  disk[Symbol.dispose]();
});

test("what a monitor writes at its end is read as it grows, and not replaced", async () => {
  give("serial.log");
  using log = await storage.openAppend(at("serial.log"));
  using file = await door.openDownload(at("serial.log"));
  writeSync(log.fd, "+new");
  const bytes = Buffer.alloc(20);
  expect(bytes.toString("utf8", 0, readSync(file.fd, bytes, 0, 20, 0))).toBe("old+new");
  expect(await faultOf(door.beginUpload(at("serial.log"), whole))).toBe("FileLocked");
});

test("a monitor that starts during the upload keeps its file: the upload is what fails", async () => {
  give("x");
  using upload = await door.beginUpload(at("x"), whole);
  writeSync(upload.fd, "new");
  using _ = await storage.openAppend(at("x"));
  expect(await faultOf(upload.commit())).toBe("FileLocked");
  expect([text("x"), names()]).toEqual(["old", ["x"]]);
});

test.each([
  ["a new name", undefined],
  ["the place of an old file", "old"],
])("an upload takes %s when it is whole, not before", async (_, old) => {
  if (old !== undefined) give("x", old);
  give("x~", "somebody's");
  {
    using upload = await door.beginUpload(at("x"), whole);
    writeSync(upload.fd, "new");
    expect(existsSync(join(folder, "x")) ? text("x") : undefined).toBe(old);
    expect(await upload.commit()).toEqual({ replaced: old !== undefined });
    expect([text("x"), names()]).toEqual(["new", ["x", "x~"]]);
    expect(await faultOf(door.openDownload(at("x")))).toBe("FileLocked"); // as long as it could still be written
    expect(await faultOf(upload.commit())).toBe("InvalidRequest");
  }
  await settled(async () => (await faultOf(door.openDownload(at("x")))) === "none");
  expect(text("x~")).toBe("somebody's");
});

test("an upload that is closed without a commit leaves nothing", async () => {
  give("x");
  const upload = await door.beginUpload(at("x"), whole);
  writeSync(upload.fd, "ne");
  upload[Symbol.dispose]();
  expect([text("x"), names()]).toEqual(["old", ["x"]]);
});

test("the folders that an upload lies in are made when it is whole, and a broken one leaves none", async () => {
  const broken = await door.beginUpload(at("a/b/x"), whole);
  broken[Symbol.dispose]();
  expect(names()).toEqual([]);
  using upload = await door.beginUpload(at("a/b/x"), whole);
  writeSync(upload.fd, "new");
  expect(names()).toEqual([]);
  expect(await upload.commit()).toEqual({ replaced: false });
  expect([text("a/b/x"), readdirSync(join(folder, "a")), readdirSync(join(folder, "a/b"))]).toEqual(["new", ["b"], ["x"]]);
});

test("two uploads into the same new folder both get there, and one that comes to nothing takes none of it away", async () => {
  const rules = { sizeBytes: undefined, mustBeNew: true };
  using first = await door.beginUpload(at("a/x"), rules);
  using second = await door.beginUpload(at("a/y"), rules);
  using late = await door.beginUpload(at("a/x"), rules);
  using deeper = await door.beginUpload(at("a/x/b/c"), rules);
  await first.commit();
  await second.commit();
  expect(await faultOf(late.commit())).toBe("FileAlreadyExists");
  expect(await faultOf(deeper.commit())).toBe("FileNotFound"); // x is a file by now
  expect(readdirSync(join(folder, "a")).sort()).toEqual(["x", "y"]);
});

test("a symbolic link that is put in a missing folder's place leads nowhere, and what was made before it is removed", async () => {
  mkdirSync(join(folder, "outside"));
  using upload = await door.beginUpload(at("a/b/x"), whole);
  mkdirSync(join(folder, "a"));
  symlinkSync(join(folder, "outside"), join(folder, "a/b"));
  expect(await faultOf(upload.commit())).toBe("CannotAccessFile");
  expect([readdirSync(join(folder, "outside")), names(), readdirSync(join(folder, "a"))]).toEqual([[], ["a", "outside"], ["b"]]);
});

test("an upload that may be resumed makes its folders at once, and keeps them with what came", async () => {
  const rules = { sizeBytes: 3, mustBeNew: false };
  {
    using _ = await door.resumeUpload(at("a/b/x"), { ...rules, mayBegin: true });
  }
  expect(readdirSync(join(folder, "a/b"))).toEqual(["x.partial"]);
  await settled(async () => {
    using upload = await door.resumeUpload(at("a/b/x"), { ...rules, mayBegin: false }).catch(() => undefined);
    if (upload === undefined) return false;
    writeSync(upload.fd, "new", 0);
    await upload.commit();
    return text("a/b/x") === "new";
  });
});

test("what must be new is refused at the beginning, and at the end when another was faster", async () => {
  const rules = { sizeBytes: 3, mustBeNew: true };
  using first = await door.beginUpload(at("x"), rules);
  using second = await door.beginUpload(at("x"), rules);
  await first.commit();
  expect(await faultOf(second.commit())).toBe("FileAlreadyExists");
  expect(await faultOf(door.beginUpload(at("x"), rules))).toBe("FileAlreadyExists");
});

test("an upload that may be resumed keeps what came of it, under a name of its own, and goes on from there", async () => {
  give("x");
  const rules = { sizeBytes: 6, mustBeNew: false };
  {
    using upload = await door.resumeUpload(at("x"), { ...rules, mayBegin: true });
    writeSync(upload.fd, "new");
    expect(await faultOf(door.resumeUpload(at("x"), { ...rules, mayBegin: true }))).toBe("FileLocked");
    expect(await faultOf(upload.commit())).toBe("InvalidArgument"); // it is not whole
  }
  expect([text("x"), text("x.partial")]).toEqual(["old", "new"]);
  await settled(async () => (await faultOf(storage.openForRead(at("x.partial")).then((file) => file[Symbol.dispose]()))) === "none");
  using upload = await door.resumeUpload(at("x"), { ...rules, mayBegin: false });
  ftruncateSync(upload.fd, 3);
  writeSync(upload.fd, "est", 3);
  expect(await upload.commit()).toEqual({ replaced: true });
  expect([text("x"), names()]).toEqual(["newest", ["x"]]);
});

test("a resumed upload that must be new does not take an old file's place, and is kept", async () => {
  const rules = { sizeBytes: 3, mustBeNew: true, mayBegin: true };
  using upload = await door.resumeUpload(at("x"), rules);
  writeSync(upload.fd, "new");
  give("x");
  expect(await faultOf(upload.commit())).toBe("FileAlreadyExists");
  expect([text("x"), text("x.partial")]).toEqual(["old", "new"]);
});

test.each<[string, () => Promise<unknown>, string]>([
  ["to go on with what never began", () => door.resumeUpload(at("x"), { sizeBytes: 1, mustBeNew: false, mayBegin: false }), "FileNotFound"],
  ["a file that is not there", () => door.openDownload(at("x")), "FileNotFound"],
  [
    "to go on, in a folder that is not there",
    () => door.resumeUpload(at("no/x"), { sizeBytes: 1, mustBeNew: false, mayBegin: false }),
    "FileNotFound",
  ],
  ["more than the disk has, in a folder that is not there", () => door.beginUpload(at("no/x"), tooLarge), "NoDiskSpace"],
  ["more than the disk has, to be resumed there", () => door.resumeUpload(at("no/no/x"), { ...tooLarge, mayBegin: true }), "NoDiskSpace"],
  ["a folder beneath a file", () => door.beginUpload({ datastore: "d", path: ".other/no/x" }, whole), "FileNotFound"],
  ["folders beyond a symbolic link", () => door.beginUpload(at("out/no/x"), whole), "CannotAccessFile"],
  ["folders beyond a symbolic link to nothing", () => door.beginUpload(at("dangling/no/x"), whole), "CannotAccessFile"],
  ["a folder of a name that is too long", () => door.beginUpload(at(`no/${"x".repeat(256)}/x`), whole), "InvalidArgument"],
  ["more than the disk has", () => door.beginUpload(at("x"), tooLarge), "NoDiskSpace"],
  ["a size that no file has", () => door.beginUpload(at("x"), { ...whole, sizeBytes: -1 }), "InvalidArgument"],
  ["the folder itself to read", () => door.openDownload({ datastore: "d", path: `r${round}` }), "CannotAccessFile"],
  ["an upload in a folder's place", () => door.beginUpload({ datastore: "d", path: `r${round}` }, whole), "CannotAccessFile"],
  ["the datastore itself", () => door.beginUpload({ datastore: "d", path: "" }, whole), "InvalidDatastorePath"],
  ["a way out", () => door.openDownload({ datastore: "d", path: "../../../etc/passwd" }), "InvalidArgument"],
  ["a way out of the volumes", () => door.openDownload({ datastore: "..", path: "x" }), "InvalidArgument"],
  ["another datastore", () => door.openDownload({ datastore: "e", path: "x" }), "InvalidDatastore"],
  ["the datastore's own file", () => door.beginUpload({ datastore: "d", path: ".datastore-uuid" }, whole), "InvalidDatastorePath"],
  ["a symbolic link", () => door.openDownload(at("link")), "CannotAccessFile"],
  ["a file beyond a symbolic link", () => door.openDownload(at("out/passwd")), "CannotAccessFile"],
  ["an upload over a symbolic link", () => door.beginUpload(at("link"), whole), "CannotAccessFile"],
])("who asks for %s is refused, and nothing is made", async (_, deed, fault) => {
  symlinkSync("/etc/passwd", join(folder, "link"));
  symlinkSync("/etc", join(folder, "out"));
  symlinkSync("/etc/bulkhead-none", join(folder, "dangling"));
  writeFileSync(join(root, "volumes/d/.other"), "");
  expect(await faultOf(deed())).toBe(fault);
  expect([names(), existsSync("/etc/no"), existsSync("/etc/bulkhead-none")]).toEqual([["dangling", "link", "out"], false, false]);
});

test.each([
  ["no JSON", "GET / HTTP/1.1"],
  ["no request", '{"id":1}'],
  ["a kind that is none", '{"id":1,"request":{"kind":"openAnything"}}'],
  ["an end without a beginning", '{"id":1,"request":{"kind":"commit"}}'],
])("%s is answered by a fault, and the door stays open", async (_, line) => {
  const socket = connect(join(root, "files.sock"));
  const answer = new Promise((resolve) => socket.once("data", (data) => resolve(String(data))));
  socket.write(`${line}\n`);
  expect(await answer).toMatch(/"fault":\{"name":"Invalid(Argument|Request)"/);
  socket.destroy();
});

test("a line without an end closes its connection", async () => {
  const socket = connect(join(root, "files.sock"));
  socket.on("error", () => {});
  socket.write("x".repeat(100_000));
  await new Promise((resolve) => socket.once("close", resolve));
  expect(log.join()).toContain("closing a connection of the file door");
});

test("fields that are no part of a request are not taken over", () => {
  const request = { kind: "openDownload", file: { datastore: "d", path: "x", fd: 0 }, mustBeNew: true, flags: 1 };
  expect(parseFileRequest(request)).toEqual({ kind: "openDownload", file: { datastore: "d", path: "x" } });
});

test("a socket that listens on an interface is passed, and none on what is no interface", async () => {
  const socket = join(root, "files.sock");
  const port = await new Promise<number>((resolve) => {
    const probe = createServer().listen(0, "127.0.0.1", () => {
      const address = probe.address();
      probe.close(() => resolve(typeof address === "object" && address !== null ? address.port : 0));
    });
  });
  const accepting = createServer((connection) => connection.end("here"));
  accepting.listen({ fd: await askToListen(socket, { device: "vmk0", port }) });
  const heard = await new Promise<string>((resolve) => connect(port, "127.0.0.1").on("data", (bytes) => resolve(bytes.toString())));
  accepting.close();
  expect(heard).toBe("here");
  await expect(askToListen(socket, { device: "vmk1", port })).rejects.toMatchObject({ fault: "NotFound" });
  await expect(askToListen(socket, { device: "eth0", port })).rejects.toMatchObject({ fault: "InvalidArgument" });
});

test("a disk that is to be filled reads as zeros, whatever was in it, and is another disk when it has been", async () => {
  const disk = { capacityBytes: 4096 * 16, provisioning: "thin", adapterType: "lsilogic", uuid: `6000c29${"1".repeat(25)}` } as const;
  const before = await storage.createDisk(at("a.vmdk"), disk);
  give("a-flat.vmdk", "x".repeat(disk.capacityBytes));
  const filling = await door.beginDiskImport(at("a.vmdk"), { eager: false });
  expect(readFileSync(join(folder, "a-flat.vmdk")).every((byte) => byte === 0)).toBe(true);
  await expect(door.openLayer(at("a.vmdk"))).rejects.toMatchObject({ fault: "FileLocked" });
  await expect(door.beginDiskImport(at("a.vmdk"), { eager: false })).rejects.toMatchObject({ fault: "FileLocked" });
  writeSync(filling.fd, "new", 0);
  await filling.commit();
  filling[Symbol.dispose]();
  const after = await storage.describeDisk(at("a.vmdk"));
  expect(after.contentId).not.toBe(before.contentId);
  using open = await door.openLayer(at("a.vmdk"));
  const piece = Buffer.alloc(3);
  readSync(open.fd, piece, 0, 3, 0);
  expect(piece.toString()).toBe("new");
});

test("a disk whose size was changed while it was filled is not committed", async () => {
  const disk = { capacityBytes: 8192, provisioning: "thick", adapterType: "lsilogic", uuid: `6000c29${"2".repeat(25)}` } as const;
  await storage.createDisk(at("a.vmdk"), disk);
  using filling = await door.beginDiskImport(at("a.vmdk"), { eager: true });
  ftruncateSync(filling.fd, 1);
  await expect(filling.commit()).rejects.toMatchObject({ fault: "InvalidDiskFormat" });
});
