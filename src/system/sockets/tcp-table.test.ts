import { closeSync, readlinkSync } from "node:fs";
import { expect, test } from "vitest";
import { listenTcp } from "./listen.ts";
import { parseTcpTable, tcpSockets } from "./tcp-table.ts";

const TABLE = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 3211 1 0000000000000000 100 0 0 10 0
   1: 0200C0C0:D431 0100007F:1F90 01 00000000:00000000 02:000A 00000000  1000        0 77 2 0000000000000000 20 4 30 10 -1
`;

test("a listening socket and a connection are read", () => {
  expect(parseTcpTable(TABLE)).toEqual([
    { inode: 3211, localPort: 8080, isListening: true },
    { inode: 77, localPort: 54_321, isListening: false },
  ]);
  expect(parseTcpTable("")).toEqual([]);
});

test("a socket of this process is found by its descriptor", () => {
  const fd = listenTcp("127.0.0.1", 0);
  const inode = Number(/\[(\d+)\]/.exec(readlinkSync(`/proc/self/fd/${fd}`))?.[1]);
  expect(tcpSockets().find((socket) => socket.inode === inode)).toMatchObject({ isListening: true });
  closeSync(fd);
});
