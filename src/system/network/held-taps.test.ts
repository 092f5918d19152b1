import { spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync, statSync } from "node:fs";
import { expect, test } from "vitest";
import { createTap, heldTaps, inNamespace } from "./index.ts";
import { TestNamespaces } from "./namespace.fixture.ts";

test.skipIf(process.getuid?.() !== 0)(
  "a tap is found in whoever holds it, with the namespace that it is in; a tun without a tap is none",
  async () => {
    using namespaces = new TestNamespaces();
    const one = namespaces.make("one");
    const tap = inNamespace(one, () => createTap("v1n4000", { vnetHeader: true }));
    const bare = openSync("/dev/net/tun", "r+");
    const namespace = statSync(one).ino;
    expect(heldTaps(process.pid)).toEqual([{ fd: tap, name: "v1n4000", namespace }]);
    const child = spawn("sleep", ["60"], { stdio: ["ignore", "ignore", "ignore", bare, tap] });
    try {
      await once(child, "spawn");
      closeSync(tap);
      closeSync(bare);
      expect(heldTaps(process.pid)).toEqual([]);
      expect(heldTaps(child.pid ?? 0)).toEqual([{ fd: 4, name: "v1n4000", namespace }]);
    } finally {
      child.kill("SIGKILL");
      await once(child, "exit");
    }
    expect(heldTaps(child.pid ?? 0)).toEqual([]);
  },
);
