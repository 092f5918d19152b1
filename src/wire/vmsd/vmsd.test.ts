import fc from "fast-check";
import { expect, test } from "vitest";
import { depthOf, formatVmsd, noSnapshots, parseVmsd, type SnapshotList } from "./vmsd.ts";

const parse = (text: string) => parseVmsd(text, "web.vmsd");

test("a list is written as ESXi writes it", () => {
  const entry = { uid: 3, name: "before\nupdate", description: "", file: "web-Snapshot3.vmsn", memory: true, quiesced: false };
  const list: SnapshotList = {
    lastUid: 7,
    current: 3,
    snapshots: [{ ...entry, createdAtMs: 1_700_000_000_123, disks: [{ node: "scsi0:0", file: "web.vmdk" }] }],
  };
  expect(formatVmsd(list)).toMatchInlineSnapshot(`
    ".encoding = "UTF-8"
    snapshot.lastUID = "7"
    snapshot.current = "3"
    snapshot.numSnapshots = "1"
    snapshot.mru0.uid = "3"
    snapshot0.uid = "3"
    snapshot0.filename = "web-Snapshot3.vmsn"
    snapshot0.displayName = "before|0Aupdate"
    snapshot0.description = ""
    snapshot0.type = "1"
    snapshot0.createTimeHigh = "395812"
    snapshot0.createTimeLow = "404758648"
    snapshot0.numDisks = "1"
    snapshot0.disk0.fileName = "web.vmdk"
    snapshot0.disk0.node = "scsi0:0"
    "
  `);
  expect(parse(formatVmsd(list))).toEqual(list);
});

test("an empty file has no snapshots, and whatever tree is written is read again", () => {
  expect(parse("")).toEqual(noSnapshots);
  const text = fc.string({ maxLength: 20 });
  const trees = fc.array(
    fc.record({ name: text, description: text, memory: fc.boolean(), at: fc.nat({ max: 2 ** 41 }), parent: fc.nat() }),
    { maxLength: 12 },
  );
  fc.assert(
    fc.property(trees, (rows) => {
      const snapshots = rows.map(({ at, parent, ...row }, index) => ({
        ...row,
        ...{ uid: index + 1, file: `v-Snapshot${index + 1}.vmsn`, quiesced: false, createdAtMs: at, disks: [] },
        ...(index > 0 && parent % (index + 1) > 0 && { parent: parent % (index + 1) }),
      }));
      const list = { lastUid: rows.length, ...(rows.length > 0 && { current: rows.length }), snapshots };
      expect(parse(formatVmsd(list))).toEqual(list);
      for (const { uid } of snapshots) expect(depthOf(snapshots, uid)).toBeLessThanOrEqual(rows.length);
    }),
  );
});

test.each([
  ["a count that is none", 'snapshot.numSnapshots = "x"'],
  ["more than a VM can have", 'snapshot.numSnapshots = "497"'],
  ["a snapshot without a uid", 'snapshot.numSnapshots = "1"'],
  ["one uid twice", 'snapshot.numSnapshots = "2"\nsnapshot0.uid = "1"\nsnapshot1.uid = "1"'],
  ["a parent that is not there", 'snapshot.numSnapshots = "1"\nsnapshot0.uid = "1"\nsnapshot0.parent = "2"'],
  ["one that comes after itself", 'snapshot.numSnapshots = "1"\nsnapshot0.uid = "1"\nsnapshot0.parent = "1"'],
  ["a file that leads out", 'snapshot.numSnapshots = "1"\nsnapshot0.uid = "1"\nsnapshot0.filename = "../other/x.vmsn"'],
  ["a line of nonsense", "%%%"],
])("a list with %s is refused", (_, text) => {
  expect(() => parse(text)).toThrow(expect.objectContaining({ fault: "InvalidSnapshotFormat" }));
});
