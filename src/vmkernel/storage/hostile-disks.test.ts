/**
 * Disks that somebody has written by hand to lead a host astray: descriptors that are cut, name files outside of the datastore, each
 * other or themselves, with sizes and content IDs that are not so, over files that are links, pipes and folders. Whatever is asked of
 * one, the answer is a disk or a fault that names a file; no bug, no descriptor left open, and nothing outside is so much as opened.
 */
import { execFileSync, type SpawnOptions, spawn, spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type DatastorePath, Fault } from "../../base/index.ts";
import { UNWATCHED } from "../controls.ts";
import { createStorage, type Storage } from "./index.ts";

const KIB = 1024;
const SECTORS = 128;
let folder: string;
let outside: string;
let storage: Storage;
let watcher: ReturnType<typeof spawn>;
let opened = "";
let number = 0;

/** The kernel tells of every file outside that is opened, read or written, by whom ever. */
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "hostile-disks-"));
  outside = join(folder, "outside");
  mkdirSync(join(folder, "volumes/ds"), { recursive: true });
  mkdirSync(outside);
  for (const name of ["secret.vmdk", "secret-flat.vmdk"]) writeFileSync(join(outside, name), Buffer.alloc(SECTORS * 512, "secret"));
  storage = createStorage(join(folder, "volumes"));
  await storage.listDatastores();
  const quiet: SpawnOptions = { stdio: ["ignore", "pipe", "ignore"] };
  watcher = spawn("python3", ["-c", WATCH, outside], quiet);
  watcher.stdout?.on("data", (chunk) => (opened += chunk));
  while (!(await touched())) readFileSync(join(outside, "secret.vmdk")); // until it tells
});
afterAll(() => {
  watcher?.kill();
  spawnSync("chattr", ["-R", "-f", "-i", folder]);
  rmSync(folder, { recursive: true, force: true });
});

/** inotify(7): access, modify, open, of the files in a folder. */
const WATCH = `
import ctypes, os, sys
libc = ctypes.CDLL(None)
fd = libc.inotify_init()
assert libc.inotify_add_watch(fd, sys.argv[1].encode(), 0x1 | 0x2 | 0x20) > 0
while True:
    os.read(fd, 65536)
    os.write(1, b"touched\\n")
`;

/** Whether something outside was touched since this was asked last. */
async function touched(): Promise<boolean> {
  await new Promise((resolve) => setTimeout(resolve, 100));
  const told = opened !== "";
  opened = "";
  return told;
}

const NAMES = ["a", "b", "c"] as const;
const plain = (suffix: string) => fc.constantFrom(...NAMES).map((name) => `${name}${suffix}`);

/** Names that a descriptor may have for a file, of those that are there and of those that lead out. */
const anyFile = fc.oneof(
  { weight: 6, arbitrary: fc.oneof(plain("-flat.vmdk"), plain("-delta.vmdk"), plain(".vmdk")) },
  {
    weight: 4,
    arbitrary: fc.constantFrom(
      ...["../../../outside/secret-flat.vmdk", "OUTSIDE/secret-flat.vmdk", "link-flat.vmdk", "link.vmdk", "linkdir/secret-flat.vmdk"],
      ...["fifo-flat.vmdk", "sub", "..", ".", "", "none.vmdk", "a\\..\\b", "/dev/zero", "/proc/self/mem", ".datastore-uuid"],
      ...[
        "/vmfs/volumes/ds/../../outside/secret.vmdk",
        "/vmfs/volumes/ds/vm/a.vmdk",
        "/vmfs/volumes/nowhere/a.vmdk",
        "/vmfs/volumes/../ds",
      ],
    ),
  },
);
const anySize = fc.oneof(
  { weight: 6, arbitrary: fc.constant(String(SECTORS)) },
  { weight: 2, arbitrary: fc.constantFrom("0", "-1", "1", "129", "9007199254740993", "999999999999999", "1e3", "0x80", "", "٣", " ") },
);
const anyContentId = fc.constantFrom("00000001", "00000002", "fffffffe", "ffffffff", "xyz", "-1", "");

