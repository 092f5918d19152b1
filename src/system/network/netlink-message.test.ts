import fc from "fast-check";
import { expect, test } from "vitest";
import { decodeLink, requestLinkChange, requestLinkMove, requestVeth } from "./link-message.ts";
import {
  attribute,
  attributeText,
  decodeAcknowledgement,
  decodeAttributes,
  decodeMessages,
  encodeMessage,
  nestedAttribute,
} from "./netlink-message.ts";

const hex = (bytes: Buffer) => bytes.toString("hex").replace(/(.{8})(?=.)/g, "$1 ");
const bytes = (text: string) => Buffer.from(text.replaceAll(" ", ""), "hex");

test.each<[string, Buffer, string]>([
  ["a number", attribute(4, 1500), "08000400 dc050000"],
  ["a text, with its zero byte and its padding", attribute(3, "tap0"), "09000300 74617030 00000000"],
  ["bytes, without their padding in the length", attribute(1, Buffer.from([2, 0, 0, 0, 0, 1])), "0a000100 02000000 00010000"],
  ["nothing", attribute(7, Buffer.alloc(0)), "04000700"],
  ["attributes", nestedAttribute(18, [attribute(1, "veth")]), "10001280 09000100 76657468 00000000"],
])("an attribute of %s", (_, encoded, expected) => expect(hex(encoded)).toBe(expected));

test("a message: length, type, flags, sequence, port, body", () => {
  const message = { type: 16, flags: 0x605, sequence: 7, body: bytes("01020304") };
  expect(hex(encodeMessage(message))).toBe("14000000 10000506 07000000 00000000 01020304");
});

test.each<[string, Buffer, string]>([
  ["up", requestLinkChange("a", { up: true }).body, "00000000 00000000 01000000 01000000 06000300 61000000"],
  ["down", requestLinkChange("a", { up: false }).body, "00000000 00000000 00000000 01000000 06000300 61000000"],
  [
    "promiscuous, no longer all multicast, with another MTU and MAC",
    requestLinkChange("a", { promiscuous: true, allMulticast: false, mtu: 9000, mac: "02:00:00:00:00:0A" }).body,
    "00000000 00000000 00010000 00030000 06000300 61000000 08000400 28230000 0a000100 02000000 000a0000",
  ],
  [
    "in another namespace",
    requestLinkMove("a", { kind: "fd", fd: 5 }).body,
    "00000000 00000000 00000000 00000000 06000300 61000000 08001c00 05000000",
  ],
  [
    "in the namespace of a process",
    requestLinkMove("a", { kind: "pid", pid: 258 }).body,
    "00000000 00000000 00000000 00000000 06000300 61000000 08001300 02010000",
  ],
  [
    "one of a pair",
    requestVeth("a", "b").body,
    "00000000 00000000 00000000 00000000 06000300 61000000 " + // this link's name
      "30001280 09000100 76657468 00000000 " + // kind veth
      "20000280 1c000100 00000000 00000000 00000000 00000000 06000300 62000000", // the other's name
  ],
])("a request that a link be %s", (_, body, expected) => expect(hex(body)).toBe(expected));

test("a link is told by its message", () => {
  const header = "00000100 03000000 43110100 00000000"; // index 3; up, broadcast, running, promiscuous, multicast, lower up
  const attributes = [attribute(3, "v1n4000"), attribute(4, 1500), attribute(1, bytes("020000000001")), attribute(6, "noqueue")];
  const nested = [nestedAttribute(18, [attribute(1, "tun")]), nestedAttribute(43, [attribute(2, bytes("01")), attribute(5, 77)])];
  const body = Buffer.concat([bytes(header), ...attributes, ...nested]);
  expect(decodeLink(body)).toEqual({
    name: "v1n4000",
    index: 3,
    mac: "02:00:00:00:00:01",
    mtu: 1500,
    isUp: true,
    hasCarrier: true,
    isPromiscuous: true,
    takesAllMulticast: false,
    kind: "tun",
    device: undefined,
    queue: "noqueue",
    xdpPrograms: [77],
  });
});

test("what was encoded is decoded, whatever the lengths", () => {
  const value = fc.uint8Array({ maxLength: 40 }).map((array) => Buffer.from(array));
  const values = fc.uniqueArray(fc.tuple(fc.nat(0x3fff), value), { selector: ([type]) => type, maxLength: 10 });
  fc.assert(
    fc.property(values, fc.nat(0xffff), (pairs, type) => {
      const body = Buffer.concat(pairs.map(([key, content]) => attribute(key, content)));
      const message = { type, flags: 2, sequence: 3, body };
      const [first, second] = decodeMessages(Buffer.concat([encodeMessage(message), encodeMessage(message)]));
      expect(first).toEqual(message);
      expect(second).toEqual(message);
      expect([...decodeAttributes(body)]).toEqual(pairs);
    }),
  );
});

test.each([
  ["within its header", "10000000 1000"],
  ["within its body", "14000000 10000000 00000000 00000000"],
  ["and claims to have no bytes", "00000000 10000000 00000000 00000000"],
])("a message cut %s is refused", (_, text) => expect(() => decodeMessages(bytes(text))).toThrow("cut short"));

test.each([
  ["within its header", "0800"],
  ["within its value", "08000400 0000"],
  ["and claims to have no bytes", "00000400"],
])("an attribute cut %s is refused", (_, text) => expect(() => decodeAttributes(bytes(text))).toThrow("cut short"));

test.each(["", "00000000", "00000100 03000000 43130100 00000000"])("a message about a link that has only %j is refused", (text) =>
  expect(() => decodeLink(bytes(text))).toThrow("a message about a network link"),
);

const REQUEST = "18000000 13000500 01000000 00000000"; // a header, whose request had 8 bytes more
const REASON = hex(attribute(1, "no such thing"));
test.each([
  ["did it", { type: 2, flags: 0, body: bytes(`00000000 ${REQUEST}`) }, { errno: 0, reason: undefined }],
  ["refused", { type: 2, flags: 0x100, body: bytes(`edffffff ${REQUEST}`) }, { errno: 19, reason: undefined }],
  ["refused and said why", { type: 2, flags: 0x300, body: bytes(`edffffff ${REQUEST} ${REASON}`) }, { errno: 19, reason: "no such thing" }],
  [
    "refused, said why and repeated all of the request",
    { type: 2, flags: 0x200, body: bytes(`edffffff ${REQUEST} 0000000000000000 ${REASON}`) },
    { errno: 19, reason: "no such thing" },
  ],
  ["came to the end of a list", { type: 3, flags: 2, body: bytes("00000000") }, { errno: 0, reason: undefined }],
])("the kernel %s", (_, message, expected) => expect(decodeAcknowledgement({ ...message, sequence: 1 })).toEqual(expected));

test("a text without its zero byte is whole", () => expect(attributeText(Buffer.from("tun"))).toBe("tun"));
