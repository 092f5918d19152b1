import { expect, test } from "vitest";
import { decodeQmpMessage, encodeQmpCommand, QmpSyntaxError } from "./qmp.ts";

test("a command is one object, and not a byte more", () => {
  expect(encodeQmpCommand({ execute: "set_link", id: 7, arguments: { name: "dev4000", up: false } })).toBe(
    '{"execute":"set_link","id":7,"arguments":{"name":"dev4000","up":false}}',
  );
  expect(encodeQmpCommand({ execute: "stop" })).toBe('{"execute":"stop"}');
});

test.each([
  [
    "a greeting",
    '{"QMP": {"version": {"qemu": {"micro": 22, "minor": 2, "major": 7}, "package": "Debian"}, "capabilities": ["oob"]}}',
    { kind: "greeting" },
  ],
  ["a return", '{"return": {"status": "running"}, "id": 3}', { kind: "return", id: 3, value: { status: "running" } }],
  ["an empty return", '{"return": {}, "id": 3}', { kind: "return", id: 3, value: {} }],
  [
    "an error",
    '{"id": 4, "error": {"class": "GenericError", "desc": "no such"}}',
    { kind: "error", id: 4, errorClass: "GenericError", description: "no such" },
  ],
  [
    "an event",
    '{"timestamp": {"seconds": 1, "microseconds": 2}, "event": "SHUTDOWN", "data": {"guest": true, "reason": "guest-shutdown"}}',
    { kind: "event", name: "SHUTDOWN", data: { guest: true, reason: "guest-shutdown" } },
  ],
  ["an event without data", '{"event": "STOP"}', { kind: "event", name: "STOP", data: {} }],
  ["a greeting of a liar", '{"QMP": {"version": []}}', { kind: "greeting" }],
  ["an id that is no number", '{"return": {}, "id": {"a": 1}}', { kind: "return", id: undefined, value: {} }],
])("%s is understood", (_, line, message) => {
  expect(decodeQmpMessage(line)).toEqual(message);
});

test.each([
  ["text", "QEMU"],
  ["cut JSON", '{"return": {'],
  ["a list", "[]"],
  ["null", "null"],
  ["an object of something else", '{"hello": 1}'],
  ["an event whose name is no text", '{"event": 5}'],
])("%s is refused", (_, line) => {
  expect(() => decodeQmpMessage(line)).toThrow(QmpSyntaxError);
});
