/** What comes in, however twisted. */
import { expect, test } from "vitest";
import { Fault } from "../../base/index.ts";
import { parseXml } from "../soap/xml.ts";
import { decodeRequest, encodeFault, encodeRequest } from "./messages.ts";
import type { AnyValue } from "./values.ts";

const NEWEST = "8.0.3.0";
const ENVELOPE = "http://schemas.xmlsoap.org/soap/envelope/";
const XS = 'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns:xsd="http://www.w3.org/2001/XMLSchema"';
const wrap = (body: string, header = "") => `<e:Envelope xmlns:e="${ENVELOPE}" ${XS}>${header}<e:Body>${body}</e:Body></e:Envelope>`;
const request = (method: string, self: string, args: string) => wrap(`<${method} xmlns="urn:vim25">${self}${args}</${method}>`);
const decode = (xml: string) => decodeRequest(Buffer.from(xml), "urn:vim25/8.0.3.0");
const VM = '<_this type="VirtualMachine">1</_this>';
const reconfig = (spec: string) => request("ReconfigVM_Task", VM, `<spec>${spec}</spec>`);
const OPTIONS = '<_this type="OptionManager">ha-adv-options</_this>';
const options = (value: string) => request("UpdateOptions", OPTIONS, `<changedValue><key>k</key>${value}</changedValue>`);

test("a request with the default namespace on the envelope and a prefix of its own for xsi", () => {
  const xml =
    `<Envelope xmlns="${ENVELOPE}"><Header><operationID xmlns="urn:vim25">op-1</operationID><vcSessionCookie>x</vcSessionCookie></Header><Body>` +
    '<PowerOnVM_Task xmlns="urn:vim25"><_this type="VirtualMachine">HaNetwork-VM 1</_this>' +
    '<host XMLSchema-instance:type="ManagedObjectReference" xmlns:XMLSchema-instance="http://www.w3.org/2001/XMLSchema-instance" type="HostSystem">ha-host</host>' +
    "</PowerOnVM_Task></Body></Envelope>";
  expect(decode(xml)).toEqual({
    method: "PowerOnVM_Task",
    thisRef: { type: "VirtualMachine", value: "HaNetwork-VM 1" },
    args: { host: { type: "HostSystem", value: "ha-host" } },
    operationId: "op-1",
    version: NEWEST,
  });
});

test("a request with a prefix on everything, and xsi:type on scalars", () => {
  const xml =
    `<env:Envelope xmlns:env="${ENVELOPE}" ${XS} xmlns:v="urn:vim25"><env:Body><v:Login>` +
    '<v:_this xsi:type="ManagedObjectReference" type="SessionManager">ha-sessionmgr</v:_this>' +
    '<v:userName xsi:type="xsd:string">root</v:userName><v:password xsi:type="xsd:string"> p&amp;p </v:password></v:Login></env:Body></env:Envelope>';
  expect(decode(xml)).toMatchObject({ method: "Login", args: { userName: "root", password: " p&p " } });
});

test("versionId decides where there is no SOAPAction", () => {
  const xml = request("CurrentTime", '<_this versionId="6.5" type="ServiceInstance">ServiceInstance</_this>', "");
  expect(decodeRequest(Buffer.from(xml), undefined).version).toBe("6.5");
});

test("the internal namespace is one of ours", () => {
  const xml = wrap(`<CurrentTime xmlns="urn:internalvim25"><_this type="ServiceInstance">ServiceInstance</_this></CurrentTime>`);
  expect(decode(xml).method).toBe("CurrentTime");
});

test("Fetch, which no schema has, can be called on every object", () => {
  expect(decode(request("Fetch", VM, "<prop>name</prop>"))).toMatchObject({ method: "Fetch", args: { prop: "name" } });
});

test("an object of a base type, or of none that is known, is still called", () => {
  expect(decode(request("PowerOffVM_Task", '<_this type="ManagedEntity">1</_this>', "")).thisRef.type).toBe("ManagedEntity");
  expect(decode(request("PowerOffVM_Task", '<_this type="Nonsense">1</_this>', "")).thisRef.type).toBe("VirtualMachine");
  expect(decode(request("PowerOffVM_Task", "<_this>1</_this>", "")).thisRef.type).toBe("VirtualMachine");
});

test("an argument that a client takes for a base type is kept as what is declared", () => {
  const xml = (type: string) => request("MoveIntoFolder_Task", '<_this type="Folder">f</_this>', `<list type="${type}">1</list>`);
  expect(decode(xml("ManagedObject")).args).toEqual({ list: [{ type: "ManagedEntity", value: "1" }] });
  expect(decode(xml("VirtualMachine")).args).toEqual({ list: [{ type: "VirtualMachine", value: "1" }] });
});

