import { expect, test } from "vitest";
import { aLong, blocks, command, nothing, one, type Result, struct, table } from "./command.ts";
import { encodeResult } from "./encode-result.ts";

const HEAD =
  '<obj xmlns:xsd="http://www.w3.org/2001/XMLSchema" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns="urn:vim25" versionId="5.0" xsi:type=';

const encode = <V>(result: Result<V>, value: V): string =>
  encodeResult(command("network vm list", { help: "", result, run: () => value }), value).replace(HEAD, "");

const vm = struct("VM", { "World ID": "long", Name: "string", "Is On": "boolean", Networks: "string[]" });

test("rows are objects of the command's own type, their fields by name, a list's once for each value", () => {
  const row = { "World ID": 98842, Name: "a < b & c", "Is On": true, Networks: ["VM Network", "lab"] };
  expect(encode(table(vm), [row, { ...row, Networks: [], Name: undefined }])).toBe(
    '"ArrayOfDataObject"><DataObject xsi:type="VimEsxCLInetworkvmlistVM"><IsOn>true</IsOn><Name>a &lt; b &amp; c</Name>' +
      "<Networks>VM Network</Networks><Networks>lab</Networks><WorldID>98842</WorldID></DataObject>" +
      '<DataObject xsi:type="VimEsxCLInetworkvmlistVM"><IsOn>true</IsOn><WorldID>98842</WorldID></DataObject></obj>',
  );
  expect(encode(blocks(vm), [])).toBe('"ArrayOfDataObject"></obj>');
});

test("a structure within one is an element with fields", () => {
  const nic = struct("Nic", { "Driver Info": struct("DriverInfo", { "Bus Info": "string" }), Name: "string" });
  expect(encode(one(nic), { "Driver Info": { "Bus Info": "0000:00:03.0" }, Name: "vmnic0" })).toBe(
    '"VimEsxCLInetworkvmlistNic"><DriverInfo xsi:type="VimEsxCLInetworkvmlistDriverInfo"><BusInfo>0000:00:03.0</BusInfo></DriverInfo><Name>vmnic0</Name></obj>',
  );
});

test("a number is a number, and a deed is true", () => {
  expect(encode(aLong, 12)).toBe('"xsd:long">12</obj>');
  expect(encode(nothing, undefined)).toBe('"xsd:boolean">true</obj>');
});

test("what does not fit what the command declares does not leave", () => {
  const row = { "World ID": 1.5, Name: "x", "Is On": true, Networks: [] };
  expect(() => encode(table(vm), [row])).toThrow("1.5 is no long");
  expect(() => encode(table(vm), [{ ...row, "World ID": 1, Colour: "red" } as never])).toThrow("VM has no field Colour");
});
