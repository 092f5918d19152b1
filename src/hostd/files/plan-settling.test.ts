import fc from "fast-check";
import { expect, test } from "vitest";
import { formatDatastorePath } from "../../base/index.ts";
import { type FileJournal, placesOf, planSettling } from "./plan-settling.ts";

const path = (name: string) => ({ datastore: "d", path: name });
const [from, to, copyAside, originalAside] = [path("from"), path("to"), path("copy~"), path("original~")];
const make: FileJournal = { kind: "makeDisk", descriptor: to };
const moveDisk: FileJournal = { kind: "moveDisk", from, to };
const moveOver: FileJournal = { ...moveDisk, replace: true };
const copy: FileJournal = { kind: "copyFiles", to, aside: copyAside };
const move: FileJournal = { kind: "moveFiles", from, to, copyAside, originalAside };
const failed = { failure: expect.any(String) };

test.each<[string, FileJournal, readonly string[], unknown]>([
  ["a disk that is whole was made", make, ["to"], {}],
  ["of a disk without a descriptor the data goes", make, [], { ...failed, removeDisks: [to] }],
  ["a deletion goes on", { kind: "deleteDisk", descriptor: to }, ["to"], { removeDisks: [to] }],
  ["a disk that was being changed stays", { kind: "changeDisk", descriptor: to }, ["to"], { ...failed, trimDisk: to }],
  ["a disk that is at its new place was moved", moveDisk, ["to"], { removeDisks: [from] }],
  ["a disk that is at its old place was not", moveDisk, ["from"], { ...failed, removeDisks: [to] }],
  ["a disk that is at both places is moved again", moveDisk, ["from", "to"], { moveAgain: moveDisk }],
  ["a disk that takes another's place is moved again, however far it came", moveOver, ["from"], { moveAgain: moveOver }],
  ["a disk that is nowhere is not moved", moveDisk, [], failed],
  ["a copy that has its name is done", copy, ["to"], {}],
  ["a copy that lies aside goes", copy, ["copy~"], { ...failed, removeTrees: [copyAside] }],
  ["a copy that lies aside goes, whatever has the name", copy, ["to", "copy~"], { ...failed, removeTrees: [copyAside] }],
  ["a copy that was not begun failed", copy, [], failed],
  ["a move that was not begun failed", move, ["from"], failed],
  ["a move in one step is done", move, ["to"], {}],
  ["a move whose copy is not whole failed", move, ["from", "copy~"], { ...failed, removeTrees: [copyAside] }],
  [
    "an original that is aside goes back while its copy has no name",
    move,
    ["copy~", "original~"],
    { ...failed, moveBack: { from: originalAside, to: from }, removeTrees: [copyAside] },
  ],
  ["an original that is aside goes when its copy has its name", move, ["to", "original~"], { removeTrees: [originalAside] }],
])("%s", (_, journal, present, settlement) => {
  expect(planSettling(journal, new Set(present.map((name) => formatDatastorePath(path(name)))))).toEqual(settlement);
});

test("whatever is there, a deed is never taken back by what was there before it", () => {
  const journals = [make, moveDisk, moveOver, copy, move];
  fc.assert(
    fc.property(fc.constantFrom(...journals), fc.subarray(["from", "to", "copy~", "original~"]), (journal, names) => {
      const present = new Set(names.map((name) => formatDatastorePath(path(name))));
      const { removeDisks = [], removeTrees = [] } = planSettling(journal, present);
      // A tree goes only from where the deed alone puts one; a disk only where its descriptor is not.
      expect(removeTrees.every((tree) => tree.path.endsWith("~"))).toBe(true);
      expect(removeDisks.every((disk) => !present.has(formatDatastorePath(disk)))).toBe(true);
      expect(placesOf(journal).length).toBeGreaterThan(0);
    }),
  );
});
