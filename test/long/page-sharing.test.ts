/** Sixteen equal guests share pages; one rewrites all that it has, and the others have theirs as they were. Paper «Memory Isolation». */
import { afterAll, beforeAll, expect, test } from "vitest";
import { Fault } from "../../src/base/index.ts";
import { hasKsm } from "../../src/system/index.ts";
import { NO_POOLS } from "../../src/vmkernel/index.ts";
import { TestKernel, until } from "../monitor.fixture.ts";
import { SUM_TEXT, sumOf, TEXT_BYTES, writeText } from "../shared-text.ts";

const COUNT = 16;
const BOOT_MS = 900_000;
const login = { user: "root", password: "Guest-Root-1" };
const ids = Array.from({ length: COUNT }, (_, index) => String(index + 1));
const canShare = process.getuid?.() === 0 && hasKsm();
let kernel: TestKernel;

beforeAll(async () => {
  if (!canShare) return;
  kernel = new TestKernel();
  await kernel.start();
  await kernel.client.request({ kind: "configureResources", resources: { ...NO_POOLS, sharedPagesPerSecond: 20_000 } });
  for (const id of ids) {
    const machine = await kernel.makeGuest(id, {}, [{ kind: "toolsChannel", key: 12000 }]);
    await kernel.client.request({ kind: "powerOn", machine, sharingGroup: "all" });
  }
  const areUp = async () => (await kernel.client.request({ kind: "listMonitors" })).every(({ guest }) => guest.tools === "running");
  await until("all are up", areUp, BOOT_MS, 1000);
}, BOOT_MS);
afterAll(async () => {
  await kernel?.[Symbol.asyncDispose]();
});

const MISSED = new Set(["GuestOperationsUnavailable", "Timedout"]);
let deeds = 0;
/**
 * With as much time as it takes, beside fifteen others on few processors: an agent may miss its time there, so it is asked again, which
 * begins nothing twice.
 */
async function run(id: string, script: string): Promise<string> {
  const folder = `/deed${deeds++}`;
  const begun = `mkdir ${folder} 2>/dev/null && { ( ${script} ) > ${folder}/saying 2>&1; mv ${folder}/saying ${folder}/said; }`;
  const ask = `( ${begun} ) < /dev/null > /dev/null 2>&1 & [ ! -e ${folder}/said ] || cat ${folder}/said`;
  let said = "";
  const isSaid = async () => {
    try {
      const { output } = await kernel.client.request({ kind: "runInGuest", vm: id as never, login, script: ask });
      said = Buffer.from(output, "base64").toString();
    } catch (error) {
      if (!(error instanceof Fault && MISSED.has(error.name))) throw error;
    }
    return said !== "";
  };
  await until(`guest ${id} has done it`, isSaid, BOOT_MS, 2000);
  return said;
}
const sharedBytes = async (): Promise<readonly number[]> =>
  (await kernel.client.request({ kind: "sampleLoad" })).monitors.map((monitor) => monitor.sharedBytes);

test.skipIf(!canShare)(
  "sixteen guests share, one rewrites everything, and the others' memory is untouched, byte for byte",
  async () => {
    const [before, after] = ["what all of them know", "what one of them has made of it"];
    for (const id of ids) expect(await run(id, writeText(before))).toBe(sumOf(before));
    await until("all share", async () => (await sharedBytes()).every((bytes) => bytes > 0.8 * TEXT_BYTES), BOOT_MS, 1000);
    expect(await run("1", writeText(after))).toBe(sumOf(after));
    for (const id of ids.slice(1)) expect(await run(id, SUM_TEXT)).toBe(sumOf(before));
    await kernel.client.request({ kind: "configureResources", resources: NO_POOLS });
    await until("none shares", async () => (await sharedBytes()).every((bytes) => bytes === 0), BOOT_MS, 1000);
    expect(await Promise.all(ids.map((id) => run(id, SUM_TEXT)))).toEqual(ids.map((id) => sumOf(id === "1" ? after : before)));
  },
  3 * BOOT_MS,
);
