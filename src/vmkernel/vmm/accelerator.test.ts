import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { expect, test } from "vitest";
import { cgroupControllers, processesOfUid } from "../../system/index.ts";
import { FULL_ISOLATION } from "../isolation.ts";
import { chooseAccelerator, judge, runSelfTest } from "./accelerator.ts";
import { judgeKvm } from "./accelerator-kvm.ts";
import { selfTestRom } from "./accelerator-rom.ts";
import { QEMU } from "./sandbox-qemu.ts";

test.each([
  ["is not there", undefined, "There is no /dev/kvm."],
  ["is a file", { mode: 0o666, gid: 0, device: false }, "/dev/kvm is no device."],
  ["is its owner's alone", { mode: 0o600, gid: 105, device: true }, "Only the owner of /dev/kvm may open it."],
  ["can be read by others, not written", { mode: 0o604, gid: 105, device: true }, "Only the owner of /dev/kvm may open it."],
  ["is root's group's", { mode: 0o660, gid: 0, device: true }, "/dev/kvm is for root's group only: give it a group of its own (kvm)."],
])("a /dev/kvm that %s is not used, and why is said", (_, found, because) => {
  const device = found && { mode: found.mode, gid: found.gid, isCharacterDevice: () => found.device };
  expect(judgeKvm(device)).toEqual({ kind: "unusable", because });
});

test.each([
  ["a group", 0o660, 105, 105],
  ["everybody, whatever its group", 0o666, 0, undefined],
])("a /dev/kvm for %s is used", (_, mode, gid, group) => {
  expect(judgeKvm({ mode, gid, isCharacterDevice: () => true })).toEqual({ kind: "usable", path: "/dev/kvm", group });
});

test("only exit code 67 is a pass", () => {
  expect(judge("kvm", { kind: "exited", code: 67 }, "")).toBeUndefined();
  expect(judge("kvm", undefined, "")).toBe("The self-test guest on /dev/kvm did not finish within 1.5 s.");
  expect(judge("kvm", { kind: "exited", code: 69 }, "")).toBe("The self-test guest on /dev/kvm ended with 69 and not 67.");
  expect(judge("kvm", { kind: "exited", code: 0 }, "")).toBe("The self-test guest on /dev/kvm ended with 0 and not 67.");
  expect(judge("kvm", { kind: "exited", code: 1 }, "Permission denied")).toContain("ended with 1 and not 67: Permission denied.");
  expect(judge("tcg", { kind: "killed", signal: "SIGABRT" }, "")).toBe("The self-test guest on TCG was killed by SIGABRT.");
});

test("the ROM is 64 KiB and enters its first byte from the reset vector", () => {
  const rom = selfTestRom();
  expect(rom.length).toBe(65_536);
  // ljmp $0xf000, $0x0000
  expect(rom.subarray(0xfff0, 0xfff5).toString("hex")).toBe("ea000000f0");
  expect(rom.subarray(0x400, 0xfff0).every((byte) => byte === 0)).toBe(true);
  expect(createHash("sha256").update(rom).digest("hex")).toMatchInlineSnapshot(
    `"de27a8f6200b937e2a8078da58813350e6a2b07a2a369ed2b1a0f12e9eb00c1c"`,
  );
});

const UID = 265_001;
const cgroup = cgroupControllers().length > 0 ? `bulkhead-test-${process.pid}/self-test` : undefined;
const place = { isolation: FULL_ISOLATION, uid: UID, cgroup };
const canRun = process.getuid?.() === 0 && existsSync(QEMU);

test.skipIf(!canRun)("the self-test guest finishes on TCG, in the sandbox", async () => {
  expect(await runSelfTest("tcg", place)).toBeUndefined();
});

test.skipIf(!canRun)("an accelerator is chosen within two seconds, with the reason, and nothing is left running", async () => {
  const began = performance.now();
  const { kind, because } = await chooseAccelerator(place);
  expect(performance.now() - began).toBeLessThan(4000); // twice the promise: other tests run beside this one
  expect(["kvm", "tcg"]).toContain(kind);
  expect(because).toMatch(kind === "kvm" ? /finished on \/dev\/kvm/ : /\/dev\/kvm/);
  expect(processesOfUid(UID)).toEqual([]);
});
