import fc from "fast-check";
import { expect, test } from "vitest";
import { makeDataObject } from "./arbitrary.ts";
import { decodeRequest, decodeResponse, encodeRequest, encodeResponse } from "./messages.ts";
import { findType, typeOf, versionOfType } from "./schema.ts";
import { schemaRows } from "./schema-rows.ts";
import { advertisedVersions, knows } from "./versions.ts";

const LIMITS = { bytesMax: 64 * 1024 * 1024, elementsMax: 1_000_000 };
const typeNames = [...schemaRows().dataObjects.keys()];

test("whatever the schema can say arrives as it was sent", () => {
  fc.assert(
    fc.property(fc.gen(), fc.constantFrom(...typeNames), (gen, name) => {
      const value = makeDataObject(gen, name);
      const sent = { anyType: value.$type as string, value };
      const xml = encodeResponse({ method: "Fetch", returnType: "anyType", returnValue: sent, version: "8.0.3.0" });
      expect(decodeResponse(xml, "Fetch", LIMITS)).toEqual(sent);
    }),
    { numRuns: 1500 },
  );
});

test("a request's arguments arrive as they were sent", () => {
  fc.assert(
    fc.property(fc.gen(), (gen) => {
      const args = { spec: { ...makeDataObject(gen, "VirtualMachineConfigSpec"), $type: "VirtualMachineConfigSpec" } };
      const thisRef = { type: "VirtualMachine", value: "1" };
      const xml = encodeRequest({ method: "ReconfigVM_Task", thisRef, args });
      expect(decodeRequest(Buffer.from(xml), undefined)).toMatchObject({ thisRef, args });
    }),
    { numRuns: 200 },
  );
});

test("a client of any version is told of no type that came after it", () => {
  fc.assert(
    fc.property(fc.gen(), fc.constantFrom(...typeNames), fc.constantFrom(...advertisedVersions()), (gen, name, version) => {
      const value = makeDataObject(gen, name);
      const xml = encodeResponse({ method: "Fetch", returnType: "anyType", returnValue: { anyType: name, value }, version });
      for (const [, type] of xml.toString().matchAll(/ (?:xsi:)?type="(?:ArrayOf)?(\w+)"/g)) {
        const since = type === undefined || findType(type) === undefined ? undefined : versionOfType(typeOf(type));
        expect(since === undefined || knows(version, since), `${type} in ${version}`).toBe(true);
      }
    }),
    { numRuns: 500 },
  );
});
