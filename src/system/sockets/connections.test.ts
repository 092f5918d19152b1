import { createServer } from "node:net";
import { expect, test } from "vitest";
import { readConnections } from "./connections.ts";
import { parseConnections } from "./parse-connections.ts";

const HEAD = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n";

test.each([
  [
    "a server of IPv4",
    "tcp",
    "   0: 0100007F:20FB 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4242 1 0 100 0 0 10 0",
    { local: { address: "127.0.0.1", port: 8443 }, remote: { address: "0.0.0.0", port: 0 }, state: "LISTEN", inode: 4242 },
  ],
  [
    "a connection of IPv6 with bytes on their way",
    "tcp",
    "   1: B80D0120000000000000000001000000:01BB 00000000000000000000000001000000:C000 01 00000010:0000000A 01:00000014 00000000  1000  0 7 2",
    {
      local: { address: "2001:db8::1", port: 443 },
      remote: { address: "::1", port: 49152 },
      state: "ESTABLISHED",
      sendQueue: 16,
      receiveQueue: 10,
    },
  ],
  [
    "UDP, which has no state",
    "udp",
    "  12: 00000000:0044 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 9 2 0000000000000000 0",
    { local: { address: "0.0.0.0", port: 68 }, state: "" },
  ],
] as const)("%s", (_, protocol, line, row) => {
  expect(parseConnections(`${HEAD}${line}\n`, protocol)).toMatchObject([row]);
});

test("a line that is cut off is none", () => {
  expect(parseConnections(`${HEAD}   0: 0100007F:20FB 0000`, "tcp")).toEqual([]);
  expect(parseConnections("", "tcp")).toEqual([]);
});

test("a socket that this process listens on is its own", async () => {
  const server = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const address = server.address();
  const port = address !== null && typeof address === "object" ? address.port : 0;
  const found = (await readConnections()).find(({ local }) => local.port === port);
  server.close();
  expect(found).toMatchObject({ protocol: "tcp", state: "LISTEN", local: { address: "127.0.0.1" }, owner: { pid: process.pid } });
});