/** c is a child of b, b of a, and nothing is wrong with them. */
const whole = (index: number): string =>
  [
    ...["# Disk DescriptorFile", "version=1", `CID=0000000${index + 1}`, `parentCID=${index === 0 ? "ffffffff" : `0000000${index}`}`],
    ...(index === 0 ? [] : [`parentFileNameHint="${NAMES[index - 1]}.vmdk"`]),
    `createType="${index === 0 ? "vmfs" : "custom"}"`,
    index === 0 ? `RW ${SECTORS} VMFS "a-flat.vmdk"` : `RW ${SECTORS} QCOW2 "${NAMES[index]}-delta.vmdk"`,
    'ddb.adapterType = "lsilogic"',
    `ddb.thinProvisioned = "1"`,
    ...(index === 2 ? [] : [`ddb.child.0 = "${NAMES[index + 1]}.vmdk"`]),
    "",
  ].join("\n");

type Change = (text: string) => string;
const put = (pattern: RegExp, line: (value: string) => string) => (value: string) => (text: string) =>
  text.replace(pattern, () => line(value));
/** One thing that is wrong with a descriptor. */
const anyChange: fc.Arbitrary<Change> = fc.oneof(
  anyFile.map(put(/"[abc]-(flat|delta)\.vmdk"/, (file) => `"${file}"`)),
  anyFile.map(put(/^parentFileNameHint=.*$/m, (file) => `parentFileNameHint="${file}"`)),
  anyFile.map((file) => (text: string) => `${text}parentFileNameHint="${file}"\n`),
  anySize.map(put(/ 128 /, (size) => ` ${size} `)),
  anyContentId.map(put(/^CID=.*$/m, (id) => `CID=${id}`)),
  anyContentId.map(put(/^parentCID=.*$/m, (id) => `parentCID=${id}`)),
  fc
    .constantFrom("VMFS", "QCOW2", "FLAT", "SPARSE", "VMFSSPARSE", "ZERO", "VMFSRDM", "VMFSRAW", "SESPARSE", "X")
    .map(put(/ (VMFS|QCOW2) /, (type) => ` ${type} `)),
  fc
    .constantFrom("vmfs", "custom", "monolithicFlat", "twoGbMaxExtentSparse", "vmfsSparse", "streamOptimized")
    .map(put(/^createType=.*$/m, (type) => `createType="${type}"`)),
  fc.constantFrom("RDONLY", "NOACCESS", "rw").map(put(/^RW/m, (access) => access)),
  anyFile.map((file) => (text: string) => `${text}RW 8 FLAT "${file}" 0\n`),
  anyFile.map((file) => (text: string) => `${text}ddb.aliasOf = "${file}"\n`),
  fc.double({ min: 0, max: 1, noNaN: true }).map((part) => (text: string) => text.slice(0, Math.floor(part * text.length))),
  fc.nat(400).map((index) => (text: string) => `${text.slice(0, index)}\0${text.slice(index)}`),
);
interface Family {
  readonly descriptors: readonly string[];
  /** Whose delta names a file outside in its header. */
  readonly leads: string;
}
const anyFamily: fc.Arbitrary<Family> = fc.record({
  descriptors: fc
    .array(fc.record({ of: fc.nat(2), change: anyChange }), { maxLength: 3 })
    .map((changes) =>
      NAMES.map((_, index) => changes.filter(({ of }) => of === index).reduce((text, { change }) => change(text), whole(index))),
    ),
  leads: fc.constantFrom("b", "c", "nobody's", "nobody's", "nobody's"),
});

const at = (name: string): DatastorePath => ({ datastore: "ds", path: `vm${number}/${name}` });
const onHost = (name: string): string => join(folder, "volumes/ds", `vm${number}`, name);

function lay({ descriptors, leads }: Family): void {
  number += 1;
  mkdirSync(onHost("sub"), { recursive: true });
  for (const [index, name] of NAMES.entries()) {
    writeFileSync(
      onHost(`${name}.vmdk`),
      (descriptors[index] ?? "").replaceAll("OUTSIDE", outside).replaceAll("/ds/vm/", `/ds/vm${number}/`),
    );
    writeFileSync(onHost(`${name}-flat.vmdk`), Buffer.alloc(SECTORS * 512, name));
    cpSync(qcow2(name === leads), onHost(`${name}-delta.vmdk`));
  }
  symlinkSync(join(outside, "secret-flat.vmdk"), onHost("link-flat.vmdk"));
  symlinkSync(join(outside, "secret.vmdk"), onHost("link.vmdk"));
  symlinkSync(outside, onHost("linkdir"));
  execFileSync("mkfifo", [onHost("fifo-flat.vmdk")]);
}

