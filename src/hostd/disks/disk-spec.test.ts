import { expect, test } from "vitest";
import type { VirtualDiskSpec } from "../../wire/index.ts";
import { diskTypeOf, formatDiskUuid, parseCopySpec, parseDiskUuid, parseNewDiskSpec } from "./disk-spec.ts";

const spec = (changes: object = {}): VirtualDiskSpec =>
  ({ $type: "FileBackedVirtualDiskSpec", diskType: "thin", adapterType: "lsiLogic", capacityKb: 1024, ...changes }) as VirtualDiskSpec;

test.each([
  ["thin", "thin"],
  ["preallocated", "thick"],
  ["thick", "thick"],
  ["eagerZeroedThick", "eagerZeroedThick"],
])("a disk of type %s is made %s", (diskType, provisioning) => {
  expect(parseNewDiskSpec(spec({ diskType, adapterType: "ide" }))).toEqual({ capacityBytes: 2 ** 20, provisioning, adapterType: "ide" });
  expect(parseCopySpec({ diskType, adapterType: "busLogic" })).toEqual({ provisioning, adapterType: "buslogic" });
});

test.each([
  ["sparseMonolithic", "monolithicSparse"],
  ["flatMonolithic", "monolithicFlat"],
  ["sparse2Gb", "twoGbMaxExtentSparse"],
  ["thick2Gb", "twoGbMaxExtentFlat"],
])("a disk of type %s is not created, and a copy of it is made as %s", (diskType, format) => {
  expect(() => parseNewDiskSpec(spec({ diskType }))).toThrow(expect.objectContaining({ fault: "NotSupported" }));
  expect(parseCopySpec({ diskType, adapterType: "ide" })).toEqual({ format, adapterType: "ide" });
});

test.each(["seSparse", "rdm", "rdmp", "raw", "delta"])("a disk of type %s is not supported, by its name", (diskType) => {
  for (const parse of [() => parseNewDiskSpec(spec({ diskType })), () => parseCopySpec({ diskType, adapterType: "ide" })])
    expect(parse).toThrow(expect.objectContaining({ fault: "NotSupported", message: expect.stringContaining(diskType) }));
});

test.each<[string, object, string, string | undefined]>([
  ["a type that nobody knows", { diskType: "fat" }, "InvalidArgument", "spec.diskType"],
  ["a type of every object", { diskType: "constructor" }, "InvalidArgument", "spec.diskType"],
  ["an adapter that nobody knows", { adapterType: "LSILOGIC" }, "InvalidArgument", "spec.adapterType"],
  ["no size", { capacityKb: 0 }, "InvalidArgument", "spec.capacityKb"],
  ["a negative size", { capacityKb: -1 }, "InvalidArgument", "spec.capacityKb"],
  ["more than any disk has", { capacityKb: 62 * 1024 ** 3 + 1 }, "InvalidArgument", "spec.capacityKb"],
  ["nothing but a kind", { $type: "VirtualDiskSpec" }, "InvalidArgument", "spec"],
  ["a device", { $type: "DeviceBackedVirtualDiskSpec", device: "/dev/sda" }, "NotSupported", undefined],
  ["a sparse subformat", { $type: "SeSparseVirtualDiskSpec" }, "NotSupported", undefined],
  ["encryption", { crypto: { $type: "CryptoSpecEncrypt" } }, "NotSupported", undefined],
])("a disk with %s is refused", (_, changes, fault, invalidProperty) => {
  expect(() => parseNewDiskSpec(spec(changes))).toThrow(
    expect.objectContaining({ fault, fields: invalidProperty === undefined ? {} : { invalidProperty } }),
  );
});

test("a copy of which nothing is said is as its source", () => {
  expect(parseCopySpec(undefined)).toEqual({});
});

test("a UUID is read in every form that clients write, and answered as ESXi does", () => {
  const uuid = "6000c29a1b2c3d4e5f60718293a4b5c6";
  const answered = "60 00 C2 9a 1b 2c 3d 4e-5f 60 71 82 93 a4 b5 c6";
  for (const text of [uuid, uuid.toUpperCase(), answered, "6000c29a-1b2c-3d4e-5f60-718293a4b5c6"]) expect(parseDiskUuid(text)).toBe(uuid);
  expect(formatDiskUuid(uuid)).toBe(answered);
  for (const text of ["", "6000c29a", `${uuid}00`, `${answered} `.repeat(2), "x".repeat(32)])
    expect(() => parseDiskUuid(text)).toThrow(expect.objectContaining({ fault: "InvalidArgument" }));
});

test("the type of a disk is the one that clients know", () => {
  expect((["thin", "thick", "eagerZeroedThick"] as const).map((provisioning) => diskTypeOf({ provisioning }))).toEqual([
    "thin",
    "preallocated",
    "eagerZeroedThick",
  ]);
});
