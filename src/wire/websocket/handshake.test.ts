import { expect, test } from "vitest";
import { planHandshake } from "./handshake.ts";

const headers = {
  upgrade: "websocket",
  "sec-websocket-version": "13",
  // The example of RFC 6455 §1.3.
  "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
};

test("the example of the RFC is answered as the RFC answers it", () => {
  const plan = planHandshake({ method: "GET", headers });
  expect(plan).toEqual({
    kind: "accepted",
    answer:
      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
      "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n",
  });
});

test.each([
  ["alone", "binary"],
  ["among others", "vmware-vvc, binary"],
  ["first", "binary,vmware-vvc"],
])("bytes are agreed on when a client offers them %s", (_, offered) => {
  const plan = planHandshake({ method: "GET", headers: { ...headers, "sec-websocket-protocol": offered } });
  expect(plan.kind === "accepted" && plan.answer).toContain("\r\nSec-WebSocket-Protocol: binary\r\n");
});

test.each<[string, Parameters<typeof planHandshake>[0], number]>([
  ["a POST", { method: "POST", headers }, 405],
  ["another upgrade", { method: "GET", headers: { ...headers, upgrade: "h2c" } }, 400],
  ["an older version", { method: "GET", headers: { ...headers, "sec-websocket-version": "8" } }, 426],
  ["no key", { method: "GET", headers: { ...headers, "sec-websocket-key": undefined } }, 400],
  ["a short key", { method: "GET", headers: { ...headers, "sec-websocket-key": "YQ==" } }, 400],
  ["a key with a line end", { method: "GET", headers: { ...headers, "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ=\r\n" } }, 400],
  ["only a protocol that is not spoken", { method: "GET", headers: { ...headers, "sec-websocket-protocol": "vmware-vvc" } }, 400],
])("%s is refused", (_, request, status) => {
  expect(planHandshake(request)).toMatchObject({ kind: "refused", status });
});
