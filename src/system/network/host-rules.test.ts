import { readFileSync, writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import { addAddress, createVeth, enableIpv6, inNamespace, listAddresses, setHostRules, setLink } from "./index.ts";
import { TestNamespaces } from "./namespace.fixture.ts";

const rule = (path: string): string => readFileSync(`/proc/sys/net/${path}`, "utf8").trim();

test.skipIf(process.getuid?.() !== 0)("a namespace with a host's rules forwards nothing, and takes no address from the network", () => {
  using namespaces = new TestNamespaces();
  const path = namespaces.make("stack");
  inNamespace(path, () => {
    for (const path of ["ipv4/ip_forward", "ipv6/conf/all/forwarding"]) writeFileSync(`/proc/sys/net/${path}`, "1"); // a router's
    setHostRules();
    createVeth("one", "other");
    expect([rule("ipv4/ip_forward"), rule("ipv6/conf/all/forwarding")]).toEqual(["0", "0"]);
    expect([rule("ipv6/conf/one/accept_ra"), rule("ipv6/conf/one/autoconf")]).toEqual(["0", "0"]);
    for (const name of ["one", "other"]) setLink(name, { up: true });
    enableIpv6("one");
    addAddress("one", "2001:db8::1/64");
    expect(listAddresses("one")).toContain("2001:db8::1/64");
  });
});
