/** What goes over the wire, byte for byte. */
import { expect, test } from "vitest";
import { Fault } from "../../base/index.ts";
import { parseXml } from "../soap/xml.ts";
import { fault } from "./fault.ts";
import { decodeResponse, encodeFault, encodeResponse, faultToLocalized } from "./messages.ts";

const NEWEST = "8.0.3.0";

/** What stands between the Response tags. */
function encoded(returnType: string, returnValue: unknown, version = NEWEST): string {
  const xml = encodeResponse({ method: "Fetch", returnType, returnValue, version });
  parseXml(xml);
  return /<FetchResponse xmlns="urn:vim25">(.*)<\/FetchResponse>/s.exec(xml.toString())?.[1] ?? "";
}
const any = (anyType: string, value: unknown): string => encoded("anyType", { anyType, value });

test.each([
  ["void", "void", undefined, ""],
  ["an unset optional result", "anyType", undefined, ""],
  ["a string", "string", "a<b", "<returnval>a&lt;b</returnval>"],
  ["a boolean", "boolean", false, "<returnval>false</returnval>"],
  ["a long", "long", 2 ** 53 - 1, "<returnval>9007199254740991</returnval>"],
  ["a time, with fraction and Z", "dateTime", new Date(1702536813763), "<returnval>2023-12-14T06:53:33.763Z</returnval>"],
  ["bytes as one base64 text", "base64Binary", Uint8Array.of(0, 255, 16), "<returnval>AP8Q</returnval>"],
  [
    "byte[] as an element for each, signed",
    "byte[]",
    [0, 127, 128, 255, -1],
    "<returnval>0</returnval><returnval>127</returnval><returnval>-128</returnval><returnval>-1</returnval><returnval>-1</returnval>",
  ],
  ["a PCI vendor, signed", "short", 0x8086, "<returnval>-32634</returnval>"],
  ["an array", "string[]", ["a", "b"], "<returnval>a</returnval><returnval>b</returnval>"],
  ["an empty array", "string[]", [], ""],
  ["an enumeration", "VirtualMachinePowerState", "poweredOn", "<returnval>poweredOn</returnval>"],
  ["the name of a type", "TypeName", "VirtualMachine", "<returnval>VirtualMachine</returnval>"],
  ["a reference", "ManagedEntity", { type: "VirtualMachine", value: "12" }, '<returnval type="VirtualMachine">12</returnval>'],
  ["a data object, unset properties absent", "KeyValue", { key: "k", value: "" }, "<returnval><key>k</key><value></value></returnval>"],
  [
    "the declared type, not named",
    "KeyValue",
    { $type: "KeyValue", key: "k", value: "v" },
    "<returnval><key>k</key><value>v</value></returnval>",
  ],
  [
    "a subclass, named, inherited properties first",
    "VirtualDevice",
    { diskObjectId: "1-2000", capacityInKB: 1, key: 2000, $type: "VirtualDisk" },
    '<returnval xsi:type="VirtualDisk"><key>2000</key><capacityInKB>1</capacityInKB><diskObjectId>1-2000</diskObjectId></returnval>',
  ],
  [
    "a link, as the key",
    "HostScsiTopologyLun",
    { key: "k", lun: 0, scsiLun: "key-vim.host.ScsiDisk-1" },
    "<returnval><key>k</key><lun>0</lun><scsiLun>key-vim.host.ScsiDisk-1</scsiLun></returnval>",
  ],
  [
    "a fault as a property",
    "LocalizedMethodFault",
    faultToLocalized(fault("InvalidProperty", "No.", { name: "n" })),
    '<returnval><fault xsi:type="InvalidProperty"><name>n</name></fault><localizedMessage>No.</localizedMessage></returnval>',
  ],
])("%s", (_, type, value, xml) => {
  expect(encoded(type, value)).toBe(xml);
});

