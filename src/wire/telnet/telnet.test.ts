import fc from "fast-check";
import { expect, test } from "vitest";
import { escapeTelnet, formatSubnegotiation, formatVerb, Negotiation, type TelnetEvent, TelnetReader } from "./telnet.ts";
import { type ProxyOrder, SUBOPTION, TelnetLink, VMWARE_OPTION } from "./virtual-serial-port.ts";

const bytes = (hex: string): Buffer => Buffer.from(hex.replaceAll(" ", ""), "hex");
const hex = (buffer: Buffer): string => buffer.toString("hex").replace(/..(?=.)/g, "$& ");
const dataOf = (events: readonly TelnetEvent[]): string =>
  Buffer.concat(events.flatMap((event) => (event.kind === "data" ? [event.bytes] : []))).toString("hex");

test.each<[string, string, readonly TelnetEvent[]]>([
  ["data", "61 62", [{ kind: "data", bytes: bytes("61 62") }]],
  ["a byte 255 of data", "61 ff ff", [{ kind: "data", bytes: bytes("61 ff") }]],
  ["DO BINARY", "ff fd 00", [{ kind: "verb", verb: "DO", option: 0 }]],
  ["a subnegotiation with a 255 in it", "ff fa e8 52 ff ff ff f0", [{ kind: "subnegotiation", option: 232, bytes: bytes("52 ff") }]],
  ["a no-operation between data", "61 ff f1 62", [{ kind: "data", bytes: bytes("61 62") }]],
  ["an empty subnegotiation", "ff fa ff f0", []],
])("%s is read", (_, text, events) => expect(new TelnetReader().push(bytes(text))).toEqual(events));

test("data comes through unchanged, in whatever pieces it travels", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), fc.integer({ min: 1, max: 7 }), (data, size) => {
      const reader = new TelnetReader();
      const wire = escapeTelnet(data);
      let found = "";
      for (let at = 0; at < wire.length; at += size) found += dataOf(reader.push(wire.subarray(at, at + size)));
      expect(found).toBe(Buffer.from(data).toString("hex"));
    }),
  );
});

test("any bytes are read without failing, but for a subnegotiation without end", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (data) => void new TelnetReader().push(data)));
  const endless = Buffer.concat([bytes("ff fa e8"), Buffer.alloc(5000)]);
  expect(() => new TelnetReader().push(endless)).toThrow("without end");
});

test("two sides that answer each other come to rest", () => {
  const verb = fc.constantFrom<"DO" | "DONT" | "WILL" | "WONT">("DO", "DONT", "WILL", "WONT");
  fc.assert(
    fc.property(fc.array(fc.tuple(verb, fc.constantFrom(0, 1, 3, 232)), { maxLength: 20 }), (asked) => {
      const negotiation = new Negotiation([0, 3]);
      for (const [one, option] of asked) negotiation.answer(one, option);
      for (const [one, option] of asked.slice(-1)) expect(hex(negotiation.answer(one, option))).toBe("");
    }),
  );
});

const order: ProxyOrder = {
  name: "db",
  vcUuid: "50112233-4455-6677-8899-aabbccddeeff",
  biosUuid: "564d0000-0000-0000-0000-000000000001",
  direction: "client",
  serviceUri: "serial:db",
};
const said = (code: number, text = ""): Buffer => formatSubnegotiation(VMWARE_OPTION, Buffer.concat([Buffer.of(code), Buffer.from(text)]));

test("the port is offered to a concentrator, and data flows when it takes it", () => {
  const link = new TelnetLink(order);
  expect(hex(link.open())).toBe("ff fb 00 ff fb 03 ff fb e8 ff fd 00 ff fd 03");
  const known = link.receive(formatVerb("DO", VMWARE_OPTION)).reply;
  expect(hex(known).startsWith("ff fa e8 00 ")).toBe(true);
  expect([...known]).toEqual(expect.arrayContaining([SUBOPTION.doProxy, SUBOPTION.getVmVcUuid, SUBOPTION.getVmName]));
  expect(link.receive(Buffer.concat([Buffer.from("hello"), said(SUBOPTION.known2)]))).toEqual({
    data: Buffer.alloc(0),
    reply: said(SUBOPTION.doProxy, "Cserial:db"),
  });
  expect(link.isReady).toBe(false);
  expect(link.receive(Buffer.concat([said(SUBOPTION.willProxy), Buffer.from("input")])).data.toString()).toBe("input");
  expect(link.isReady).toBe(true);
});

test.each([
  [SUBOPTION.getVmName, SUBOPTION.vmName, "db"],
  [SUBOPTION.getVmVcUuid, SUBOPTION.vmVcUuid, "50 11 22 33 44 55 66 77-88 99 aa bb cc dd ee ff"],
  [SUBOPTION.getVmBiosUuid, SUBOPTION.vmBiosUuid, "56 4d 00 00 00 00 00 00-00 00 00 00 00 00 00 01"],
])("a concentrator that asks suboption %d is told", (asked, answered, text) => {
  expect(new TelnetLink(order).receive(said(asked)).reply).toEqual(said(answered, text));
});

test("a suboption that we do not know is said to be unknown", () => {
  expect(new TelnetLink(order).receive(said(44)).reply).toEqual(said(SUBOPTION.unknown1, "\x2c"));
});

test.each([
  ["is no concentrator", formatVerb("DONT", VMWARE_OPTION)],
  ["does not take the port", said(SUBOPTION.wontProxy)],
])("a peer that %s gets no data", (_, answer) => expect(() => new TelnetLink(order).receive(answer)).toThrow(/concentrator/));

test("a plain telnet server gets data at once and learns nothing of the VM", () => {
  const link = new TelnetLink();
  expect(link.isReady).toBe(true);
  expect(hex(link.open())).toBe("ff fb 00 ff fb 03 ff fd 00 ff fd 03");
  expect(link.receive(Buffer.concat([formatVerb("DO", VMWARE_OPTION), said(SUBOPTION.getVmName), Buffer.from("x")]))).toEqual({
    data: Buffer.from("x"),
    reply: formatVerb("WONT", VMWARE_OPTION),
  });
});
