import { expect, test } from "vitest";
import { systemClock } from "../base/index.ts";
import { fault } from "../wire/index.ts";
import { Changes } from "./changes.ts";
import { openDatabase } from "./database.ts";
import { type TaskSubject, Tasks } from "./tasks.ts";

const subject: TaskSubject = {
  entity: { type: "VirtualMachine", value: "1" },
  entityName: "demo",
  method: "PowerOnVM_Task",
  vmodlMethod: "vim.VirtualMachine.powerOn",
  userName: "root",
};
const none = { kind: "none" } as const;

function newTasks() {
  const database = openDatabase(":memory:");
  return { database, tasks: new Tasks(database, new Changes(), systemClock) };
}

test("a task runs, reports and succeeds with its result", async () => {
  const { tasks } = newTasks();
  const seen: unknown[] = [];
  const task = tasks.start(subject, none, async ({ report }) => {
    report(49.6);
    seen.push(task.info.state, task.info.progress);
    return { anyType: "VirtualMachine", value: subject.entity };
  });
  expect(task.ref.value).toBe("haTask-1-vim.VirtualMachine.powerOn-1");
  await tasks.drain();
  expect(seen).toEqual(["running", 50]);
  expect(task.info).toMatchObject({ state: "success", result: { anyType: "VirtualMachine" }, descriptionId: "VirtualMachine.powerOn" });
});

test("a task is cancelled only when its deed lets itself be, and ends as the deed says", async () => {
  const { tasks } = newTasks();
  const deaf = tasks.start(subject, none, () => new Promise((resolve) => setTimeout(() => resolve(undefined), 30)));
  expect(() => tasks.cancel(deaf)).toThrow(expect.objectContaining({ fault: "NotSupported" }));
  const hearing = tasks.start(subject, none, async ({ allowCancel }) => {
    const signal = allowCancel();
    await new Promise((resolve) => signal.addEventListener("abort", resolve));
    throw fault("RequestCanceled", "The task was canceled by a user.", {});
  });
  await Promise.resolve();
  await Promise.resolve();
  expect(hearing.info).toMatchObject({ cancelable: true, cancelled: false });
  tasks.cancel(hearing);
  await tasks.drain();
  expect(hearing.info).toMatchObject({
    state: "error",
    cancelled: true,
    cancelable: false,
    error: { fault: { $type: "RequestCanceled" } },
  });
  expect(() => tasks.cancel(hearing)).toThrow(expect.objectContaining({ fault: "InvalidState" }));
});

test("a fault becomes the task's error, with its fields and message", async () => {
  const { tasks } = newTasks();
  const task = tasks.start(subject, none, async () => {
    throw fault("FileNotFound", "File [d] x.vmdk was not found", { file: "[d] x.vmdk" });
  });
  await tasks.drain();
  expect(task.info.error).toMatchObject({
    fault: { $type: "FileNotFound", file: "[d] x.vmdk" },
    localizedMessage: "File [d] x.vmdk was not found",
  });
});

test("a bug inside a task becomes a SystemError that tells a client nothing of the host", async () => {
  const { tasks } = newTasks();
  const task = tasks.start(subject, none, async () => {
    throw new Error("ENOENT /var/lib/secret");
  });
  await tasks.drain();
  expect(task.info.error?.fault.$type).toBe("SystemError");
  expect(JSON.stringify(task.info.error)).not.toContain("secret");
});

test("a task outlives its process: the next one finds it unfinished, with its journal, and can end it", () => {
  const { database, tasks } = newTasks();
  const journal = { kind: "power", vm: "1", wanted: "poweredOn" } as never;
  tasks.start(subject, journal, () => new Promise(() => {}));
  const next = new Tasks(database, new Changes(), systemClock);
  const [interrupted] = next.interrupted();
  expect(interrupted?.journal).toEqual(journal);
  if (interrupted !== undefined) next.finish(interrupted.task, {});
  expect(next.interrupted()).toEqual([]);
  expect(new Tasks(database, new Changes(), systemClock).find("haTask-1-vim.VirtualMachine.powerOn-1")?.info.state).toBe("success");
});

test("tasks that never end are bounded", () => {
  const { tasks } = newTasks();
  expect(() => {
    for (let i = 0; i < 10_000; i++) tasks.start(subject, none, () => new Promise(() => {}));
  }).toThrow("under way already");
});