test("properties come in any order, arrays in several runs, and are typed", () => {
  const xml = reconfig(
    '<memoryMB>512</memoryMB><deviceChange><operation>add</operation><device xsi:type="VirtualE1000"><key>-1</key></device></deviceChange>' +
      '<name>vm</name><extraConfig><key>a</key><value xsi:type="xsd:string">1</value></extraConfig>' +
      '<deviceChange><device xsi:type="v:VirtualDisk" xmlns:v="urn:vim25"><capacityInKB>1024</capacityInKB><key> 2000 </key></device></deviceChange>' +
      "<numCPUs>2</numCPUs><changeTrackingEnabled>1</changeTrackingEnabled>",
  );
  expect(decode(xml).args).toEqual({
    spec: {
      $type: "VirtualMachineConfigSpec",
      memoryMB: 512,
      name: "vm",
      numCPUs: 2,
      changeTrackingEnabled: true,
      extraConfig: [{ $type: "OptionValue", key: "a", value: { anyType: "string", value: "1" } }],
      deviceChange: [
        { $type: "VirtualDeviceConfigSpec", operation: "add", device: { $type: "VirtualE1000", key: -1 } },
        { $type: "VirtualDeviceConfigSpec", device: { $type: "VirtualDisk", key: 2000, capacityInKB: 1024 } },
      ],
    },
  });
});

test.each<[string, string, AnyValue]>([
  ["an int", '<value xsi:type="xsd:int">1</value>', { anyType: "int", value: 1 }],
  [
    "a long under another prefix",
    '<value xmlns:s="http://www.w3.org/2001/XMLSchema" xsi:type="s:long">-5</value>',
    { anyType: "long", value: -5 },
  ],
  [
    "an enumeration",
    '<value xsi:type="VirtualMachinePowerState">poweredOn</value>',
    { anyType: "VirtualMachinePowerState", value: "poweredOn" },
  ],
  [
    "a reference",
    '<value xsi:type="ManagedObjectReference" type="Folder">f</value>',
    { anyType: "Folder", value: { type: "Folder", value: "f" } },
  ],
  [
    "a data object",
    '<value xsi:type="KeyValue"><key>k</key><value>v</value></value>',
    { anyType: "KeyValue", value: { $type: "KeyValue", key: "k", value: "v" } },
  ],
  [
    "strings",
    '<value xsi:type="ArrayOfString"><string>a</string><string xsi:type="xsd:string">b</string></value>',
    { anyType: "string[]", value: ["a", "b"] },
  ],
  ["an empty array", '<value xsi:type="ArrayOfInt"/>', { anyType: "int[]", value: [] }],
  ["an array of a type with a small letter", '<value xsi:type="ArrayOfVslmVClockInfo"/>', { anyType: "vslmVClockInfo[]", value: [] }],
  [
    "references",
    '<value xsi:type="ArrayOfManagedObjectReference"><ManagedObjectReference type="Task">t</ManagedObjectReference></value>',
    { anyType: "ManagedObject[]", value: [{ type: "Task", value: "t" }] },
  ],
  [
    "values of any type",
    '<value xsi:type="ArrayOfAnyType"><anyType xsi:type="xsd:boolean">true</anyType></value>',
    { anyType: "anyType[]", value: [{ anyType: "boolean", value: true }] },
  ],
])("anyType holds %s", (_, value, expected) => {
  const { args } = decode(options(value));
  expect(args).toEqual({ changedValue: [{ $type: "OptionValue", key: "k", value: expected }] });
});

test.each([
  ["UTC", "2023-12-14T06:53:33.763524Z", "2023-12-14T06:53:33.763Z"],
  ["no fraction", "2023-12-14T06:53:33Z", "2023-12-14T06:53:33.000Z"],
  ["an offset", "2023-12-14T06:53:33+05:30", "2023-12-14T01:23:33.000Z"],
  ["an offset west", "2023-12-14T23:53:33.5-08:00", "2023-12-15T07:53:33.500Z"],
  ["none", "2024-02-29T00:00:00", "2024-02-29T00:00:00.000Z"],
])("a time with %s is read", (_, text, expected) => {
  const { args } = decode(request("UpdateDateTime", '<_this type="HostDateTimeSystem">d</_this>', `<dateTime>${text}</dateTime>`));
  expect(args).toEqual({ dateTime: new Date(expected) });
});

const TIME = (text: string) => request("UpdateDateTime", '<_this type="HostDateTimeSystem">d</_this>', `<dateTime>${text}</dateTime>`);
const DEVICE = (device: string) => reconfig(`<deviceChange>${device}</deviceChange>`);