test.each([
  ["a string", "string", "x", '<returnval xsi:type="xsd:string">x</returnval>'],
  ["a path", "PropertyPath", "x", '<returnval xsi:type="xsd:string">x</returnval>'],
  ["the name of a type", "TypeName", "Folder", '<returnval xsi:type="xsd:string">Folder</returnval>'],
  ["an int", "int", 3, '<returnval xsi:type="xsd:int">3</returnval>'],
  ["a time", "dateTime", new Date(0), '<returnval xsi:type="xsd:dateTime">1970-01-01T00:00:00.000Z</returnval>'],
  ["bytes", "base64Binary", Uint8Array.of(1), '<returnval xsi:type="xsd:base64Binary">AQ==</returnval>'],
  ["an enumeration", "VirtualMachinePowerState", "poweredOff", '<returnval xsi:type="VirtualMachinePowerState">poweredOff</returnval>'],
  [
    "a reference",
    "Folder",
    { type: "Folder", value: "ha-folder-vm" },
    '<returnval type="Folder" xsi:type="ManagedObjectReference">ha-folder-vm</returnval>',
  ],
  ["a data object", "KeyValue", { key: "k", value: "v" }, '<returnval xsi:type="KeyValue"><key>k</key><value>v</value></returnval>'],
  [
    "a subclass of what was named",
    "VirtualDevice",
    { $type: "VirtualFloppy", key: 8000 },
    '<returnval xsi:type="VirtualFloppy"><key>8000</key></returnval>',
  ],
  ["strings", "string[]", ["a"], '<returnval xsi:type="ArrayOfString"><string xsi:type="xsd:string">a</string></returnval>'],
  ["paths", "PropertyPath[]", ["a"], '<returnval xsi:type="ArrayOfString"><string xsi:type="xsd:string">a</string></returnval>'],
  ["ints", "int[]", [1, 2], '<returnval xsi:type="ArrayOfInt"><int xsi:type="xsd:int">1</int><int xsi:type="xsd:int">2</int></returnval>'],
  ["bytes, one by one", "byte[]", [200], '<returnval xsi:type="ArrayOfByte"><byte xsi:type="xsd:byte">-56</byte></returnval>'],
  [
    "references of any type",
    "VirtualMachine[]",
    [{ type: "VirtualMachine", value: "1" }],
    '<returnval xsi:type="ArrayOfManagedObjectReference"><ManagedObjectReference type="VirtualMachine" xsi:type="ManagedObjectReference">1</ManagedObjectReference></returnval>',
  ],
  [
    "mixed subclasses, under their base's name",
    "VirtualDevice[]",
    [{ $type: "VirtualFloppy", key: 8000 }],
    '<returnval xsi:type="ArrayOfVirtualDevice"><VirtualDevice xsi:type="VirtualFloppy"><key>8000</key></VirtualDevice></returnval>',
  ],
  [
    "items of the named type itself",
    "KeyValue[]",
    [{ key: "k", value: "v" }],
    '<returnval xsi:type="ArrayOfKeyValue"><KeyValue xsi:type="KeyValue"><key>k</key><value>v</value></KeyValue></returnval>',
  ],
  [
    "values of any type",
    "anyType[]",
    [{ anyType: "int", value: 1 }],
    '<returnval xsi:type="ArrayOfAnyType"><anyType xsi:type="xsd:int">1</anyType></returnval>',
  ],
  ["an array that is set and empty", "KeyValue[]", [], '<returnval xsi:type="ArrayOfKeyValue"></returnval>'],
])("under anyType, %s", (_, type, value, xml) => {
  expect(any(type, value)).toBe(xml);
});

test.each([
  ["a property newer than the client", "6.7.1", "AboutInfo", { ...about(), patchLevel: "1" }, "patchLevel"],
  ["an optional property of a type newer than the client", "6.5", "VirtualMachineConfigSpec", { sgxInfo: { epcSize: 1 } }, "sgxInfo"],
])("%s is left out", (_, version, type, value, name) => {
  expect(encoded(type, value, version)).not.toContain(name);
  expect(encoded(type, value)).toContain(name);
});

test("a type newer than the client becomes its nearest known base", () => {
  const clock = { $type: "VirtualPrecisionClock", key: 19000 }; // 7.0
  expect(encoded("VirtualDevice[]", [clock], "6.7.1")).toBe("<returnval><key>19000</key></returnval>");
  expect(encoded("VirtualDevice[]", [clock], "7.0.0.0")).toBe('<returnval xsi:type="VirtualPrecisionClock"><key>19000</key></returnval>');
  expect(encoded("anyType", { anyType: "VirtualPrecisionClock[]", value: [clock] }, "6.7.1")).toBe(
    '<returnval xsi:type="ArrayOfVirtualDevice"><VirtualDevice xsi:type="VirtualDevice"><key>19000</key></VirtualDevice></returnval>',
  );
});

test("the name of a type newer than the client is left out of a list", () => {
  expect(encoded("TypeName[]", ["VirtualE1000", "VirtualPrecisionClock"], "6.7.1")).toBe("<returnval>VirtualE1000</returnval>");
});

