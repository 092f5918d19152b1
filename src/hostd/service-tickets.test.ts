import { expect, test } from "vitest";
import { isFor, resourceOf, serviceRight, ticketUseOf } from "./service-tickets.ts";
import { Session } from "./sessions.ts";

const session = new Session({ name: "root", fullName: "" }, { address: "", userAgent: "" }, 0);
const url = "https://host1/folder/a%20b/x.iso?dcPath=ha-datacenter&dsName=datastore1";
const use = { method: "PUT", url };
const right = serviceRight(session, use);

test.each([
  ["the very request", {}],
  ["a path that is escaped otherwise", { url: "/folder/a%20b/%78.iso?dcPath=ha-datacenter&dsName=datastore1" }],
  [
    "its parameters in another order, at an address",
    { url: "https://10.0.0.1:8443/folder/a b/x.iso?dsName=datastore1&dcPath=ha-datacenter" },
  ],
  ["a host that the client does not know", { url: url.replace("host1", "*") }],
])("a ticket is for %s", (_, change) => {
  expect(isFor(right, { ...use, ...change })).toBe(true);
});

test.each([
  ["another method", { method: "GET" }],
  ["another file", { url: url.replace("x.iso", "y.iso") }],
  ["another datastore", { url: url.replace("datastore1", "datastore2") }],
  ["a path that leads there by a detour through a name with a slash in it", { url: url.replace("/x.iso", "%2f/x.iso") }],
  ["what is no path", { url: "/folder/%zz" }],
])("a ticket is not for %s", (_, change) => {
  expect(isFor(right, { ...use, ...change })).toBe(false);
});

test.each([["https://"], ["/folder/%"], ["x".repeat(5000)]])("%s cannot be asked for", (bad) => {
  expect(resourceOf(bad)).toBeUndefined();
  expect(() => serviceRight(session, { method: "GET", url: bad })).toThrow("no URL that can be read");
});

test("a spec names its method as the schema does, and GET when it does not", () => {
  expect(ticketUseOf({ method: "httpPut", url })).toEqual(use);
  expect(ticketUseOf({ url }).method).toBe("GET");
  expect(() => ticketUseOf({ method: "toString", url })).toThrow("no method of HTTP");
});
