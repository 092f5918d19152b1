import { expect, test } from "vitest";
import type { TaskFilterSpec, TaskInfo } from "../../wire/index.ts";
import { passesTaskFilter } from "./task-history.ts";

const VM = { type: "VirtualMachine", value: "1" } as const;
const FOLDER = { type: "Folder", value: "ha-folder-vm" } as const;
const pathOf = (moid: string) => (moid === VM.value ? [moid, FOLDER.value, "ha-folder-root"] : [moid, "ha-folder-root"]);
const at = (second: number) => new Date(second * 1000);
const info: TaskInfo = {
  key: "t",
  task: { type: "Task", value: "t" },
  descriptionId: "VirtualMachine.powerOn",
  entity: VM,
  state: "running",
  cancelled: false,
  cancelable: false,
  reason: { $type: "TaskReasonUser", userName: "root" } as TaskInfo["reason"],
  queueTime: at(10),
  startTime: at(20),
  eventChainId: 7,
};

test.each<readonly [string, TaskFilterSpec, boolean]>([
  ["no filter", {}, true],
  ["its state", { state: ["queued", "running"] }, true],
  ["another state", { state: ["error"] }, false],
  ["its user", { userName: { systemUser: false, userList: ["eve", "root"] } }, true],
  ["another user", { userName: { systemUser: false, userList: ["eve"] } }, false],
  ["the host itself", { userName: { systemUser: true } }, false],
  ["its chain", { eventChainId: [7] }, true],
  ["another chain", { eventChainId: [8] }, false],
  ["its VM", { entity: { entity: VM, recursion: "self" } }, true],
  ["what lies beneath its VM", { entity: { entity: VM, recursion: "children" } }, false],
  ["its folder itself", { entity: { entity: FOLDER, recursion: "self" } }, false],
  ["what lies beneath its folder", { entity: { entity: FOLDER, recursion: "children" } }, true],
  ["its folder and all beneath", { entity: { entity: FOLDER, recursion: "all" } }, true],
  ["a time of queueing", { time: { timeType: "queuedTime", beginTime: at(10), endTime: at(10) } }, true],
  ["a start that came later", { time: { timeType: "startedTime", endTime: at(19) } }, false],
  ["an end that has not come", { time: { timeType: "completedTime" } }, false],
  ["a tag", { tag: ["x"] }, false],
  ["a parent", { parentTaskKey: ["x"] }, false],
  ["lists that are empty", { tag: [], state: [], eventChainId: [], userName: { systemUser: false, userList: [] } }, true],
])("a task by a user on a VM is filtered by %s", (_, filter, passes) => {
  expect(passesTaskFilter(info, filter, pathOf)).toBe(passes);
});
