import { readFileSync } from "node:fs";
import { buffer } from "node:stream/consumers";
import { expect, test } from "vitest";
import type { VmId } from "../src/base/index.ts";
import { keyUsages } from "../src/wire/index.ts";
import { inDatastore, TestKernel, until } from "./monitor.fixture.ts";

/** A real monitor's console as vmkernel gives it: no guest needs to be up for it, the firmware has a screen and a keyboard. */
const POWER = 0x66; // the key that would end the guest
const TEST_MS = 120_000;

test(
  "a monitor shows its screen, takes keys, and listens for no viewer",
  async () => {
    await using kernel = new TestKernel();
    await kernel.start();
    const machine = await kernel.makeGuest("7");
    const { vm } = machine;
    await expect(kernel.client.openStream({ kind: "openConsole", vm })).rejects.toMatchObject({ fault: "InvalidPowerState" });
    await kernel.client.request({ kind: "powerOn", machine });

    const viewers = async () => ((await kernel.client.request({ kind: "inspectMonitor", vm })).qmp.vnc as { clients: unknown[] }[])[0];
    expect(await viewers()).toMatchObject({ server: [], clients: [] });
    const console = await kernel.client.openStream({ kind: "openConsole", vm });
    expect(String(console.read())).toBe("RFB 003.008\n");
    expect(await viewers()).toMatchObject({ server: [], clients: [{ family: "unix" }] });
    console.destroy();
    await until("the viewer is gone", async () => (await viewers())?.clients.length === 0);

    // Two at a time: each gets a whole picture of its own.
    const pictures = await Promise.all([1, 2].map(async () => buffer(await kernel.client.openStream({ kind: "captureScreen", vm }))));
    for (const picture of pictures) expect(picture.subarray(1, 4).toString()).toBe("PNG");
    for (const picture of pictures) expect(picture.subarray(-8, -4).toString()).toBe("IEND");
    await kernel.client.request({ kind: "saveScreen", vm, to: inDatastore("7/screen.png") });
    expect(readFileSync(kernel.hostPath("7/screen.png")).subarray(1, 4).toString()).toBe("PNG");
    const again = kernel.client.request({ kind: "saveScreen", vm, to: inDatastore("7/screen.png") });
    await expect(again).rejects.toMatchObject({ fault: "FileAlreadyExists" });

    const strokes = keyUsages.filter((usage) => usage !== POWER).map((usage) => ({ usage, modifiers: 0 }));
    await kernel.client.request({ kind: "pressKeys", vm, strokes }); // QEMU knows every one by the name that it is given
    await kernel.client.request({ kind: "powerOff", vm });
    const off = kernel.client.request({ kind: "pressKeys", vm: "8" as VmId, strokes });
    await expect(off).rejects.toMatchObject({ fault: "InvalidPowerState" });
  },
  TEST_MS,
);
