import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { addAddress, addRoute, createVeth, inNamespace, listRoutes, removeRoute, setLink } from "./index.ts";
import { TestNamespaces } from "./namespace.fixture.ts";

describe.skipIf(process.getuid?.() !== 0)("on this machine", () => {
  let namespaces: TestNamespaces;
  let one: string;
  beforeEach(() => {
    namespaces = new TestNamespaces();
    one = namespaces.make("one");
    inNamespace(one, () => {
      createVeth("left", "right");
      for (const name of ["left", "right"]) setLink(name, { up: true });
      addAddress("left", "192.0.2.2/24");
    });
  });
  afterEach(() => namespaces[Symbol.dispose]());

  test("a link has the routes that were made by it, until they are removed; those of its addresses are not among them", () => {
    inNamespace(one, () => {
      addRoute("left", { destination: "0.0.0.0/0", gateway: "192.0.2.1" });
      addRoute("left", { destination: "10.0.0.0/8", gateway: "192.0.2.1", source: "192.0.2.2", metric: 7 });
      expect(listRoutes("left")).toEqual([
        { destination: "0.0.0.0/0", gateway: "192.0.2.1" },
        { destination: "10.0.0.0/8", gateway: "192.0.2.1", source: "192.0.2.2", metric: 7 },
      ]);
      removeRoute("left", { destination: "0.0.0.0/0", gateway: "192.0.2.1" });
      expect(listRoutes("left").map(({ destination }) => destination)).toEqual(["10.0.0.0/8"]);
      expect(listRoutes("right")).toEqual([]);
    });
  });

  test.each<[string, () => void, string]>([
    ["whose gateway is on no network", () => addRoute("left", { destination: "10.0.0.0/8", gateway: "198.51.100.1" }), "ENETUNREACH"],
    ["by no link", () => addRoute("gone", { destination: "10.0.0.0/8" }), "making the route to 10.0.0.0/8 by the network link gone"],
    ["that is not there", () => removeRoute("left", { destination: "10.0.0.0/8" }), "ESRCH"],
    ["listed of no link", () => listRoutes("gone"), "listing the routes by the network link gone"],
  ])("a route %s is an error that says so", (_, deed, message) => {
    const refused = () => {
      try {
        inNamespace(one, deed);
      } catch (error) {
        throw new Error(`${(error as Error).message} ${((error as Error).cause as Error).message}`);
      }
    };
    expect(refused).toThrow(message);
  });
});
