import { expect, test } from "vitest";
import { Fault } from "../../base/index.ts";
import { escapeAttribute, escapeText } from "./escape.ts";
import { parseXml, type XmlElement } from "./xml.ts";

const parse = (text: string) => parseXml(Buffer.from(text));

test("elements, attributes and text are resolved to their namespaces", () => {
  const root = parse(
    '\ufeff<?xml version="1.0" encoding="utf-8"?><e:a xmlns:e="urn:e" xmlns="urn:d" x="1" e:y="2">t<b><![CDATA[<c>]]></b>u<!-- no --></e:a>',
  );
  expect(root).toEqual({
    namespace: "urn:e",
    name: "a",
    attributes: [
      { namespace: "", name: "x", value: "1" },
      { namespace: "urn:e", name: "y", value: "2" },
    ],
    children: [{ namespace: "urn:d", name: "b", attributes: [], children: [], text: "<c>", line: 1 }],
    text: "tu",
    line: 1,
  } satisfies XmlElement);
});

const nested = (depth: number) => "<a>".repeat(depth) + "</a>".repeat(depth);
const bomb = `<!DOCTYPE l [<!ENTITY a "aaaaaaaaaa">${"bcdefghij".split("").map((name, i) => `<!ENTITY ${name} "${`&${"abcdefghi"[i]};`.repeat(10)}">`)}]><l>&j;</l>`;

test.each([
  ["nothing", ""],
  ["only white space", "  \n"],
  ["no XML", "POST"],
  ["an element that is not closed", "<a><b></a>"],
  ["two roots", "<a/><b/>"],
  ["text after the root", "<a/>x"],
  ["a document type", "<!DOCTYPE a><a/>"],
  ["an external entity", '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>'],
  ["an entity bomb", bomb],
  ["an entity that nobody declared", "<a>&x;</a>"],
  ["an entity named like a property of every object", "<a>&constructor;</a>"],
  ["an entity named __proto__", "<a>&__proto__;</a>"],
  ["a processing instruction", '<a><?xml-stylesheet href="x"?></a>'],
  ["a character that XML does not have", "<a>&#0;</a>"],
  ["a bare control character", "<a>\u0001</a>"],
  ["half a surrogate pair", "<a>&#xd800;</a>"],
  ["a prefix that is not declared", "<x:a/>"],
  ["an attribute twice", '<a x="1" x="2"/>'],
  ["65 levels", nested(65)],
  ["a million levels", "<a>".repeat(1_000_000)],
  ["65 attributes", `<a ${Array.from({ length: 65 }, (_, i) => `x${i}="1"`).join(" ")}/>`],
  ["100,001 elements", `<a>${"<b/>".repeat(100_000)}</a>`],
  ["an encoding of its own", '<?xml version="1.0" encoding="ISO-8859-1"?><a/>'],
])("%s is refused", (_, text) => {
  expect(() => parse(text)).toThrow(expect.objectContaining({ fault: "InvalidRequest" }));
});

test.each([
  ["bytes that are no UTF-8", Uint8Array.of(0x3c, 0x61, 0x3e, 0xff, 0xfe, 0x3c, 0x2f, 0x61, 0x3e)],
  ["UTF-16", Buffer.from("\ufeff<a/>", "utf16le")],
  ["a byte too many", Buffer.alloc(4 * 1024 * 1024 + 1, 0x20)],
])("%s is refused", (_, bytes) => {
  expect(() => parseXml(bytes)).toThrow(Fault);
});

test("64 levels and 100,000 elements are read", () => {
  expect(parse(nested(64)).name).toBe("a");
  expect(parse(`<a>${"<b/>".repeat(99_999)}</a>`).children).toHaveLength(99_999);
});

test("a refusal never quotes more than a line of the document", () => {
  const name = "n".repeat(1_000_000);
  expect(() => parse(`<${name}></x>`)).toThrow(expect.objectContaining({ message: expect.stringMatching(/^.{1,300}$/s) }));
});

const hard = "a & b < c > d \" ' ]]> \t\n\r é 漢 𝒳";

test("what is escaped reads back as it was", () => {
  const root = parse(`<a x="${escapeAttribute(hard)}">${escapeText(hard)}</a>`);
  expect(root.text).toBe(hard);
  expect(root.attributes[0]?.value).toBe(hard);
});

test.each([
  ["a zero byte", "a\u0000b"],
  ["an escape sequence", "a\u001bb"],
  ["half a surrogate pair", "a\ud800b"],
  ["the other half", "a\udc00b"],
  ["U+FFFE", "a\ufffeb"],
  ["U+FFFF", "a\uffffb"],
])("%s, which XML cannot carry, becomes U+FFFD", (_, text) => {
  expect(escapeText(text)).toBe("a\ufffdb");
  expect(escapeAttribute(text)).toBe("a\ufffdb");
});
