import { closeSync, openSync, readSync } from "node:fs";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { VmId } from "../src/base/index.ts";
import { moRef, type VimClient } from "../src/interfaces/index.ts";
import { describeFrames, framesBehind, hasKsm, PAGE_BYTES } from "../src/system/index.ts";
import type { VmkernelClient } from "../src/vmkernel/index.ts";
import type { MoRef } from "../src/wire/index.ts";
import { esxcli } from "./esxcli.ts";
import { datastoreText, installGuestImage, startHost, type TestHost, waitFor } from "./harness.ts";
import { SUM_TEXT, sumOf, TEXT_BYTES, writeText } from "./shared-text.ts";
import { inGuest } from "./topology.ts";
import { bootableSpec, createVm, ended, lastTick, succeeded } from "./vm.ts";

/** Guests that share equal pages of memory, and one beside them that does not. Paper «Memory Isolation». */
const NAMES = ["one", "two", "loner"] as const;
const OPTIONS = moRef("OptionManager", "ha-adv-options");
let host: TestHost;
let client: VimClient;
let vmkernel: VmkernelClient;
const vms = new Map<string, MoRef<"VirtualMachine">>();

beforeAll(async () => {
  if (!hasKsm()) return;
  host = await startHost();
  client = await host.login();
  vmkernel = await host.vmkernel();
  await setRate(32_768);
  for (const name of NAMES) {
    const salt = name === "loner" ? [] : [{ key: "sched.mem.pshare.salt", value: { anyType: "string" as const, value: "tenant" } }];
    const vm = await createVm(client, { ...bootableSpec(name, await installGuestImage(host, `${name}-boot`)), extraConfig: salt });
    vms.set(name, vm);
    await succeeded(client, await client.call(vm, "PowerOnVM_Task", {}));
  }
});
afterAll(async () => {
  client?.close();
  vmkernel?.close();
  await host?.stop();
});

const setRate = (pages: number) => setOption("Mem.ShareRateMax", pages);
async function setOption(key: string, value: number): Promise<void> {
  await client.call(OPTIONS, "UpdateOptions", { changedValue: [{ $type: "OptionValue", key, value: { anyType: "int", value } }] });
}

async function sharedMiB(): Promise<Readonly<Record<string, number>>> {
  const { monitors } = await vmkernel.request({ kind: "sampleLoad" });
  return Object.fromEntries(
    [...vms].map(([name, { value }]) => [name, (monitors.find(({ vm }) => vm === value)?.sharedBytes ?? 0) / 2 ** 20]),
  );
}
/** Of a guest's pages that hold the text, those that the kernel keeps once for several. */
async function mergedPagesOf(name: string, text: string): Promise<number> {
  const vm = (vms.get(name)?.value ?? "") as VmId;
  const { description } = await vmkernel.request({ kind: "inspectMonitor", vm });
  const frames: number[] = [];
  const memory = openSync(`/proc/${description.pid}/mem`, "r");
  for (const { region, hostStart, bytes } of await vmkernel.request({ kind: "mapMemory", vm })) {
    if (region !== "pc.ram") continue;
    const page = Buffer.alloc(PAGE_BYTES);
    for (const [index, frame] of framesBehind(description.pid, { start: hostStart, bytes }).entries()) {
      if (frame < 0) continue;
      readSync(memory, page, 0, PAGE_BYTES, hostStart + index * PAGE_BYTES);
      if (page.includes(text)) frames.push(frame);
    }
  }
  closeSync(memory);
  return describeFrames(frames).filter((kind) => kind === "ksm").length;
}
const ticks = async (name: string): Promise<number> => lastTick(await datastoreText(host, `${name}/console.log`));

