import { expect, test } from "vitest";
import { addAddress, addIpNeighbour, createVeth, findLink, inNamespace, listIpNeighbours, setLink } from "./index.ts";
import { TestNamespaces } from "./namespace.fixture.ts";

test.skipIf(process.getuid?.() !== 0)("neighbours are those of the namespace's links, of both families, and no others", () => {
  using namespaces = new TestNamespaces();
  const [one, other] = ["one", "other"].map((name) => namespaces.make(name)) as [string, string];
  for (const namespace of [one, other])
    inNamespace(namespace, () => {
      createVeth("left", "right");
      for (const name of ["left", "right"]) setLink(name, { up: true });
      addAddress("left", "192.0.2.1/24");
    });
  inNamespace(one, () => {
    const { index } = findLink("left") ?? { index: 0 };
    addIpNeighbour("left", "192.0.2.7", "00:50:56:00:00:07");
    addIpNeighbour("left", "2001:db8::7", "00:50:56:00:00:08");
    expect(listIpNeighbours().filter(({ state }) => state === "static")).toEqual([
      { index, address: "192.0.2.7", mac: "00:50:56:00:00:07", state: "static", isRouter: false },
      { index, address: "2001:db8::7", mac: "00:50:56:00:00:08", state: "static", isRouter: false },
    ]);
    expect(() => addIpNeighbour("gone", "192.0.2.7", "00:50:56:00:00:07")).toThrow("telling the network link gone who has 192.0.2.7");
  });
  expect(inNamespace(other, () => listIpNeighbours()).filter(({ state }) => state === "static")).toEqual([]);
});
