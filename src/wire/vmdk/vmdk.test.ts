import fc from "fast-check";
import { expect, test } from "vitest";
import { type BaseDisk, formatVmdkDescriptor, makeBaseDescriptor } from "./base-disk.ts";
import { capacityBytesOf, DISK_BYTES_MAX, parseVmdkDescriptor } from "./descriptor.ts";

const parse = (text: string | Uint8Array) => parseVmdkDescriptor(typeof text === "string" ? Buffer.from(text) : text, "a.vmdk");

const disk: BaseDisk = {
  capacityBytes: 16 * 1024 ** 3,
  thin: true,
  adapterType: "lsilogic",
  uuid: "6000c29a1b2c3d4e5f60718293a4b5c6",
  longContentId: "0123456789abcdef01234567fffffffe",
  hardwareVersion: 21,
  extentFile: "vm-flat.vmdk",
};

test("a base disk is written as ESXi writes it", () => {
  expect(formatVmdkDescriptor(makeBaseDescriptor(disk))).toMatchInlineSnapshot(`
    "# Disk DescriptorFile
    version=1
    encoding="UTF-8"
    CID=fffffffe
    parentCID=ffffffff
    isNativeSnapshot="no"
    createType="vmfs"

    # Extent description
    RW 33554432 VMFS "vm-flat.vmdk"

    # The Disk Data Base
    #DDB

    ddb.adapterType = "lsilogic"
    ddb.encoding = "UTF-8"
    ddb.geometry.cylinders = "2088"
    ddb.geometry.heads = "255"
    ddb.geometry.sectors = "63"
    ddb.longContentID = "0123456789abcdef01234567fffffffe"
    ddb.thinProvisioned = "1"
    ddb.uuid = "60 00 C2 9a 1b 2c 3d 4e-5f 60 71 82 93 a4 b5 c6"
    ddb.virtualHWVersion = "21"
    "
  `);
});

test("whatever base disk is written is read again", () => {
  const hex = (length: number) => fc.string({ unit: fc.constantFrom(..."0123456789abcdef"), minLength: length, maxLength: length });
  const anyDisk = fc.record({
    capacityBytes: fc.integer({ min: 1, max: DISK_BYTES_MAX / 512 }).map((sectors) => sectors * 512),
    thin: fc.boolean(),
    adapterType: fc.constantFrom("lsilogic" as const, "ide" as const),
    uuid: hex(32),
    longContentId: hex(32),
    hardwareVersion: fc.integer({ min: 8, max: 21 }),
    extentFile: fc.constantFrom("vm-flat.vmdk", "a b-flat.vmdk", "ä-flat.vmdk"),
  });
  fc.assert(
    fc.property(anyDisk, (base) => {
      const descriptor = parse(formatVmdkDescriptor(makeBaseDescriptor(base)));
      expect(descriptor).toEqual(makeBaseDescriptor(base));
      expect(capacityBytesOf(descriptor)).toBe(base.capacityBytes);
      const [cylinders, heads, sectors] = ["cylinders", "heads", "sectors"].map((part) => Number(descriptor.ddb.get(`geometry.${part}`)));
      expect((cylinders ?? 0) * (heads ?? 0) * (sectors ?? 0) * 512).toBeLessThanOrEqual(base.capacityBytes);
    }),
  );
});

const hosted = (extents: string, header = "") =>
  `# Disk DescriptorFile\nversion=1\nencoding="windows-1252"\nCID=1A2b3c\nparentCID=ffffffff\ncreateType="monolithicFlat"\n${header}\n${extents}\nddb.adapterType = "ide"\n`;

test("a hosted descriptor is read, and a child's parent and change tracking with it", () => {
  const descriptor = parse(
    hosted('RW 2048 FLAT "vm 1-flat.vmdk" 63\nRDONLY 8 ZERO', 'parentFileNameHint="base.vmdk"\nchangeTrackPath="vm-ctk.vmdk"'),
  );
  expect(descriptor).toMatchObject({
    contentId: "001a2b3c",
    parentFileNameHint: "base.vmdk",
    extents: [
      { access: "RW", sectors: 2048, type: "FLAT", file: "vm 1-flat.vmdk", offset: 63 },
      { access: "RDONLY", sectors: 8, type: "ZERO", offset: 0 },
    ],
  });
  expect(parse(formatVmdkDescriptor(descriptor))).toEqual(descriptor);
});

test("what qemu-img leaves behind the text, where a CID became shorter, is not of the descriptor", () => {
  const text = hosted('RW 2048 FLAT "vm-flat.vmdk" 0');
  const left = `${text}\0l.cylinders = "2"\n${"\0".repeat(900)}`;
  expect(parseVmdkDescriptor(Buffer.from(left), "vm.vmdk")).toEqual(parseVmdkDescriptor(Buffer.from(text), "vm.vmdk"));
});

