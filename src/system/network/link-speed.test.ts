import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createVeth, inNamespace, readLinkSpeed, setLink } from "./index.ts";
import { decodeLinkSpeed, requestLinkSpeed } from "./link-speed.ts";
import { TestNamespaces } from "./namespace.fixture.ts";

const bytes = (text: string) => Buffer.from(text.replaceAll(" ", ""), "hex");

test("the request for a link's speed names it", () => {
  const { type, body } = requestLinkSpeed(21, "a");
  expect([type, body.toString("hex")]).toEqual([21, "04010000" + "0c000180" + "0600020061000000"]);
});

test.each([
  ["25 Gbit/s both ways at once", "04010000 08000500 a8610000 05000600 01000000", 25_000, true],
  ["10 Mbit/s one way at a time", "04010000 08000500 0a000000 05000600 00000000", 10, false],
  ["neither", "04010000 08000500 ffffffff 05000600 ff000000", 0, true],
  ["nothing", "04010000", 0, true],
])("a driver that tells %s", (_, body, linkMbps, isFullDuplex) => {
  expect(decodeLinkSpeed(bytes(body))).toEqual({ linkMbps, isFullDuplex });
});

describe.skipIf(process.getuid?.() !== 0)("on this machine", () => {
  let namespaces: TestNamespaces;
  let one: string;
  beforeEach(() => {
    namespaces = new TestNamespaces();
    one = namespaces.make("one");
    inNamespace(one, () => createVeth("left", "right"));
  });
  afterEach(() => namespaces[Symbol.dispose]());

  test("a cable in a namespace has 10 Gbit/s", () => {
    inNamespace(one, () => setLink("left", { up: true }));
    expect(inNamespace(one, () => readLinkSpeed("left"))).toEqual({ linkMbps: 10_000, isFullDuplex: true });
  });

  test("a link without a driver that tells has 0", () => {
    expect(inNamespace(one, () => readLinkSpeed("lo"))).toMatchObject({ linkMbps: 0 });
  });

  test("a link that is not there is named", () => {
    expect(() => inNamespace(one, () => readLinkSpeed("gone"))).toThrow("asking for the speed of the network link gone");
  });
});
