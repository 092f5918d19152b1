import fc from "fast-check";
import { expect, test } from "vitest";
import { encodeClose, encodeData, encodePing, encodePong, FrameError, type FrameEvent, FrameReader } from "./frames.ts";

const MASK = Buffer.from("a1b2c3d4", "hex");

/** A frame as a client sends it. */
function frame(first: number, payload: Buffer, mask = MASK): Buffer {
  const { length } = payload;
  const header = length < 126 ? [first, 0x80 | length] : [first, 0x80 | 126, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from(header), mask, payload.map((byte, at) => byte ^ (mask[at % 4] ?? 0))]);
}

function read(...chunks: readonly Buffer[]): FrameEvent[] {
  const reader = new FrameReader();
  return chunks.flatMap((chunk) => [...reader.push(chunk)]);
}

const dataOf = (events: readonly FrameEvent[]) => Buffer.concat(events.flatMap((event) => (event.kind === "data" ? [event.bytes] : [])));

test("the example of RFC 6455 §5.7, as bytes", () => {
  expect(read(Buffer.from("8285 37fa213d 7f9f4d5158".replaceAll(" ", ""), "hex"))).toEqual([{ kind: "data", bytes: Buffer.from("Hello") }]);
});

test("what a client sends arrives whole and in order, however it is cut into frames, fragments and pieces", () => {
  const message = fc.array(fc.uint8Array({ maxLength: 400 }), { minLength: 1, maxLength: 4 });
  fc.assert(
    fc.property(fc.array(message, { maxLength: 4 }), fc.array(fc.nat(2000), { maxLength: 8 }), (messages, cuts) => {
      const frames = messages.flatMap((fragments) =>
        fragments.map((bytes, at) => frame((at === fragments.length - 1 ? 0x80 : 0) | (at === 0 ? 2 : 0), Buffer.from(bytes))),
      );
      const all = Buffer.concat(frames);
      const places = [0, ...cuts.filter((cut) => cut < all.length).sort((a, b) => a - b), all.length];
      const pieces = places.slice(1).map((end, at) => all.subarray(places[at], end));
      expect(dataOf(read(...pieces))).toEqual(Buffer.concat(messages.flat().map((bytes) => Buffer.from(bytes))));
    }),
  );
});

test("a frame is passed on before it is whole, so that nobody can have it kept", () => {
  expect(dataOf(read(frame(0x82, Buffer.alloc(60_000, 7)).subarray(0, 1000)))).toHaveLength(1000 - 8);
});

test("whatever a client sends is read or refused by name", () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 64 }), { maxLength: 8 }), (chunks) => {
      try {
        read(...chunks.map((chunk) => Buffer.from(chunk)));
      } catch (error) {
        expect(error).toBeInstanceOf(FrameError);
      }
    }),
  );
});

test("control frames stand between the fragments of a message", () => {
  const events = read(
    frame(0x02, Buffer.from("a")),
    frame(0x89, Buffer.from("are you there")),
    frame(0x8a, Buffer.alloc(0)),
    frame(0x80, Buffer.from("b")),
    frame(0x88, Buffer.from([0x03, 0xe8])),
  );
  expect(events).toEqual([
    { kind: "data", bytes: Buffer.from("a") },
    { kind: "ping", bytes: Buffer.from("are you there") },
    { kind: "pong" },
    { kind: "data", bytes: Buffer.from("b") },
    { kind: "close" },
  ]);
});

const endlessFragments = [frame(0x02, Buffer.alloc(0)), ...Array.from({ length: 1024 }, () => frame(0x00, Buffer.alloc(0)))];
const endlessBytes = [frame(0x02, Buffer.alloc(60_000)), ...Array.from({ length: 18 }, () => frame(0x00, Buffer.alloc(60_000)))];
test.each<[string, readonly Buffer[], number]>([
  ["a frame without a mask", [Buffer.from("820161", "hex")], 1002],
  ["text", [frame(0x81, Buffer.from("x"))], 1003],
  ["reserved bits", [frame(0xc2, Buffer.from("x"))], 1002],
  ["a reserved opcode", [frame(0x83, Buffer.from("x"))], 1002],
  ["a reserved control opcode", [frame(0x8b, Buffer.from("x"))], 1002],
  ["a continuation of nothing", [frame(0x80, Buffer.from("x"))], 1002],
  ["a message within a message", [frame(0x02, Buffer.from("x")), frame(0x82, Buffer.from("y"))], 1002],
  ["a ping in fragments", [frame(0x09, Buffer.from("x"))], 1002],
  ["a ping of 126 bytes", [frame(0x89, Buffer.alloc(126))], 1002],
  ["a length in more bytes than it needs", [Buffer.from("82fe0001a1b2c3d4", "hex")], 1002],
  ["a frame of 64 KiB and a byte", [Buffer.from("82ff0000000000010001a1b2c3d4", "hex")], 1009],
  ["a frame larger than any number", [Buffer.from("82ffffffffffffffffffa1b2c3d4", "hex")], 1009],
  ["fragments without end", endlessFragments, 1009],
  ["a message without end", endlessBytes, 1009],
])("%s is refused with its code", (_, chunks, code) => {
  expect(() => read(...chunks)).toThrow(expect.objectContaining({ name: "FrameError", code }));
});

test.each([
  ["no bytes", 0, "8200"],
  ["125 bytes", 125, "827d"],
  ["126 bytes", 126, "827e007e"],
  ["64 KiB", 65536, "827f0000000000010000"],
])("%s are sent as one frame", (_, length, header) => {
  const sent = encodeData(Buffer.alloc(length, 1));
  expect(sent.subarray(0, header.length / 2).toString("hex")).toBe(header);
  expect(sent).toHaveLength(header.length / 2 + length);
});

test("the other frames that a server sends", () => {
  expect(encodePing().toString("hex")).toBe("8900");
  expect(encodePong(Buffer.from("hi")).toString("hex")).toBe("8a026869");
  expect(encodeClose(1002).toString("hex")).toBe("880203ea");
});
