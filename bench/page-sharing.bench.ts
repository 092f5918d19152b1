/**
 * Page sharing by the host's policy beside the kernel's own, at as many pages a second: how much is saved in the end, and how soon nine
 * tenths of that. Real guests of one salt; the same guests both times. `npm run bench -- page-sharing`.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { test } from "vitest";
import { moRef, type VimClient } from "../src/interfaces/index.ts";
import { hasKsm } from "../src/system/index.ts";
import { datastoreText, installGuestImage, sleep, startHost, waitFor } from "../test/harness.ts";
import { bootableSpec, createVm, lastTick, succeeded } from "../test/vm.ts";
import { print } from "./figures.ts";

const GUESTS = 6;
const PAGES_PER_SECOND = 5000; // of each guest: all of it is seen several times within a round
const ROUND_S = 60;
const LOOK_MS = 250;
const KSM = "/sys/kernel/mm/ksm";
const OPTIONS = moRef("OptionManager", "ha-adv-options");

const readKsm = (name: string): number => Number(readFileSync(`${KSM}/${name}`, "utf8"));
const savedMiB = (): number => (readKsm("pages_sharing") * 4096) / 2 ** 20;

test.skipIf(!hasKsm())("figures of page sharing", { timeout: 900_000 }, async () => {
  const host = await startHost();
  const client = await host.login();
  try {
    await setRate(client, 0);
    const names = Array.from({ length: GUESTS }, (_, index) => `guest${index}`);
    for (const name of names) {
      const extraConfig = [{ key: "sched.mem.pshare.salt", value: { anyType: "string" as const, value: "tenant" } }];
      const vm = await createVm(client, { ...bootableSpec(name, await installGuestImage(host, name)), extraConfig });
      await succeeded(client, await client.call(vm, "PowerOnVM_Task", {}));
    }
    const isUp = async () =>
      (await Promise.all(names.map((name) => datastoreText(host, `${name}/console.log`)))).every((text) => lastTick(text) > 2);
    await waitFor(isUp, 300_000, 1000);
    const policy = await round(() => setRate(client, PAGES_PER_SECOND));
    const scan = { pages_to_scan: readKsm("pages_to_scan"), sleep_millisecs: readKsm("sleep_millisecs") };
    await setRate(client, 0);
    await waitFor(() => savedMiB() < 1, 60_000);
    const alone = await round(async () => {
      for (const [name, value] of Object.entries({ ...scan, run: 1 })) writeFileSync(`${KSM}/${name}`, String(value));
    });
    await setRate(client, PAGES_PER_SECOND); // the host has its knobs again
    print(
      `${GUESTS} guests at ${scan.pages_to_scan} pages each ${scan.sleep_millisecs} ms: saved by the policy`,
      `${policy.savedMiB.toFixed(0)} MiB`,
    );
    print("saved by the kernel alone", `${alone.savedMiB.toFixed(0)} MiB`);
    print("saving, policy to kernel alone (at least 0.95)", (policy.savedMiB / alone.savedMiB).toFixed(3));
    const enough = 0.9 * alone.savedMiB;
    const [ofPolicy, ofKernel] = [policy.reached(enough), alone.reached(enough)];
    print("time to 90 % of what the kernel alone saves: policy, kernel alone", `${ofPolicy.toFixed(1)} s, ${ofKernel.toFixed(1)} s`);
    print("the same, kernel alone to policy", (ofKernel / ofPolicy).toFixed(2));
  } finally {
    client.close();
    await host.stop();
  }
});

interface Round {
  readonly savedMiB: number;
  /** Seconds until so much was saved; Infinity where it never was. */
  reached(savedMiB: number): number;
}

async function round(begin: () => Promise<void>): Promise<Round> {
  const looks: { readonly s: number; readonly saved: number }[] = [];
  const started = performance.now();
  await begin();
  while (performance.now() - started < ROUND_S * 1000) {
    await sleep(LOOK_MS);
    looks.push({ s: (performance.now() - started) / 1000, saved: savedMiB() });
  }
  return {
    savedMiB: looks.at(-1)?.saved ?? 0,
    reached: (wanted) => looks.find(({ saved }) => saved >= wanted)?.s ?? Number.POSITIVE_INFINITY,
  };
}

async function setRate(client: VimClient, pages: number): Promise<void> {
  const changed = { $type: "OptionValue" as const, key: "Mem.ShareRateMax", value: { anyType: "int" as const, value: pages } };
  await client.call(OPTIONS, "UpdateOptions", { changedValue: [changed] });
}
