import { expect, test } from "vitest";
import { parseNetClients } from "./parse-net-clients.ts";

/** As QEMU 7.2 says it of a vmxnet3 on a tap, an e1000 that leads nowhere, and a tap whose NIC has gone. */
const answer = [
  "dev4000: index=0,type=nic,model=vmxnet3,macaddr=00:0c:29:00:00:01",
  " \\ net4000: index=0,type=tap,fd=7",
  "dev4001: index=0,type=nic,model=e1000,macaddr=02:00:00:00:00:09",
  "net4002: index=0,type=tap,fd=9",
  "",
].join("\r\n");

test("each NIC has the MAC that its driver has set, and a tap without its NIC is told", () => {
  expect(parseNetClients(answer)).toEqual({
    macs: new Map([
      [4000, "00:0c:29:00:00:01"],
      [4001, "02:00:00:00:00:09"],
    ]),
    orphans: [4002],
  });
});

test.each([
  ["nothing", undefined],
  ["a number", 7],
  ["a MAC that is none", "dev4000: index=0,type=nic,model=vmxnet3,macaddr=00:0c:29:00:00:0x"],
  ["a MAC with more behind it", "dev4000: index=0,type=nic,model=vmxnet3,macaddr=00:0c:29:00:00:01,x=1"],
  ["another's NIC", "eth0: index=0,type=nic,model=vmxnet3,macaddr=00:0c:29:00:00:01"],
])("%s tells of no NIC", (_, text) => {
  expect(parseNetClients(text)).toEqual({ macs: new Map(), orphans: [] });
});

test("an answer without end is cut", () => {
  expect(parseNetClients(`${" ".repeat(20_000)}\r\n${answer}`)).toEqual({ macs: new Map(), orphans: [] });
});
