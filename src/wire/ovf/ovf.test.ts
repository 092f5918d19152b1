import fc from "fast-check";
import { expect, test } from "vitest";
import { Fault } from "../../base/index.ts";
import { formatOvf } from "./format-ovf.ts";
import { type OvfItem, type OvfPackage, RESOURCE } from "./model.ts";
import { parseOvf } from "./parse-ovf.ts";
import { bytesPerUnit } from "./units.ts";

const REFERENCES = '<References><File ovf:href="disk.vmdk" ovf:id="f1" ovf:size="1000"/></References>';
const DISK = '<Disk ovf:diskId="d1" ovf:fileRef="f1" ovf:capacity="4" ovf:capacityAllocationUnits="byte * 2^20"/>';
const SYSTEM = "<Info/><VirtualHardwareSection><Info/></VirtualHardwareSection>";
const envelope = ({ references = REFERENCES, disk = DISK, system = SYSTEM, more = "" }) =>
  `<?xml version="1.0"?>\n<Envelope xmlns="http://schemas.dmtf.org/ovf/envelope/1" xmlns:ovf="http://schemas.dmtf.org/ovf/envelope/1">\n` +
  `${references}<DiskSection>${disk}</DiskSection>\n<VirtualSystem ovf:id="vm">${system}</VirtualSystem>${more}</Envelope>`;
const file = (attributes: string) => ({ references: `<References><File ${attributes}/></References>`, disk: "" });
const disk = (attributes: string) => ({ disk: `<Disk ovf:diskId="d1" ${attributes}/>` });
const item = (fields: string) => ({ system: `<VirtualHardwareSection><Item>${fields}</Item></VirtualHardwareSection>` });

test("a small package is read", () => {
  expect(parseOvf(envelope({}))).toMatchObject({
    files: [{ id: "f1", href: "disk.vmdk", sizeBytes: 1000 }],
    disks: [{ id: "d1", fileRef: "f1", capacityBytes: 4 * 2 ** 20 }],
    system: { id: "vm", items: [], annotation: "" },
  });
});

test.each<[string, string, string, RegExp]>([
  ["nothing", "", "OvfXmlFormat", /empty|document/],
  ["a document type, and entities that grow", `<!DOCTYPE a [<!ENTITY b "x">]>${envelope({})}`, "OvfXmlFormat", /document type/],
  ["tags that do not close", "<Envelope>", "OvfXmlFormat", /unclosed|close/i],
  ["more elements than a descriptor has", envelope({ more: "<a/>".repeat(20_001) }), "OvfXmlFormat", /20000 elements/],
  ["elements that nest without end", envelope({ more: "<a>".repeat(100) + "</a>".repeat(100) }), "OvfXmlFormat", /nest/],
  ["more bytes than a descriptor has", envelope({ more: `<a>${"x".repeat(2 ** 21)}</a>` }), "OvfXmlFormat", /bytes/],
  ["another root", "<a/>", "OvfWrongElement", /<a>/],
  ["another namespace", '<Envelope xmlns="urn:x"/>', "OvfWrongNamespace", /urn:x/],
  ["several systems", envelope({ more: '<VirtualSystem ovf:id="b"/>' }), "OvfDuplicateElement", /second/],
  ["a vApp", envelope({ more: "<VirtualSystemCollection/>" }), "OvfUnsupportedElement", /vApp/],
  ["no hardware", envelope({ system: "<Info/>" }), "OvfMissingElement", /VirtualHardwareSection/],
  ["a file above the package", envelope(file('ovf:id="f" ovf:href="../a.vmdk"')), "OvfInvalidValue", /line 3.*\.\.\/a\.vmdk/],
  [
    "a file above the package, in other letters",
    envelope(file('ovf:id="f" ovf:href="%2e%2e%2fa.vmdk"')),
    "OvfInvalidValue",
    /plain file name/,
  ],
  ["a file of the machine", envelope(file('ovf:id="f" ovf:href="/etc/shadow"')), "OvfInvalidValue", /plain file name/],
  ["a file by backslashes", envelope(file('ovf:id="f" ovf:href="..\\a"')), "OvfInvalidValue", /plain file name/],
  ["a file of the network", envelope(file('ovf:id="f" ovf:href="https://x.example/a.vmdk"')), "OvfInvalidValue", /another place/],
  ["a file that is a folder", envelope(file('ovf:id="f" ovf:href=".."')), "OvfInvalidValue", /plain file name/],
  ["a file without a name", envelope(file('ovf:id="f"')), "OvfMissingAttribute", /href/],
  ["a file of less than nothing", envelope(file('ovf:id="f" ovf:href="a" ovf:size="-1"')), "OvfInvalidValue", /size/],
  ["a file of 2^70 bytes", envelope(file(`ovf:id="f" ovf:href="a" ovf:size="${2n ** 70n}"`)), "OvfInvalidValue", /size/],
  [
    "a file twice",
    envelope({ references: '<References><File ovf:id="f" ovf:href="a"/><File ovf:id="g" ovf:href="a"/></References>', disk: "" }),
    "OvfInvalidValue",
    /twice/,
  ],
  [
    "an id twice",
    envelope({ references: '<References><File ovf:id="f" ovf:href="a"/><File ovf:id="f" ovf:href="b"/></References>', disk: "" }),
    "OvfInvalidValue",
    /another has/,
  ],
  ["a disk of no file", envelope(disk('ovf:fileRef="no" ovf:capacity="1"')), "OvfInvalidValueReference", /'no'/],
  ["a disk of no size", envelope(disk('ovf:capacity="0"')), "OvfInvalidValue", /62 TB/],
  [
    "a disk of a size that nobody has",
    envelope(disk('ovf:capacity="63" ovf:capacityAllocationUnits="byte * 2^40"')),
    "OvfInvalidValue",
    /62 TB/,
  ],
  ["a disk whose size is a property", envelope(disk(`ovf:capacity="\${size}"`)), "OvfInvalidValue", /capacity/],
  ["a disk in furlongs", envelope(disk('ovf:capacity="1" ovf:capacityAllocationUnits="furlong"')), "OvfInvalidValue", /unit/],
  ["a disk with a parent", envelope(disk('ovf:capacity="1000" ovf:parentRef="d0"')), "OvfUnsupportedAttribute", /parentRef/],
  ["an item of no kind", envelope(item("<InstanceID>1</InstanceID>")), "OvfMissingElement", /ResourceType/],
  ["an item without an id", envelope(item("<ResourceType>3</ResourceType>")), "OvfMissingElement", /InstanceID/],
  [
    "a number that is none",
    envelope(item("<InstanceID>1</InstanceID><ResourceType>3</ResourceType><VirtualQuantity>1e9</VirtualQuantity>")),
    "OvfElementInvalidValue",
    /VirtualQuantity/,
  ],
])("a descriptor with %s is refused by name", (_, text, fault, message) => {
  expect(() => parseOvf(text)).toThrow(expect.objectContaining({ fault, message: expect.stringMatching(message) }));
});