test("the name of a type newer than the client, where there must be one, is its base's", () => {
  expect(encoded("TypeName", "VirtualPrecisionClock", "6.7.1")).toBe("<returnval>VirtualDevice</returnval>");
  expect(encoded("TypeName", "HostCryptoState", "6.0")).toBe("<returnval>string</returnval>");
});

test("what has no base that means anything is left out, with all that can't be without it", () => {
  const sgx = { anyType: "VirtualMachineSgxInfo", value: { epcSize: 1 } }; // 7.0
  const objects = [
    {
      obj: { type: "VirtualMachine", value: "1" },
      propSet: [
        { name: "name", val: { anyType: "string", value: "vm" } },
        { name: "config.sgxInfo", val: sgx },
      ],
    },
  ];
  expect(encoded("anyType", sgx, "6.7.1")).toBe("");
  expect(encoded("anyType", { ...sgx, anyType: "VirtualMachineSgxInfo[]", value: [] }, "6.7.1")).toBe("");
  expect(encoded("RetrieveResult", { objects }, "6.7.1")).toBe(
    '<returnval><objects><obj type="VirtualMachine">1</obj><propSet><name>name</name><val xsi:type="xsd:string">vm</val></propSet></objects></returnval>',
  );
  expect(encoded("RetrieveResult", { objects }, "7.0.0.0")).toContain("<epcSize>1</epcSize>");
});

test("an answer of many chunks arrives whole, without what the client has no words for", () => {
  const long = "x".repeat(20_000);
  const readable = (name: string) => ({ name, val: { anyType: "string[]", value: Array.from({ length: 5 }, () => long) } });
  const entries = Array.from({ length: 5 }, () => ({ key: long, value: { anyType: "string", value: long } }));
  const unheard = { name: "unheard", val: { anyType: "VirtualMachineSgxInfo", value: { epcSize: 1 } } };
  const inside = {
    name: "inside",
    val: { anyType: "LocalizableMessage", value: { key: "k", arg: [...entries, { key: "u", value: unheard.val }, ...entries] } },
  };
  const objects = [{ obj: { type: "VirtualMachine", value: "1" }, propSet: [readable("a"), unheard, inside, readable("b")] }];
  const xml = encodeResponse({ method: "RetrievePropertiesEx", returnType: "RetrieveResult", returnValue: { objects }, version: "6.7.1" });
  const result = decodeResponse(xml, "RetrievePropertiesEx", { bytesMax: 2 ** 24, elementsMax: 10_000 });
  const shown = { anyType: "LocalizableMessage", value: { key: "k", arg: [...entries, ...entries] } };
  expect(result).toMatchObject({ objects: [{ propSet: [readable("a"), { name: "inside", val: shown }, readable("b")] }] });
});

test("faults in an array come with their messages, as alone", () => {
  const no = faultToLocalized(fault("InvalidProperty", "No.", { name: "n" }));
  expect(encoded("IscsiStatus", { reason: [no] })).toBe(
    '<returnval><reason><fault xsi:type="InvalidProperty"><name>n</name></fault><localizedMessage>No.</localizedMessage></reason></returnval>',
  );
});

test("an enumeration newer than the client is a string under anyType", () => {
  expect(encoded("anyType", { anyType: "HostCryptoState", value: "safe" }, "6.0")).toContain('xsi:type="xsd:string"');
});

test("a reference to a type newer than the client is one to its base", () => {
  expect(encoded("ManagedObject", { type: "HostNvdimmSystem", value: "x" }, "6.5")).toBe('<returnval type="ManagedObject">x</returnval>');
});

test("a fault newer than the client becomes its nearest known base, element and all", () => {
  const expired = fault("PasswordExpired", "x", {}); // 6.7.2, an InvalidLogin
  expect(encodeFault(expired, "6.7.1").toString()).toContain(
    '<detail><InvalidLoginFault xmlns="urn:vim25" xsi:type="InvalidLogin"></InvalidLoginFault></detail>',
  );
  expect(encodeFault(expired, "6.7.2").toString()).toContain('<PasswordExpiredFault xmlns="urn:vim25" xsi:type="PasswordExpired">');
  const missing = fault("KeyNotFound", "x", { key: "k" }); // 6.7.2, a VimFault: its field goes with it
  expect(encodeFault(missing, "6.7.1").toString()).toContain('<VimFaultFault xmlns="urn:vim25" xsi:type="VimFault"></VimFaultFault>');
});

function about() {
  const names = ["name", "fullName", "vendor", "version", "build", "osType", "productLineId", "apiType", "apiVersion"];
  return Object.fromEntries(names.map((name) => [name, "x"]));
}