test.skipIf(!hasKsm())(
  "guests of one salt share equal pages, one without a salt shares none, and the evidence passes with both",
  async () => {
    await waitFor(async () => (await Promise.all(NAMES.map(ticks))).every((tick) => tick > 0), 180_000, 500);
    await waitFor(
      async () => {
        const shared = await sharedMiB();
        return (shared.one ?? 0) > 5 && (shared.two ?? 0) > 5;
      },
      120_000,
      500,
    );
    expect((await sharedMiB()).loner).toBe(0);
    const rows = (await esxcli(client, "bulkhead memory sharing list")).rows ?? [];
    const told = (name: string) => rows.find(({ Name }) => Name?.[0] === name);
    expect([told("one")?.Group?.[0], told("two")?.Group?.[0], told("loner")?.SharedMB?.[0]]).toEqual(["salt tenant", "salt tenant", "0"]);
    for (const name of ["one", "two"]) expect(Number(told(name)?.SharedMB?.[0])).toBeGreaterThanOrEqual(5);
    const [machine] = (await esxcli(client, "bulkhead memory sharing get")).rows ?? [];
    expect(machine?.VMsSharing).toEqual(["2"]);
    expect(Number(machine?.Shared?.[0])).toBeGreaterThan(Number(machine?.Common?.[0]));
    const { stdout } = await host.command("evidence", "--json");
    const [claim] = (JSON.parse(stdout) as { claim: string; verdict: string; facts: readonly string[] }[]).filter((item) =>
      item.claim.startsWith("No machine page of a monitor"),
    );
    expect(claim?.verdict).toBe("pass");
    expect(Number(/to be copied on a write: (\d+)/.exec(claim?.facts.join("\n") ?? "")?.[1])).toBeGreaterThan(500);
  },
);

test.skipIf(!hasKsm())(
  "what one guest writes over pages that it shares, the other has as it was, byte for byte",
  async () => {
    const guest = (name: string) => ({ name, number: 0, vm: vms.get(name) as MoRef<"VirtualMachine"> });
    const run = (name: string, script: string) => inGuest(vmkernel, guest(name), script);
    const isUp = async () => {
      const monitors = await vmkernel.request({ kind: "listMonitors" });
      return ["one", "two"].every((name) => monitors.find(({ vm }) => vm === vms.get(name)?.value)?.guest.tools === "running");
    };
    await waitFor(isUp, 120_000, 500);
    const [before, after] = ["what both of them know", "what one of them has made of it"];
    expect([await run("one", writeText(before)), await run("two", writeText(before))]).toEqual([sumOf(before), sumOf(before)]);
    await waitFor(async () => (await mergedPagesOf("two", before)) > (0.5 * TEXT_BYTES) / PAGE_BYTES, 180_000, 1000);
    expect(await run("one", writeText(after))).toBe(sumOf(after));
    expect(await run("two", SUM_TEXT)).toBe(sumOf(before));
  },
  400_000,
);

test.skipIf(!hasKsm())("a VM of another salt starts, shares with nobody while the first group runs, and says so", async () => {
  const salt = [{ key: "sched.mem.pshare.salt", value: { anyType: "string" as const, value: "other" } }];
  const stranger = await createVm(client, { name: "stranger", memoryMB: 64, files: { vmPathName: "[datastore1]" }, extraConfig: salt });
  expect((await ended(client, await client.call(stranger, "PowerOnVM_Task", {}))).state).toBe("success");
  const events = (await client.call(moRef("EventManager", "ha-eventmgr"), "QueryEvents", { filter: {} })) ?? [];
  expect(events.map((event) => event.fullFormattedMessage).join("\n")).toContain(
    "stranger: its pages are shared with nobody while VMs of another group run",
  );
  expect(events.filter(({ vm, fullFormattedMessage }) => vm?.name === "stranger" && /tenant/.test(fullFormattedMessage ?? ""))).toEqual([]);
  await client.call(stranger, "TerminateVM", {});
});

test.skipIf(!hasKsm())("switched off, each guest has pages of its own again, and all have gone on", async () => {
  const before = await Promise.all(NAMES.map(ticks));
  await setRate(0);
  await waitFor(async () => Object.values(await sharedMiB()).every((shared) => shared === 0), 60_000, 500);
  await waitFor(async () => (await Promise.all(NAMES.map(ticks))).every((tick, index) => tick > (before[index] ?? 0)), 60_000, 500);
});