test.each([
  ["an unknown argument", request("PowerOnVM_Task", VM, "<hots/>"), "hots"],
  ["an argument of another namespace", request("PowerOnVM_Task", VM, '<host xmlns="urn:x" type="HostSystem">h</host>'), "host"],
  ["an argument twice", request("PowerOnVM_Task", VM, '<host type="HostSystem">h</host><host type="HostSystem">h</host>'), "host"],
  ["a missing argument", request("ReconfigVM_Task", VM, ""), "spec"],
  ["a missing property", DEVICE('<device xsi:type="VirtualDisk"><key>1</key></device>'), "spec.deviceChange[0].device.capacityInKB"],
  ["an unknown property", reconfig("<nmae>x</nmae>"), "spec.nmae"],
  ["__proto__", reconfig("<__proto__><polluted>1</polluted></__proto__>"), "spec.__proto__"],
  ["constructor", reconfig("<constructor>1</constructor>"), "spec.constructor"],
  ["a word for a number", reconfig("<memoryMB>much</memoryMB>"), "spec.memoryMB"],
  ["an empty number", reconfig("<memoryMB/>"), "spec.memoryMB"],
  ["a fraction for an int", reconfig("<numCPUs>1.5</numCPUs>"), "spec.numCPUs"],
  ["hexadecimal", reconfig("<numCPUs>0x10</numCPUs>"), "spec.numCPUs"],
  ["an int past its range", reconfig("<numCPUs>2147483648</numCPUs>"), "spec.numCPUs"],
  ["a long past what is exact", reconfig("<memoryMB>9007199254740992</memoryMB>"), "spec.memoryMB"],
  ["a megabyte of digits", reconfig(`<memoryMB>${"9".repeat(1_000_000)}x</memoryMB>`), "spec.memoryMB"],
  ["yes for true", reconfig("<changeTrackingEnabled>yes</changeTrackingEnabled>"), "spec.changeTrackingEnabled"],
  ["elements in a string", reconfig("<name><b/></name>"), "spec.name"],
  ["text in a data object", reconfig("<name>x</name>stray"), "spec"],
  [
    "an unknown value of an enumeration",
    DEVICE('<operation>destroy</operation><device xsi:type="VirtualDisk"/>'),
    "spec.deviceChange[0].operation",
  ],
  ["a type that does not inherit from the declared", DEVICE('<device xsi:type="OptionValue"/>'), "spec.deviceChange[0].device"],
  ["a type that there is not", DEVICE('<device xsi:type="__proto__"/>'), "spec.deviceChange[0].device"],
  ["an array where one is expected", DEVICE('<device xsi:type="ArrayOfVirtualDevice"/>'), "spec.deviceChange[0].device"],
  ["an object for a string", reconfig('<name xsi:type="KeyValue"/>'), "spec.name"],
  ["a reference for a string", reconfig('<name xsi:type="ManagedObjectReference" type="Folder">f</name>'), "spec.name"],
  ["a string for a reference", request("PowerOnVM_Task", VM, '<host xsi:type="xsd:string">h</host>'), "host"],
  ["a reference of another type", request("PowerOnVM_Task", VM, '<host type="Folder">h</host>'), "host"],
  ["a reference to a type that is none", request("PowerOnVM_Task", VM, '<host type="VirtualDisk">h</host>'), "host"],
  ["a reference to nothing", request("PowerOnVM_Task", VM, '<host type="HostSystem"/>'), "host"],
  ["an endless reference", request("PowerOnVM_Task", VM, `<host type="HostSystem">${"h".repeat(2000)}</host>`), "host"],
  ["anyType without a type", options("<value>1</value>"), "changedValue[0].value"],
  ["anyType of anyType", options('<value xsi:type="xsd:anyType">1</value>'), "changedValue[0].value"],
  ["anyType of void", options('<value xsi:type="void"/>'), "changedValue[0].value"],
  ["anyType of a type that is none", options('<value xsi:type="xsd:duration">P1D</value>'), "changedValue[0].value"],
  ["an array of nothing", options('<value xsi:type="ArrayOf"/>'), "changedValue[0].value"],
  ["an array of arrays", options('<value xsi:type="ArrayOfArrayOfInt"/>'), "changedValue[0].value"],
  ["a wrong item", options('<value xsi:type="ArrayOfInt"><int>1</int><int>x</int></value>'), "changedValue[0].value[1]"],
  ["text in an array", options('<value xsi:type="ArrayOfInt">1</value>'), "changedValue[0].value"],
  ["a day that there is not", TIME("2023-02-29T00:00:00Z"), "dateTime"],
  ["an hour that there is not", TIME("2023-02-28T24:00:00Z"), "dateTime"],
  ["an offset that there is not", TIME("2023-02-28T00:00:00+15:00"), "dateTime"],
  ["the year 0", TIME("0000-02-28T00:00:00Z"), "dateTime"],
  ["a date without a time", TIME("2023-02-28"), "dateTime"],
  ["no base64", options('<value xsi:type="xsd:base64Binary">AAA</value>'), "changedValue[0].value"],
  ["a byte past its range", options('<value xsi:type="xsd:byte">256</value>'), "changedValue[0].value"],
  ["infinity", options('<value xsi:type="xsd:double">1e999</value>'), "changedValue[0].value"],
  [
    "the name of no type",
    request(
      "RetrieveProperties",
      '<_this type="PropertyCollector">p</_this>',
      "<specSet><propSet><type>Nonsense</type></propSet></specSet>",
    ),
    "specSet[0].propSet[0].type",
  ],
])("%s is InvalidArgument, by its path", (_, xml, invalidProperty) => {
  expect(() => decode(xml)).toThrow(expect.objectContaining({ fault: "InvalidArgument", fields: { invalidProperty } }));
});

