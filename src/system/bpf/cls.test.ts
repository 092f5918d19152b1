import { describe, expect, test } from "vitest";
import { TC_ACT } from "../../ebpf/index.ts";
import { hasBpf, TestObjects } from "./bpf.fixture.ts";
import { attachCls, clsProgramId, detachCls, makeClsHooks, programInfo, removeClsact } from "./index.ts";

describe.skipIf(!hasBpf)("on this machine", () => {
  test("a filter is replaced by the next one, and is gone when it is detached", () => {
    using objects = new TestObjects();
    const [before, after] = [objects.counter(TC_ACT.shot), objects.counter(TC_ACT.shot)];
    objects.besideTap(({ ifindex, send }) => {
      const place = { ifindex, direction: "ingress" } as const;
      expect(clsProgramId(place)).toBeUndefined();
      attachCls({ ...place, program: before.program, name: "before" });
      send();
      attachCls({ ...place, program: after.program, name: "after" });
      send();
      expect([before.runs(), after.runs()]).toEqual([1, 1]);
      expect(clsProgramId(place)).toBe(programInfo(after.program).id);
      expect(detachCls(place)).toBe(true);
      send();
      expect([before.runs(), after.runs()]).toEqual([1, 1]);
      expect(detachCls(place)).toBe(false);
      expect(clsProgramId(place)).toBeUndefined();
    });
  });

  test("each hook has a filter of its own, and both are gone with clsact", () => {
    using objects = new TestObjects();
    const [inwards, outwards] = [objects.counter(TC_ACT.ok), objects.counter(TC_ACT.ok)];
    objects.besideTap(({ ifindex }) => {
      attachCls({ ifindex, direction: "ingress", program: inwards.program, name: "in" });
      attachCls({ ifindex, direction: "egress", program: outwards.program, name: "out" });
      const ids = () => (["ingress", "egress"] as const).map((direction) => clsProgramId({ ifindex, direction }));
      expect(ids()).toEqual([inwards, outwards].map(({ program }) => programInfo(program).id));
      removeClsact(ifindex);
      expect(ids()).toEqual([undefined, undefined]);
      removeClsact(ifindex);
    });
  });

  test("hooks for the ingress alone have none for the egress, and go like the others", () => {
    using objects = new TestObjects();
    const { program, runs } = objects.counter(TC_ACT.shot);
    objects.besideTap(({ ifindex, send }) => {
      attachCls({ ifindex, direction: "ingress", program, name: "in", ingressAlone: true });
      send();
      expect(runs()).toBe(1);
      expect(clsProgramId({ ifindex, direction: "ingress" })).toBe(programInfo(program).id);
      expect(() => attachCls({ ifindex, direction: "egress", program, name: "out" })).toThrow("hooks for its ingress alone");
      expect(clsProgramId({ ifindex, direction: "egress" })).toBeUndefined();
      expect(detachCls({ ifindex, direction: "egress" })).toBe(false);
      expect(clsProgramId({ ifindex, direction: "ingress" })).toBe(programInfo(program).id);
      removeClsact(ifindex);
      expect(clsProgramId({ ifindex, direction: "ingress" })).toBeUndefined();
      send();
      expect(runs()).toBe(1);
    });
  });

  test("hooks that were made before hold nothing until there is a program, and are those that it is attached to", () => {
    using objects = new TestObjects();
    const { program, runs } = objects.counter(TC_ACT.shot);
    objects.besideTap(({ ifindex, send }) => {
      makeClsHooks(ifindex, { ingressAlone: true });
      makeClsHooks(ifindex, { ingressAlone: true });
      expect(clsProgramId({ ifindex, direction: "ingress" })).toBeUndefined();
      attachCls({ ifindex, direction: "ingress", program, name: "in", hooksAreThere: true });
      send();
      expect(runs()).toBe(1);
      expect(() => attachCls({ ifindex, direction: "egress", program, name: "out", hooksAreThere: true })).toThrow("its ingress alone");
    });
  });

  test("a program can only be attached to an interface that the thread's namespace has", () => {
    using objects = new TestObjects();
    const { program } = objects.counter(TC_ACT.shot);
    objects.besideTap(() => {
      expect(() => attachCls({ program, ifindex: 12345, direction: "egress", name: "x" })).toThrow(
        "attaching a program to the egress of interface 12345",
      );
      expect(detachCls({ ifindex: 12345, direction: "egress" })).toBe(false);
    });
  });
});
