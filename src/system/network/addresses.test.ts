import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { addAddress, createVeth, inNamespace, listAddresses, removeAddress, setLink } from "./index.ts";
import { TestNamespaces } from "./namespace.fixture.ts";

describe.skipIf(process.getuid?.() !== 0)("on this machine", () => {
  let namespaces: TestNamespaces;
  let one: string;
  beforeEach(() => {
    namespaces = new TestNamespaces();
    one = namespaces.make("one");
    inNamespace(one, () => createVeth("left", "right"));
  });
  afterEach(() => namespaces[Symbol.dispose]());

  test("a link has the addresses that it was given, until they are taken", () => {
    inNamespace(one, () => {
      addAddress("left", "192.0.2.1/24");
      addAddress("left", "2001:db8::1/64");
      addAddress("right", "192.0.2.2/24");
      expect(listAddresses("left")).toEqual(["192.0.2.1/24", "2001:db8::1/64"]);
      removeAddress("left", "192.0.2.1/24");
      expect(listAddresses("left")).toEqual(["2001:db8::1/64"]);
      expect(listAddresses("right")).toEqual(["192.0.2.2/24"]);
    });
  });

  test("an address is of no link of the same name elsewhere", () => {
    const other = namespaces.make("other");
    inNamespace(other, () => createVeth("left", "right"));
    inNamespace(one, () => addAddress("left", "192.0.2.1/24"));
    expect(inNamespace(other, () => listAddresses("left"))).toEqual([]);
  });

  test("a link that is up has a link-local address of its own", () => {
    inNamespace(one, () => {
      for (const name of ["left", "right"]) setLink(name, { up: true });
      expect(listAddresses("left")).toEqual([expect.stringMatching(/^fe80::.*\/64$/)]);
    });
  });

  test.each<[string, () => void, string]>([
    ["given twice", () => addAddress("left", "192.0.2.1/24"), "giving the network link left the address 192.0.2.1/24"],
    ["of no link", () => addAddress("gone", "192.0.2.9/24"), "giving the network link gone the address 192.0.2.9/24"],
    ["taken and never given", () => removeAddress("left", "192.0.2.9/24"), "taking the address 192.0.2.9/24 from the network link left"],
    ["listed of no link", () => listAddresses("gone"), "listing the addresses of the network link gone"],
  ])("an address that is %s is an error that names it", (_, deed, message) => {
    inNamespace(one, () => addAddress("left", "192.0.2.1/24"));
    expect(() => inNamespace(one, deed)).toThrow(message);
    expect(inNamespace(one, () => listAddresses("left"))).toEqual(["192.0.2.1/24"]);
  });
});
