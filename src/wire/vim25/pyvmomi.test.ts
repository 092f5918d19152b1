/** The strictest client there is, the vSphere SDK for Python, must be able to read what is written for its version. */
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import fc from "fast-check";
import { expect, test } from "vitest";
import { makeDataObject } from "./arbitrary.ts";
import { encodeResponse } from "./messages.ts";
import { isFaultType } from "./schema.ts";
import { schemaRows } from "./schema-rows.ts";

const VERSION = "6.7.1"; // of Debian's python3-pyvmomi
const READ = `
import json, sys
from pyVmomi import SoapAdapter
class Stub: version = "vim.version.version13"
failures = []
for response in json.load(sys.stdin):
    try:
        assert SoapAdapter.SoapResponseDeserializer(Stub()).Deserialize(response.encode(), object) is not None
    except Exception as error:
        failures.append(repr(error)[:2000])
print(json.dumps(failures))
`;

/** The schema says that these came with 6.7.1 or before, and the client of that version does not have them. */
const MISDATED =
  /HostSpecification\w*Event|HostSubSpecification\w*Event|VStorageObjectSnapshotDetails|SingleHostSpec|DeviceGroupsDeviceGroup|DeviceGroupsVendorDeviceGroup|DynamicArray/;

const ENUMERATIONS = `
import json
from pyVmomi import VmomiSupport
print(json.dumps({row[1]: list(row[3]) for row in VmomiSupport._enumDefMap.values()}))
`;

const noPyVmomi = !existsSync("/usr/lib/python3/dist-packages/pyVmomi");

// The schema does not date the values of enumerations, so none could be kept from an older client: none has to be.
test.skipIf(noPyVmomi)("no property is of an enumeration that has gained values since: those are declared as texts", () => {
  const { stdout, stderr } = spawnSync("/usr/bin/python3", ["-c", ENUMERATIONS], { encoding: "utf8" });
  expect(stderr).toBe("");
  const old = JSON.parse(stdout) as Readonly<Record<string, readonly string[]>>;
  const { enums, dataObjects, managedObjects } = schemaRows();
  const grown = [...enums].filter(([name, { values }]) => values.some((value) => old[name] !== undefined && !old[name]?.includes(value)));
  expect(grown.length).toBeGreaterThan(10);
  const rows = [...dataObjects.values(), ...managedObjects.values()];
  const declared = new Set(rows.flatMap(({ properties }) => properties.map(([, type]) => type.replace("[]", ""))));
  expect(grown.map(([name]) => name).filter((name) => declared.has(name))).toEqual([]);
});

test.skipIf(noPyVmomi)("pyVmomi reads whatever the schema can say, in its version", () => {
  const names = [...schemaRows().dataObjects.keys()].filter((name) => !isFaultType(name));
  const responses: string[] = [];
  fc.assert(
    fc.property(fc.gen(), fc.constantFrom(...names), (gen, name) => {
      const value = makeDataObject(gen, name);
      const returnValue = { anyType: value.$type as string, value };
      const xml = encodeResponse({ method: "Fetch", returnType: "anyType", returnValue, version: VERSION }).toString();
      if (!MISDATED.test(xml) && xml.includes("<returnval")) responses.push(xml);
    }),
    // Always the same: some enumerations have gained values since, and the schema does not say which.
    { numRuns: 1000, seed: 7 },
  );
  const { stdout, stderr } = spawnSync("/usr/bin/python3", ["-c", READ], { input: JSON.stringify(responses), encoding: "utf8" });
  expect(stderr).toBe("");
  expect(JSON.parse(stdout)).toEqual([]);
  expect(responses.length).toBeGreaterThan(800);
});