test.each([
  ["byte", 1],
  ["byte * 2^30", 2 ** 30],
  ["byte*2^20", 2 ** 20],
  ["byte * 4 * 2^10", 4096],
  ["byte * 10^9", 1e9],
  ["MegaBytes", 2 ** 20],
  ["byte * 2^99", undefined],
  ["hertz * 10^6", undefined],
])("the unit '%s' is %s bytes", (text, bytes) => expect(bytesPerUnit(text)).toBe(bytes));

const text = fc.string({ unit: fc.constantFrom(..."aZ09 .-_<>&\"'äß"), minLength: 1, maxLength: 20 }).map((one) => `x${one}x`);
const name = fc.string({ unit: fc.constantFrom(..."aZ09-_ä"), minLength: 1, maxLength: 20 });
const anyItem: fc.Arbitrary<OvfItem> = fc.record({
  instanceId: name,
  resourceType: fc.constantFrom(...Object.values(RESOURCE)),
  resourceSubType: name,
  elementName: text,
  description: text,
  parent: fc.option(name, { nil: undefined }),
  address: fc.option(name, { nil: undefined }),
  addressOnParent: fc.option(fc.nat(), { nil: undefined }),
  allocationUnits: fc.constantFrom("", "byte * 2^20"),
  quantity: fc.option(fc.nat(), { nil: undefined }),
  reservation: fc.option(fc.nat(), { nil: undefined }),
  limit: fc.option(fc.nat(), { nil: undefined }),
  weight: fc.option(fc.nat(), { nil: undefined }),
  automaticAllocation: fc.boolean(),
  connections: fc.array(text, { maxLength: 2 }),
  hostResources: fc.array(text, { maxLength: 2 }),
  coresPerSocket: fc.option(fc.nat(), { nil: undefined }),
  isRequired: fc.boolean(),
  configurations: fc.constant([]),
  configs: fc.dictionary(name, text, { maxKeys: 3 }).map((entries) => new Map(Object.entries(entries))),
  line: fc.constant(0),
});

test("what is written is read again", () => {
  fc.assert(
    fc.property(fc.array(anyItem, { maxLength: 5 }), name, text, (items, id, annotation) => {
      const written: OvfPackage = {
        files: [{ id: "f1", href: `${id}.vmdk`, sizeBytes: 5, compression: undefined, chunkBytes: undefined, line: 0 }],
        disks: [{ id: "d1", fileRef: "f1", capacityBytes: 512 * items.length + 512, format: "x", populatedBytes: undefined, line: 0 }],
        networks: [{ name: "n", description: annotation }],
        deploymentOptions: [],
        system: {
          id,
          name: id,
          annotation,
          eulas: [],
          product: undefined,
          properties: [],
          osType: "otherGuest",
          osId: 1,
          families: ["vmx-21"],
          items,
          configs: new Map([["firmware", "efi"]]),
          extraConfig: new Map([["a.b", annotation]]),
          line: 0,
        },
      };
      expect(withoutLines(parseOvf(formatOvf(written)))).toEqual(withoutLines(written));
    }),
    { numRuns: 50 },
  );
});

/** Where a thing stands is the document's, not the package's. */
function withoutLines(ovf: OvfPackage): unknown {
  return JSON.parse(
    JSON.stringify(ovf, (key, value) => (key === "line" ? undefined : value instanceof Map ? Object.fromEntries(value) : value)),
  );
}

test("whatever is cut out of a descriptor, it is read or refused by one of OVF's faults", () => {
  const whole = envelope(item("<InstanceID>1</InstanceID><ResourceType>3</ResourceType><VirtualQuantity>1</VirtualQuantity>"));
  fc.assert(
    fc.property(fc.nat(whole.length), fc.nat(40), fc.constantFrom("", "<", '"', "&#0;", "9".repeat(30)), (at, length, put) => {
      try {
        parseOvf(whole.slice(0, at) + put + whole.slice(at + length));
      } catch (error) {
        expect(error).toBeInstanceOf(Fault);
        expect((error as Fault).fault).toMatch(/^Ovf/);
      }
    }),
    { numRuns: 500 },
  );
});
