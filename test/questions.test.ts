import { execFileSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { hostPaths } from "../src/base/index.ts";
import { moRef, type VimClient } from "../src/interfaces/index.ts";
import type { Event, MoRef, VirtualMachineQuestionInfo } from "../src/wire/index.ts";
import { installGuestImage, startHost, type TestHost, waitFor } from "./harness.ts";
import { bootableSpec, createVm, diskInGuest, read, succeeded } from "./vm.ts";

/** A real guest that writes more than its datastore has room for: a small file system, mounted as a second datastore. */
const NAME = "writer";
const PROCESSES = moRef("GuestProcessManager", "ha-guest-operations-process-manager");
const auth = { $type: "NamePasswordAuthentication", interactiveSession: false, username: "root", password: "Guest-Root-1" } as never;
let host: TestHost;
let client: VimClient;
let vm: MoRef<"VirtualMachine">;
let small: string;

const resize = (how: string, MiB: number) => execFileSync("mount", ["-t", "tmpfs", "-o", `${how}size=${MiB}m`, "tmpfs", small]);
const question = async () => (await read(client, vm, "runtime.question")) as VirtualMachineQuestionInfo | undefined;
const asks = () => waitFor(async () => (await question()) !== undefined, 90_000);
const answer = (questionId: string, answerChoice: string) => client.call(vm, "AnswerVM", { questionId, answerChoice });
const isIn = async (state: string): Promise<boolean> => (await read(client, vm, "runtime.powerState")) === state;
/** Begins to write that much to the second disk, and says nothing before it is done. */
const write = (MiB: number, then: string) =>
  client.call(PROCESSES, "StartProgramInGuest", {
    vm,
    auth,
    spec: {
      programPath: "/bin/sh",
      arguments: `-c "dd if=/dev/zero of=${diskInGuest(1)} bs=1M count=${MiB} conv=fsync && echo ${then} > /dev/ttyS0"`,
    },
  });

beforeAll(async () => {
  host = await startHost();
  small = join(hostPaths(host.root).volumes, "small");
  mkdirSync(small);
  resize("", 24);
  client = await host.login();
  const spec = bootableSpec(NAME, await installGuestImage(host, `${NAME}-boot`));
  await waitFor(async () => ((await read(client, moRef("HostSystem", "ha-host"), "datastore")) as MoRef[]).length === 2, 60_000);
  mkdirSync(join(small, NAME));
  vm = await createVm(client, {
    ...spec,
    deviceChange: [
      ...(spec.deviceChange ?? []),
      {
        operation: "add",
        fileOperation: "create",
        device: {
          $type: "VirtualDisk",
          key: -9,
          controllerKey: -1,
          unitNumber: 1,
          capacityInKB: 128 * 1024,
          backing: {
            $type: "VirtualDiskFlatVer2BackingInfo",
            fileName: `[small] ${NAME}/data.vmdk`,
            diskMode: "persistent",
            thinProvisioned: true,
          },
        } as never,
      },
    ],
  });
  await succeeded(client, await client.call(vm, "PowerOnVM_Task", {}));
  await waitFor(async () => (await read(client, vm, "guest.toolsRunningStatus")) === "guestToolsRunning", 90_000);
});
afterAll(async () => {
  client?.close();
  await host?.stop(true);
  if (small !== undefined) execFileSync("umount", [small]);
  await host?.stop();
});

test("a VM that asks nothing has no answer to be given", async () => {
  expect(await question()).toBeUndefined();
  await expect(answer("1", "0")).rejects.toMatchObject({ fault: "InvalidArgument", fields: { invalidProperty: "questionId" } });
});

test("a guest whose datastore is full stands and asks, and an answer that is none changes nothing", async () => {
  await write(40, "written");
  await asks();
  const asked = await question();
  expect(asked).toMatchObject({
    text: expect.stringContaining(`[small] ${NAME}/data.vmdk`),
    choice: {
      choiceInfo: [
        { key: "0", label: "button.retry" },
        { key: "1", label: "button.abort" },
      ],
      defaultIndex: 0,
    },
    message: [{ id: "msg.hbacommon.outofspace" }],
  });
  expect(await isIn("poweredOn")).toBe(true);
  await expect(answer(asked?.id ?? "", "2")).rejects.toMatchObject({
    fault: "InvalidArgument",
    fields: { invalidProperty: "answerChoice" },
  });
  await expect(answer("0", "0")).rejects.toMatchObject({ fault: "ConcurrentAccess" });
  const suspend = client.call(vm, "SuspendVM_Task", {});
  await expect(suspend.then((task) => succeeded(client, task))).rejects.toThrow("InvalidState");
  const events: readonly Event[] = (await client.call(moRef("EventManager", "ha-eventmgr"), "QueryEvents", { filter: {} })) ?? [];
  expect(events.filter(({ $type }) => $type === "VmMessageEvent")).toHaveLength(1);
});

test("the question is asked again by the host agent and the vmkernel that come after kill -9, and with room the guest goes on", async () => {
  const first = (await question())?.id;
  const before = await host.pids();
  process.kill(before.hostd, "SIGKILL");
  await waitFor(async () => ![before.hostd, undefined].includes((await host.pids()).hostd), 60_000);
  client = await host.login();
  expect((await question())?.id).toBe(first); // the same question still
  process.kill(before.vmkernel, "SIGKILL");
  await waitFor(async () => ![before.vmkernel, undefined].includes((await host.pids()).vmkernel), 60_000);
  await asks();
  await waitFor(async () => (await question())?.id !== first, 60_000); // who was not there cannot know that it is the same
  resize("remount,", 64);
  await answer((await question())?.id ?? "", "0");
  await waitFor(async () => (await question()) === undefined, 60_000);
  const log = join(hostPaths(host.root).volumes, "datastore1", NAME, "console.log");
  await waitFor(() => execFileSync("cat", [log], { encoding: "utf8" }).includes("written"), 90_000);
});

test("who cancels has the VM powered off", async () => {
  await waitFor(async () => (await read(client, vm, "guest.toolsRunningStatus")) === "guestToolsRunning", 90_000);
  await write(100, "never");
  await asks();
  await answer((await question())?.id ?? "", "1");
  expect(await isIn("poweredOff")).toBe(true);
  expect(await question()).toBeUndefined();
});
