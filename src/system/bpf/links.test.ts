import { closeSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { TC_ACT, XDP_ACTION } from "../../ebpf/index.ts";
import { sendFrame } from "../network/index.ts";
import { FRAME, hasBpf, TestObjects } from "./bpf.fixture.ts";
import { attachedPrograms, attachTcx, attachXdp, detachLink, hasTcx, linkInfo, programInfo, updateLink } from "./index.ts";

describe.skipIf(!hasBpf || !hasTcx())("on this machine", () => {
  test("a link shows its program every frame of its direction, and none of the other", () => {
    using objects = new TestObjects();
    const { program, runs } = objects.counter(TC_ACT.shot);
    objects.besideTap(({ ifindex, send }) => {
      objects.keep(attachTcx({ program, ifindex, direction: "ingress" }));
      send();
      send();
      sendFrame("t0", FRAME);
      expect(runs()).toBe(2);
    });
  });

  test("a link is updated in place: it stays the same, and the next frame is the new program's", () => {
    using objects = new TestObjects();
    const [before, after] = [objects.counter(TC_ACT.shot), objects.counter(TC_ACT.shot)];
    objects.besideTap(({ ifindex, send }) => {
      const link = objects.keep(attachTcx({ program: before.program, ifindex, direction: "ingress" }));
      const { id } = linkInfo(link);
      send();
      updateLink(link, after.program);
      send();
      expect([before.runs(), after.runs()]).toEqual([1, 1]);
      expect(linkInfo(link)).toEqual({ id, programId: programInfo(after.program).id, ifindex, direction: "ingress" });
    });
  });

  test("a link that is detached shows its program nothing more, though it is still open", () => {
    using objects = new TestObjects();
    const { program, runs } = objects.counter(TC_ACT.shot);
    objects.besideTap(({ ifindex, send }) => {
      const link = objects.keep(attachTcx({ program, ifindex, direction: "ingress" }));
      detachLink(link);
      send();
      expect(runs()).toBe(0);
      expect(linkInfo(link).ifindex).toBe(0);
      detachLink(link);
    });
  });

  test("a link is gone with its last descriptor", () => {
    using objects = new TestObjects();
    const { program, runs } = objects.counter(TC_ACT.shot);
    objects.besideTap(({ ifindex, send }) => {
      closeSync(attachTcx({ program, ifindex, direction: "ingress" }));
      send();
      expect(runs()).toBe(0);
    });
  });

  test("a program can only be attached to an interface that the thread's namespace has", () => {
    using objects = new TestObjects();
    const { program } = objects.counter(TC_ACT.shot);
    objects.besideTap(() => {
      expect(() => attachTcx({ program, ifindex: 12345, direction: "egress" })).toThrow(
        "attaching a program to the egress of interface 12345",
      );
    });
  });

  test("a program at XDP sees a frame before the ones at tcx, and is told of; another takes its place in one step", () => {
    using objects = new TestObjects();
    const [passing, dropping] = [objects.counter(XDP_ACTION.pass, "xdp"), objects.counter(XDP_ACTION.drop, "xdp")];
    const later = objects.counter(TC_ACT.shot);
    objects.besideTap(({ ifindex, send }) => {
      objects.keep(attachTcx({ program: later.program, ifindex, direction: "ingress" }));
      expect(attachedPrograms(ifindex, "xdp")).toEqual([]);
      const link = objects.keep(attachXdp({ program: passing.program, ifindex }));
      expect(linkInfo(link)).toMatchObject({ programId: programInfo(passing.program).id, ifindex, direction: "xdp" });
      expect(attachedPrograms(ifindex, "xdp")).toEqual([programInfo(passing.program).id]);
      send();
      updateLink(link, dropping.program);
      send();
      expect([passing.runs(), dropping.runs(), later.runs()]).toEqual([1, 1, 1]);
      detachLink(link);
      expect(attachedPrograms(ifindex, "xdp")).toEqual([]);
    });
  });

  test("a map is no link", () => {
    using objects = new TestObjects();
    expect(() => linkInfo(objects.map("hash"))).toThrow("a BPF link is neither of tcx nor of XDP");
  });
});
