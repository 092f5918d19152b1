import { expect, test } from "vitest";
import { TC_ACT } from "../../ebpf/index.ts";
import { hasBpf, TestObjects } from "./bpf.fixture.ts";
import { attachCls, attachedPrograms, attachTcx, detachCls, hasTcx, programInfo, updateLink } from "./index.ts";

test.skipIf(!hasBpf)("the programs of each direction of an interface are told, whoever attached them and however", () => {
  using objects = new TestObjects();
  const [one, other, third] = [0, 1, 2].map(() => objects.counter(TC_ACT.ok).program) as [number, number, number];
  const id = (program: number) => programInfo(program).id;
  objects.besideTap(({ ifindex }) => {
    const found = () => (["ingress", "egress"] as const).map((direction) => attachedPrograms(ifindex, direction));
    expect(found()).toEqual([[], []]);
    attachCls({ ifindex, direction: "egress", program: third, name: "third" });
    expect(found()).toEqual([[], [id(third)]]);
    if (hasTcx()) {
      const link = objects.keep(attachTcx({ program: one, ifindex, direction: "ingress" }));
      expect(found()).toEqual([[id(one)], [id(third)]]);
      updateLink(link, other);
      expect(found()).toEqual([[id(other)], [id(third)]]);
    }
    detachCls({ ifindex, direction: "egress" });
    expect(found()[1]).toEqual([]);
  });
});

test.skipIf(!hasBpf)("an interface that is not there has no list", () => {
  using objects = new TestObjects();
  objects.besideTap(() => expect(() => attachedPrograms(0x7fff_ffff, "ingress")).toThrow(/2147483647/));
});
