import { expect, test } from "vitest";
import { openDatabase } from "../database.ts";
import { adoptNames, planRenames } from "./datastore-names.ts";

test.each<[string, Record<string, string>, [string, string][], [string, string][]]>([
  ["the same", { u1: "a" }, [["u1", "a"]], []],
  [
    "a new one",
    { u1: "a" },
    [
      ["u1", "a"],
      ["u2", "b"],
    ],
    [],
  ],
  ["another name", { u1: "a" }, [["u1", "b"]], [["a", "b"]]],
  [
    "two that change places",
    { u1: "a", u2: "b" },
    [
      ["u1", "b"],
      ["u2", "a"],
    ],
    [
      ["a", "b"],
      ["b", "a"],
    ],
  ],
  ["one that is gone", { u1: "a", u2: "b" }, [["u1", "a"]], []],
  [
    "a copy beside it",
    { u1: "a" },
    [
      ["u1", "a"],
      ["u1", "copy"],
    ],
    [],
  ],
])("%s", (_, known, present, renames) => {
  expect([
    ...planRenames(
      known,
      present.map(([uuid, name]) => ({ uuid, name })),
    ),
  ]).toEqual(renames);
});

test("the VMs are registered by the names that there are, also when two change places", () => {
  const database = openDatabase(":memory:");
  const insert = database.prepare("INSERT INTO vm (vmx) VALUES (?)");
  for (const vmx of ["[a] x/x.vmx", "[b] x/x.vmx", "[c] y/y.vmx"]) insert.run(vmx);
  const names = () => (database.prepare("SELECT vmx FROM vm ORDER BY id").all() as { vmx: string }[]).map(({ vmx }) => vmx);
  const [u1, u2, u3] = ["u1", "u2", "u3"];
  adoptNames(database, [
    { uuid: u1, name: "a" },
    { uuid: u2, name: "b" },
    { uuid: u3, name: "c" },
  ]);
  expect(names()).toEqual(["[a] x/x.vmx", "[b] x/x.vmx", "[c] y/y.vmx"]);
  adoptNames(database, [
    { uuid: u1, name: "b" },
    { uuid: u2, name: "a" },
  ]); // the third one's disk is not there
  expect(names()).toEqual(["[b] x/x.vmx", "[a] x/x.vmx", "[c] y/y.vmx"]);
  adoptNames(database, [
    { uuid: u1, name: "b" },
    { uuid: u2, name: "a" },
    { uuid: u3, name: "d" },
  ]);
  expect(names()).toEqual(["[b] x/x.vmx", "[a] x/x.vmx", "[d] y/y.vmx"]);
});