test("a path in a refusal is never longer than a line", () => {
  expect(() => decode(reconfig(`<${"n".repeat(100_000)}/>`))).toThrow(
    expect.objectContaining({ fields: { invalidProperty: expect.stringMatching(/^.{256}$/) } }),
  );
});

test("an element that is nil is unset", () => {
  expect(decode(request("PowerOnVM_Task", VM, '<host xsi:nil="true"/>')).args).toEqual({});
});

test.each([
  ["no envelope", "<a/>"],
  ["an envelope of SOAP 1.2", '<Envelope xmlns="http://www.w3.org/2003/05/soap-envelope"><Body><a/></Body></Envelope>'],
  ["an empty body", wrap("")],
  ["two requests", wrap(`<CurrentTime xmlns="urn:vim25"/><CurrentTime xmlns="urn:vim25"/>`)],
  ["two bodies", `<Envelope xmlns="${ENVELOPE}"><Body><a/></Body><Body><a/></Body></Envelope>`],
  ["another service", wrap(`<CurrentTime xmlns="urn:sms"><_this>x</_this></CurrentTime>`)],
  ["no object", request("CurrentTime", "", "")],
])("%s is InvalidRequest", (_, xml) => {
  expect(() => decode(xml)).toThrow(expect.objectContaining({ fault: "InvalidRequest" }));
});

test.each(["Nonsense", "__proto__", "constructor", "hasOwnProperty"])("the method %s is not found", (method) => {
  expect(() => decode(request(method, VM, ""))).toThrow(
    expect.objectContaining({ fault: "MethodNotFound", fields: { receiver: { type: "VirtualMachine", value: "1" }, method } }),
  );
});

test("a method newer than the client's version is not found", () => {
  const xml = Buffer.from(request("InstantClone_Task", VM, "<spec><name>n</name><location/></spec>")); // 6.7
  expect(() => decodeRequest(xml, "urn:vim25/6.5")).toThrow(expect.objectContaining({ fault: "MethodNotFound" }));
  expect(decodeRequest(xml, "urn:vim25/6.7").method).toBe("InstantClone_Task");
});

test("every refusal can itself be sent", () => {
  for (const xml of ["<a", request("Nonsense", '<_this type="nonsense">&lt;</_this>', ""), reconfig("<x/>")]) {
    try {
      decode(xml);
      expect.unreachable();
    } catch (error) {
      expect(error).toBeInstanceOf(Fault);
      for (const version of ["4.0", NEWEST]) parseXml(encodeFault(error as Fault, version));
    }
  }
});

test("a client's request is the server's request", () => {
  const call = {
    method: "Login",
    thisRef: { type: "SessionManager", value: "ha-sessionmgr" },
    args: { userName: "root", password: '<&">\r\n\t' },
    operationId: "op",
  };
  expect(decode(encodeRequest(call))).toEqual({ ...call, version: NEWEST });
  expect(() => encodeRequest({ ...call, args: { ...call.args, pasword: "x" } })).toThrow("no parameter pasword");
});

test("a required flag that came with a later API is off for a client that does not send it; one of the first API is still required", () => {
  const search = (flags: string): string =>
    `<Envelope xmlns="http://schemas.xmlsoap.org/soap/envelope/"><Body><SearchDatastore_Task xmlns="urn:vim25"><_this type="HostDatastoreBrowser">b</_this><datastorePath>[d]</datastorePath><searchSpec><details>${flags}</details></searchSpec></SearchDatastore_Task></Body></Envelope>`;
  const old = "<fileType>true</fileType><fileSize>true</fileSize><modification>false</modification>";
  const { args } = decodeRequest(Buffer.from(search(old)), undefined);
  expect(args.searchSpec).toMatchObject({ details: { fileType: true, fileOwner: false } });
  expect(() => decodeRequest(Buffer.from(search("<fileType>true</fileType><fileSize>true</fileSize>")), undefined)).toThrow("modification");
});