const flat = 'RW 2048 FLAT "vm-flat.vmdk" 0';
test.each([
  ["nothing", "", 'does not begin with "# Disk DescriptorFile"'],
  ["another text", "hello\n", 'does not begin with "# Disk DescriptorFile"'],
  ["a hosted sparse file", `KDMV${"\0".repeat(508)}`, "is a hosted sparse disk (KDMV)"],
  ["a VMFS sparse file", `COWD${"\0".repeat(508)}`, "is a VMFS sparse disk (COWD)"],
  ["a zero byte before its text", `\0${hosted(flat)}`, "is binary"],
  ["too many bytes", `${hosted(flat)}${"#".repeat(600_000)}`, "is larger than"],
  ["no extent", hosted(""), "has no extent"],
  ["too many extents", hosted(`${flat}\n`.repeat(1025)), "is extent 1025"],
  ["too many ddb entries", hosted(flat) + Array.from({ length: 3000 }, (_, i) => `ddb.x${i} = "1"\n`).join(""), "disk data base; 2048"],
  ["an absolute extent", hosted('RW 2048 FLAT "/etc/shadow" 0'), 'line 8 has an extent in "/etc/shadow"'],
  ["an extent in another VM's folder", hosted('RW 2048 FLAT "../other/vm-flat.vmdk" 0'), "which is no plain file name"],
  ["an extent named ..", hosted('RW 2048 FLAT ".." 0'), "which is no plain file name"],
  ["an extent without a name", hosted('RW 2048 FLAT "" 0'), "which is no plain file name"],
  ["an extent of an endless name", hosted(`RW 2048 FLAT "${"x".repeat(256)}" 0`), "which is no plain file name"],
  ["an extent with a backslash", hosted('RW 2048 FLAT "a\\\\b" 0'), "which is no plain file name"],
  ["a flat extent without a file", hosted("RW 2048 FLAT"), "line 8 has an extent of type FLAT without a file"],
  ["a negative size", hosted('RW -1 FLAT "a-flat.vmdk" 0'), "line 8 has a size or offset of -1 sectors"],
  ["a size beyond every disk", hosted('RW 999999999999999 FLAT "a-flat.vmdk" 0'), "line 8 has a size"],
  ["a size beyond every number", hosted(`RW ${"9".repeat(400)} FLAT "a-flat.vmdk" 0`), "line 8 has a size"],
  ["a size of zero", hosted('RW 0 FLAT "a-flat.vmdk" 0'), "line 8 has an extent of no sectors"],
  ["a hexadecimal size", hosted('RW 0x10 FLAT "a-flat.vmdk" 0'), "line 8 has a size"],
  ["a negative offset", hosted('RW 8 FLAT "a-flat.vmdk" -8'), "line 8 has a size or offset of -8 sectors"],
  ["a sum over 62 TB", hosted(`RW ${DISK_BYTES_MAX / 512} FLAT "a" 0\nRW 1 FLAT "b" 0`), "which is over 62 TB"],
  ["an unknown extent type", hosted('RW 8 QUANTUM "a" 0'), "line 8 has an extent of unknown type QUANTUM"],
  ["a line of nonsense", hosted(`${flat}\n%%%`), "line 9 is neither an extent nor key = value"],
  ["a key twice", hosted(`${flat}\nCID=00000000`), "line 9 sets CID again"],
  ["an unknown version", hosted(flat).replace("version=1", "version=9"), "has the descriptor version 9"],
  ["no CID", hosted(flat).replace(/^CID=.*$/m, ""), "has no proper CID"],
  ["an unknown createType", hosted(flat).replace("monolithicFlat", "bag"), "has the createType bag"],
])("a descriptor with %s is refused", (_, text, message) => {
  expect(() => parse(text)).toThrow(message);
  expect(() => parse(text)).toThrow(expect.objectContaining({ fault: "InvalidDiskFormat" }));
});

test("a line that is none is named by its number, wherever it stands", () => {
  const lines = hosted('RW 2048 FLAT "vm-flat.vmdk" 0').split("\n");
  const broken = fc.constantFrom(
    'RW -1 FLAT "a-flat.vmdk" 0',
    'RW 8 FLAT "../a-flat.vmdk" 0',
    'RW 8 FLAT "/dev/sda" 0',
    "%%%",
    'CID=1\nCID="2"',
  );
  fc.assert(
    fc.property(fc.integer({ min: 1, max: lines.length - 1 }), broken, (row, line) => {
      expect(() => parse(lines.toSpliced(row, 0, line).join("\n"))).toThrow(/^a\.vmdk, line \d+ /);
      if (!line.includes("CID")) expect(() => parse(lines.toSpliced(row, 0, line).join("\n"))).toThrow(`a.vmdk, line ${row + 1} `);
    }),
  );
});

test("no bytes make the reader throw anything but its fault", () => {
  const line = fc.constantFrom(
    'RW 8 VMFS "a"',
    "RW",
    '"',
    "CID=1",
    "version=1",
    'createType="vmfs"',
    "parentCID=ffffffff",
    "ddb.uuid = ",
    "#",
    "\u0001",
    "=",
  );
  fc.assert(
    fc.property(fc.array(line), fc.uint8Array({ maxLength: 8 }), (lines, tail) => {
      try {
        parse(Buffer.concat([Buffer.from(`# Disk DescriptorFile\n${lines.join("\n")}\n`), tail]));
      } catch (error) {
        expect(error).toMatchObject({ fault: "InvalidDiskFormat" });
      }
    }),
  );
});
