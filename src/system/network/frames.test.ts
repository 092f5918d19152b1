import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createVeth, disableIpv6, FrameSocket, fetchLink, inNamespace, moveLink, sendFrame, setLink } from "./index.ts";
import { TestNamespaces } from "./namespace.fixture.ts";

const frameOf = (bytes: number) =>
  Buffer.concat([Buffer.from("ffffffffffff02000000000188b5", "hex"), Buffer.alloc(Math.max(0, bytes - 14), 7)]).subarray(0, bytes);

describe.skipIf(process.getuid?.() !== 0)("a cable", () => {
  let namespaces: TestNamespaces;
  let one: string;
  let right: FrameSocket;
  beforeEach(() => {
    namespaces = new TestNamespaces();
    one = namespaces.make("one");
    right = inNamespace(one, () => {
      disableIpv6("default");
      createVeth("left", "right");
      for (const name of ["left", "right"]) setLink(name, { up: true });
      return new FrameSocket("right", { receives: true });
    });
  });
  afterEach(() => {
    right[Symbol.dispose]();
    namespaces[Symbol.dispose]();
  });
  const received = () => {
    const frames: Buffer[] = [];
    for (let frame = right.receive(); frame !== undefined; frame = right.receive()) frames.push(frame);
    return frames;
  };

  test.each([14, 60, 1514])("a frame of %i bytes that is sent by one end comes out of the other, byte for byte and once", (bytes) => {
    inNamespace(one, () => sendFrame("left", frameOf(bytes)));
    expect(received()).toEqual([frameOf(bytes)]);
  });

  test.each(["81000064", "8100e064", "88a80064", "81000000", "8100006481000065"])("a frame's tag %s is on it when it arrives", (tag) => {
    const frame = Buffer.concat([frameOf(60).subarray(0, 12), Buffer.from(tag, "hex"), frameOf(60).subarray(12)]);
    inNamespace(one, () => sendFrame("left", frame));
    expect(received()).toEqual([frame]);
  });

  test("one's own frames are not received", () => {
    right.send(frameOf(60));
    expect(received()).toEqual([]);
  });

  test.each([0, 13, 1515 + 4])("a frame of %i bytes is refused, and nothing is sent", (bytes) => {
    expect(() => inNamespace(one, () => sendFrame("left", frameOf(bytes)))).toThrow(
      `sending a frame of ${bytes} bytes out of the network link left`,
    );
    expect(received()).toEqual([]);
  });

  test("nothing is sent by a link that is down or is not there, and it is named", () => {
    inNamespace(one, () => setLink("left", { up: false }));
    expect(() => inNamespace(one, () => sendFrame("left", frameOf(60)))).toThrow("out of the network link left");
    expect(() => inNamespace(one, () => sendFrame("gone", frameOf(60)))).toThrow("opening the network link gone for frames");
  });

  test("a socket that only sends receives nothing", () => {
    using left = inNamespace(one, () => new FrameSocket("left", { receives: false }));
    right.send(frameOf(60));
    expect(left.receive()).toBeUndefined();
  });

  test("the cable goes on when an end is moved to another namespace", () => {
    const other = namespaces.make("other");
    inNamespace(one, () => moveLink("left", other));
    inNamespace(other, () => {
      disableIpv6("left");
      setLink("left", { up: true });
      sendFrame("left", frameOf(60));
    });
    expect(received()).toEqual([frameOf(60)]);
    inNamespace(one, () => {
      fetchLink("left", other);
      setLink("left", { up: true });
      sendFrame("left", frameOf(61));
    });
    expect(received()).toEqual([frameOf(61)]);
  });
});
