import { createSocket, type Socket } from "node:dgram";
import { afterEach, beforeEach, expect, test } from "vitest";
import { resolveName, useNameServers } from "./resolver.ts";

/** A name server that knows one name, and remembers what it was asked. */
let server: Socket;
const asked: string[] = [];
beforeEach(async () => {
  asked.length = 0;
  server = createSocket("udp4");
  server.on("message", (question, { port, address }) => server.send(answer(question), port, address));
  await new Promise<void>((resolve) => server.bind(0, "127.0.0.1", resolve));
  useNameServers({ servers: [`127.0.0.1:${server.address().port}`], searchDomains: ["lab.test", "corp.test"] });
});
afterEach(() => {
  useNameServers(undefined);
  server.close();
});

/** | id | flags | 1 question | answers | 0 | 0 | name | type | class | …. RFC 1035 §4.1. */
function answer(question: Buffer): Buffer {
  const labels: string[] = [];
  let at = 12;
  for (let length = question.readUInt8(at); length > 0; length = question.readUInt8(at)) {
    labels.push(question.subarray(at + 1, at + 1 + length).toString());
    at += 1 + length;
  }
  const type = question.readUInt16BE(at + 1);
  asked.push(labels.join("."));
  const isKnown = labels.join(".") === "vspc.corp.test" && type === 1;
  const head = Buffer.from(question.subarray(0, at + 5));
  head.writeUInt16BE(isKnown ? 0x8180 : 0x8183, 2);
  head.writeUInt16BE(isKnown ? 1 : 0, 6);
  head.writeUInt16BE(0, 10); // no additional records
  return isKnown ? Buffer.concat([head, Buffer.from("c00c00010001000000010004c0000209", "hex")]) : head;
}

test("a name is looked up by the servers that are set, with each search domain where it has no dot", async () => {
  expect(await resolveName("vspc")).toEqual(["192.0.2.9"]);
  expect(await resolveName("vspc.corp.test")).toEqual(["192.0.2.9"]);
  expect(new Set(asked)).toEqual(new Set(["vspc.lab.test", "vspc.corp.test"]));
});

test("a name that they do not know is an error that names them, although the machine may know it", async () => {
  await expect(resolveName("elsewhere.test")).rejects.toThrow("elsewhere.test is not known to the name servers 127.0.0.1:");
});

test("without servers of its own the machine looks names up", async () => {
  useNameServers(undefined);
  expect(await resolveName("localhost")).toContain("127.0.0.1");
  expect(asked).toEqual([]);
});