test.each([
  ["a required property that is unset", "KeyValue", { key: "k" }, /returnval\.value.*required and unset/],
  ["a property that the type lacks", "KeyValue", { key: "k", value: "v", vlaue: "v" }, /no property vlaue/],
  ["another type", "KeyValue", { $type: "OptionValue", key: "k" }, /OptionValue is no KeyValue/],
  ["null", "KeyValue", null, /null is no KeyValue/],
  ["a type that there is not", "KeyValue", { $type: "Nonsense" }, /Nonsense is no KeyValue/],
  ["a number for a string", "string", 1, /1 is no string/],
  ["a string for a number", "int", "1", /1 is no int/],
  ["a fraction", "int", 1.5, /1.5 is no int/],
  ["an int past its range", "int", 2 ** 31, /is no int/],
  ["a long past what is exact", "long", 2 ** 53, /is no long/],
  ["not a number", "double", Number.NaN, /is no double/],
  ["no date", "dateTime", new Date(Number.NaN), /is no dateTime/],
  ["the year 0, which XML Schema lacks", "dateTime", new Date("0000-06-01T00:00:00Z"), /out of the years/],
  ["the year 10000", "dateTime", new Date(Date.UTC(10000, 0)), /out of the years/],
  ["a value that the enumeration lacks", "VirtualMachinePowerState", "on", /on is no VirtualMachinePowerState/],
  ["a reference of another type", "VirtualMachine", { type: "Folder", value: "x" }, /Folder is no VirtualMachine/],
  ["one where there are many", "string[]", "a", /a is no string\[\]/],
  ["a hole in an array", "KeyValue[]", [{ key: "k", value: "v" }, undefined], /returnval\[1\]/],
  ["a bare value under anyType", "anyType", "x", /does not say what type/],
  ["a nameless value under anyType", "anyType", { value: 1 }, /does not say what type/],
  ["the wrong value under anyType", "anyType", { anyType: "int", value: "x" }, /x is no int/],
  ["something for void", "void", 1, /void/],
])("%s is a bug that is told, with the path", (_, type, value, message) => {
  expect(() => encoded(type, value)).toThrow(message);
});

test("the path names the item and the property", () => {
  const spec = {
    deviceChange: [{ device: { $type: "VirtualDisk", key: 1, capacityInKB: 1 } }, { device: { $type: "VirtualDisk", key: 1 } }],
  };
  expect(() => encoded("VirtualMachineConfigSpec", spec)).toThrow("returnval.deviceChange[1].device.capacityInKB");
});

test("a fault as an answer", () => {
  const cause = fault("FileNotFound", "File [d] x.vmdk was not found", { file: "[d] x.vmdk" });
  const xml = encodeFault(fault("InvalidDeviceSpec", "Invalid <device> 0.", { deviceIndex: 0, property: "p" }, { cause }), NEWEST);
  expect(xml.toString()).toContain(
    "<soapenv:Fault><faultcode>ServerFaultCode</faultcode><faultstring>Invalid &lt;device&gt; 0.</faultstring>" +
      '<detail><InvalidDeviceSpecFault xmlns="urn:vim25" xsi:type="InvalidDeviceSpec">' +
      '<faultCause><fault xsi:type="FileNotFound"><file>[d] x.vmdk</file></fault><localizedMessage>File [d] x.vmdk was not found</localizedMessage></faultCause>' +
      "<property>p</property><deviceIndex>0</deviceIndex></InvalidDeviceSpecFault></detail></soapenv:Fault>",
  );
  const limits = { bytesMax: 10_000, elementsMax: 100 };
  expect(() => decodeResponse(xml, "PowerOnVM_Task", limits)).toThrow(
    expect.objectContaining({
      fault: "InvalidDeviceSpec",
      message: "Invalid <device> 0.",
      fields: expect.objectContaining({ deviceIndex: 0 }),
    }),
  );
});

test("a fault without fields", () => {
  expect(encodeFault(fault("InvalidLogin", "No.", {}), NEWEST).toString()).toContain(
    '<detail><InvalidLoginFault xmlns="urn:vim25" xsi:type="InvalidLogin"></InvalidLoginFault></detail>',
  );
});

test("a fault that the schema lacks is a bug that is told", () => {
  expect(() => encodeFault(new Fault("Nonsense", "x"), NEWEST)).toThrow("no fault Nonsense");
  expect(() => encodeFault(new Fault("VirtualDisk", "x"), NEWEST)).toThrow("no fault VirtualDisk");
});
