import fc from "fast-check";
import { expect, test } from "vitest";
import { networkRef, portGroupOf } from "./inventory-tree.ts";

test("a port group is found again by its network's id, in which nothing is XML's", () => {
  const name = fc.string({ unit: fc.constantFrom("a", " ", "&", "<", ">", '"', "'", "%", "2", "5", "6", "é") });
  fc.assert(
    fc.property(name, (portGroup) => {
      const { value } = networkRef(portGroup);
      expect(value).not.toMatch(/[&<>"']/);
      expect(portGroupOf(value)).toBe(portGroup);
    }),
  );
  expect(networkRef("VM Network").value).toBe("HaNetwork-VM Network");
  expect(portGroupOf("HaNetwork-dmz %26 co")).toBe("dmz & co");
  expect(portGroupOf("ha-host")).toBeUndefined();
});
