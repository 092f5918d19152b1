import { expect, test } from "vitest";
import { type Command, esxcliCommands, pathOf } from "../../hostd/esxcli/index.ts";
import { type Answer, decodeResult } from "./decode-result.ts";
import { type Formatter, formatAnswer } from "./format-answer.ts";

const named = (path: string): Command => {
  const command = esxcliCommands.find((one) => pathOf(one) === path);
  if (command === undefined) throw new Error(`there is no ${path}`);
  return command;
};
const print = (path: string, answer: Answer, formatter?: Formatter): string => formatAnswer(named(path), answer, formatter).join("\n");

const HEAD =
  '<obj xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns:xsd="http://www.w3.org/2001/XMLSchema" xmlns="urn:vim25" xsi:type=';
const VMS = decodeResult(
  named("network vm list"),
  `${HEAD}"ArrayOfDataObject"><DataObject xsi:type="VimEsxCLInetworkvmlistVM"><Name>web, "1"</Name><Networks>VM Network</Networks>` +
    "<Networks>lab</Networks><NumPorts>2</NumPorts><WorldID>98842</WorldID></DataObject>" +
    "<DataObject><Name>b</Name><NumPorts>1</NumPorts><WorldID>7</WorldID></DataObject></obj>",
);
const VERSION = decodeResult(
  named("system version get"),
  `${HEAD}"VimEsxCLIsystemversiongetVersionGet"><Build>Releasebuild-1</Build><Product>VMware ESXi</Product><Version>8.0.3</Version></obj>`,
);
const MEMORY = decodeResult(
  named("hardware memory get"),
  `${HEAD}"x"><NUMANodeCount>1</NUMANodeCount><PhysicalMemory>2147483648</PhysicalMemory></obj>`,
);
const NIC = decodeResult(
  named("network nic get"),
  `${HEAD}"x"><DriverInfo><BusInfo>0000:00:03.0</BusInfo><Driver>e1000e</Driver></DriverInfo><LinkDetected>true</LinkDetected><Name>vmnic0</Name></obj>`,
);

test("a table has columns as wide as their widest cell, numbers to the right", () => {
  expect(print("network vm list", VMS)).toBe(
    [
      "World ID  Name      Num Ports  Networks       ",
      "--------  --------  ---------  ---------------",
      '   98842  web, "1"          2  VM Network, lab',
      "       7  b                 1                 ",
    ].join("\n"),
  );
});

test("records have a heading, a field a line, and a blank line between", () => {
  const rows = [
    { Name: "vSwitch0", MTU: 1500, "Beacon Enabled": false, Uplinks: ["vmnic0", "vmnic1"] },
    { Name: "lab\u001b[2J", MTU: 9000 },
  ];
  const text = print("network vswitch standard list", { kind: "rows", rows });
  expect(text).toMatch(/^vSwitch0\n {3}Name: vSwitch0\n {3}Class: \n/);
  expect(text).toContain("\n   Uplinks: vmnic0, vmnic1\n   Portgroups: \n\nlab?[2J\n   Name: lab?[2J\n");
});

test("one record is indented without a heading, with what its numbers are of; a structure within is indented more", () => {
  expect(print("system version get", VERSION)).toBe(
    "   Product: VMware ESXi\n   Version: 8.0.3\n   Build: Releasebuild-1\n   Update: \n   Patch: ",
  );
  expect(print("hardware memory get", MEMORY)).toBe("   Physical Memory: 2147483648 Bytes\n   NUMA Node Count: 1");
  expect(print("network nic get", NIC)).toContain(
    "   Driver Info:\n      Bus Info: 0000:00:03.0\n      Driver: e1000e\n   Link Detected: true\n",
  );
});

test("csv has its names in their order, a comma after each cell, and quotes where they are needed", () => {
  expect(print("network vm list", VMS, "csv")).toBe('Name,Networks,NumPorts,WorldID,\n"web, ""1""","VM Network,lab",2,98842,\nb,,1,7,');
});

test("keyvalue says the type of each value, and of a list the number of each record", () => {
  expect(print("system version get", VERSION, "keyvalue")).toBe(
    "VersionGet.Build.string=Releasebuild-1\nVersionGet.Patch.string=\nVersionGet.Product.string=VMware ESXi\nVersionGet.Update.string=\nVersionGet.Version.string=8.0.3",
  );
  expect(print("hardware memory get", MEMORY, "keyvalue")).toContain("Memory.PhysicalMemory.integer=2147483648");
  expect(print("network vm list", VMS, "keyvalue").split("\n")).toEqual(
    expect.arrayContaining(["structure[0].VM.Networks.string[1]=lab", "structure[1].VM.WorldID.integer=7"]),
  );
});

test("a name with a line break begins no record of its own", () => {
  const rows = [{ Name: "a\nstructure[9].VM.Name.string=forged", "Num Ports": 1, "World ID": 1, Networks: [] }];
  for (const formatter of ["csv", "keyvalue", "json", undefined] as const)
    expect(print("network vm list", { kind: "rows", rows }, formatter)).not.toMatch(/^structure\[9\]/m);
});

test("json has numbers and booleans as such: a list is an array, one record an object", () => {
  expect(JSON.parse(print("network vm list", VMS, "json"))).toEqual([
    { Name: 'web, "1"', Networks: ["VM Network", "lab"], NumPorts: 2, WorldID: 98842 },
    { Name: "b", Networks: [], NumPorts: 1, WorldID: 7 },
  ]);
  expect(JSON.parse(print("network nic get", NIC, "json"))).toMatchObject({ DriverInfo: { Driver: "e1000e" }, LinkDetected: true });
});

test("xml has a structure for each record, and each value in an element of its type", () => {
  const xml = print("network vm list", VMS, "xml");
  expect(xml).toMatch(
    /^<\?xml version="1.0" encoding="utf-8"\?>\n<output xmlns="http:\/\/www.vmware.com\/Products\/ESX\/5.0\/esxcli">\n<root>\n<list type="structure">\n/,
  );
  expect(xml).toContain(
    '<structure typeName="VM"><field name="Name"><string>web, "1"</string></field>' +
      '<field name="Networks"><list type="string"><string>VM Network</string><string>lab</string></list></field>' +
      '<field name="NumPorts"><integer>2</integer></field>',
  );
});

test.each<[string, Answer, Formatter | undefined, string]>([
  ["system uuid get", { kind: "scalar", value: "5e1f" }, undefined, "5e1f"],
  ["iscsi software get", { kind: "scalar", value: false }, undefined, "false"],
  ["system stats uptime get", { kind: "scalar", value: 12 }, "json", "12"],
  ["system uuid get", { kind: "scalar", value: "5e1f" }, "json", '"5e1f"'],
  ["network vswitch standard add", { kind: "nothing" }, undefined, ""],
  ["network vswitch standard add", { kind: "nothing" }, "xml", ""],
])("%s, which answered %j, prints as %s %j", (path, answer, formatter, text) => {
  expect(print(path, answer, formatter)).toBe(text);
});

test.each([
  ["network vm list", "<obj><DataObject><NumPorts>many</NumPorts></DataObject></obj>", /"many", which is no long/],
  ["iscsi software get", "<obj>perhaps</obj>", /"perhaps", which is no boolean/],
  ["iscsi software get", "<obj>", /cannot be read/],
])("an answer to %s that is none, %s, is refused", (path, xml, because) => {
  expect(() => decodeResult(named(path), xml)).toThrow(because);
});
