import { createPrivateKey, createPublicKey } from "node:crypto";
import { expect, test } from "vitest";
import { x509 } from "./authority.fixture.ts";
import { makeSigningRequest, parseDistinguishedName } from "./signing-request.ts";

test.each([
  "CN=host1.example",
  "CN=host1.example, O=Example GmbH,C=DE",
  "C=DE,O=Example\\, Inc.,CN=host1",
  "CN = host1+OU=Lab",
  "CN=Prüfstand",
])("%s is a name for a certificate", (text) => expect(parseDistinguishedName(text)).toBe(text));

test.each([
  ["nothing", ""],
  ["a word", "host1"],
  ["without a common name", "O=Example, C=DE"],
  ["an attribute that nobody knows", "CN=a, FOO=b"],
  ["an empty value", "CN="],
  ["a second part that is none", "CN=a, b"],
  ["a line end", "CN=a\nO=b"],
  ["a quote", 'CN="a"'],
  ["a hexadecimal value", "CN=#0c0161"],
  ["a loose escape", "CN=a\\"],
  ["too long a name", `CN=${"a".repeat(1100)}`],
])("%s is refused as a name", (_, text) => {
  expect(() => parseDistinguishedName(text)).toThrow(expect.objectContaining({ fault: "InvalidArgument" }));
});

test("a name of a thousand escapes is refused or taken at once", () => {
  const start = performance.now();
  expect(() => parseDistinguishedName(`CN=${"\\,".repeat(500)}"`)).toThrow();
  expect(performance.now() - start).toBeLessThan(500);
});

test("a request says who the host is and where it is reached, and is signed with the key that comes with it", async () => {
  const names = { hostName: "host1.example", addresses: ["192.0.2.7"] };
  const { request, key } = await makeSigningRequest({ distinguishedName: "CN=other, O=Example" }, names);
  const read = new x509.Pkcs10CertificateRequest(request);
  expect(await read.verify()).toBe(true);
  expect(read.subject).toBe("CN=other, O=Example");
  const own = createPublicKey(createPrivateKey(key)).export({ type: "spki", format: "der" });
  expect(Buffer.from(read.publicKey.rawData)).toEqual(own);
  const alternative = read.extensions.find((extension) => extension instanceof x509.SubjectAlternativeNameExtension);
  expect(alternative?.names.toJSON().map(({ value }) => value)).toEqual(["host1.example", "localhost", "192.0.2.7", "127.0.0.1", "::1"]);
});