/** A delta; one that leads out names the file outside in its header, as qemu-img makes it. */
function qcow2(leadsOut: boolean): string {
  const made = join(folder, leadsOut ? "leads" : "delta");
  if (existsSync(made)) return made;
  execFileSync("qemu-img", ["create", "-q", "-f", "qcow2", made, String(SECTORS * 512)]);
  if (leadsOut) execFileSync("qemu-img", ["rebase", "-u", "-f", "qcow2", "-F", "raw", "-b", join(outside, "secret-flat.vmdk"), made]);
  return made;
}

const deeds: Readonly<Record<string, (name: string) => Promise<unknown>>> = {
  describe: (name) => storage.describeDisk(at(name)),
  chain: (name) => storage.chainOf(at(name)),
  "open to read": async (name) => (await storage.openDisk(at(name), { writable: false }))[Symbol.dispose](),
  "open to write": async (name) => (await storage.openDisk(at(name), { writable: true }))[Symbol.dispose](),
  copy: (name) => storage.copyDisk({ from: at(name), to: at("copy.vmdk"), replace: true, copy: {} }, UNWATCHED),
  commit: (name) => storage.commitDisk(at(name), UNWATCHED),
  "make a child": (name) => storage.createChildDisk(at("child.vmdk"), { parent: at(name) }),
  extend: (name) => storage.changeDisk(at(name), { kind: "extend", capacityBytes: 256 * KIB }, UNWATCHED),
  convert: (name) => storage.changeDisk(at(name), { kind: "convert" }, UNWATCHED),
  move: (name) => storage.moveDisk({ from: at(name), to: at("moved.vmdk"), replace: true }),
  remove: (name) => storage.deleteDisk(at(name)),
};
const REFUSALS = new Set([
  ...["InvalidDiskFormat", "FileNotFound", "FileAlreadyExists", "FileLocked", "CannotAccessFile", "InvalidDatastorePath"],
  ...["InvalidDatastore", "InvalidArgument", "FileFault", "NotSupported", "NoDiskSpace"],
]);

const openDescriptors = (): number => readdirSync("/proc/self/fd").length;
const tree = (): string => execFileSync("sh", ["-c", `ls -laR --time-style=+ ${outside}; sha256sum ${outside}/*`], { encoding: "utf8" });

test.skipIf(process.getuid?.() !== 0)(
  "whatever disks are laid there, each deed is done or refused by a fault that names a file",
  {
    timeout: 120_000,
  },
  async () => {
    const before = tree();
    const held = openDescriptors();
    expect(await touched()).toBe(true); // by ourselves
    const done = new Map<string, number>();
    await fc.assert(
      fc.asyncProperty(anyFamily, fc.constantFrom(...NAMES), async (family, name) => {
        lay(family);
        for (const [what, deed] of Object.entries(deeds)) {
          try {
            await deed(`${name}.vmdk`);
            done.set(what, (done.get(what) ?? 0) + 1);
          } catch (error) {
            if (!(error instanceof Fault)) throw new Error(`${what}: no fault but ${error}`, { cause: error });
            expect([what, error.fault, REFUSALS.has(error.fault)]).toEqual([what, error.fault, true]);
            expect(error.message).toMatch(/\[ds\] \S/);
            expect(error.message).not.toContain("secret,");
          }
        }
        spawnSync("chattr", ["-R", "-f", "-i", onHost("")]);
      }),
      {
        numRuns: 60,
        examples: [
          [{ descriptors: NAMES.map((_, index) => whole(index)), leads: "nobody's" }, "c"],
          [{ descriptors: [whole(0).replace(/^ddb\.child.*\n/m, ""), "", ""], leads: "nobody's" }, "a"],
        ],
      },
    );
    expect(await touched()).toBe(false);
    expect(openDescriptors()).toBeLessThanOrEqual(held + 2); // sockets and pipes of the test's own
    expect(tree()).toBe(before);
    expect([...done.keys()].sort()).toEqual(Object.keys(deeds).sort()); // each has been done too: what is refused is not all
  },
);
