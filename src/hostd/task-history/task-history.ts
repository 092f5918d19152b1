/** The tasks that the host still knows, as vim25 TaskHistoryCollector reads them: by filter, and only those about what the reader may see. */
import { isSubtype, type MoRef, type TaskFilterSpec, type TaskInfo, type TaskReasonUser } from "../../wire/index.ts";
import type { HostAgent } from "../agent.ts";
import { HistoryCollector, type HistoryLog } from "../history-collector.ts";
import { sourceFor } from "../property-source.ts";
import type { Session } from "../sessions.ts";

export class TaskCollector extends HistoryCollector<MoRef<"TaskHistoryCollector">, TaskInfo, TaskFilterSpec> {}

const TASK_MANAGER = "ha-taskmgr";

export function taskLog(agent: HostAgent, session: Session): HistoryLog<TaskInfo, TaskFilterSpec> {
  const source = sourceFor(agent, session);
  const pathOf = (moid: string): readonly string[] => agent.inventory.pathOf(moid);
  const passing = (filter: TaskFilterSpec): readonly TaskInfo[] =>
    agent.tasks
      .recent()
      .flatMap((ref) => agent.tasks.find(ref.value)?.info ?? [])
      .filter((info) => passesTaskFilter(info, filter, pathOf))
      .filter((info) => info.entity === undefined || source.refusal(info.entity) === undefined);
  return {
    keyOf: ({ eventChainId }) => eventChainId,
    after: (key, filter, max) =>
      passing(filter)
        .filter(({ eventChainId }) => eventChainId > key)
        .slice(0, max),
    upTo: (key, filter, max) =>
      passing(filter)
        .filter(({ eventChainId }) => eventChainId <= key)
        .slice(max === 0 ? Number.POSITIVE_INFINITY : -max)
        .toReversed(),
    onNew: (listener) =>
      agent.changes.onChange((changed) => {
        if (changed.value === TASK_MANAGER) listener();
      }),
  };
}

/**
 * Whether a task passes every part of a filter. Pure.
 * @param pathOf an entity's id and those of its ancestors
 */
export function passesTaskFilter(info: TaskInfo, filter: TaskFilterSpec, pathOf: (moid: string) => readonly string[]): boolean {
  const { state, eventChainId, userName, entity, time } = filter;
  // No task of this host comes of an alarm or a schedule, belongs to another task or carries a tag.
  if (filter.alarm !== undefined || filter.scheduledTask !== undefined) return false;
  const never = [filter.activationId, filter.tag, filter.parentTaskKey, filter.rootTaskKey];
  if (never.some((wanted) => wanted !== undefined && wanted.length > 0)) return false;
  if (state !== undefined && state.length > 0 && !state.includes(info.state)) return false;
  if (eventChainId !== undefined && eventChainId.length > 0 && !eventChainId.includes(info.eventChainId)) return false;
  if (userName !== undefined && !isBy(info, userName)) return false;
  if (time !== undefined && !isWithin(timeOf(info, time.timeType), time)) return false;
  return entity === undefined || isAbout(info.entity, entity, pathOf);
}

function isBy({ reason }: TaskInfo, { systemUser, userList }: NonNullable<TaskFilterSpec["userName"]>): boolean {
  const user = isSubtype(reason.$type ?? "", "TaskReasonUser") ? (reason as TaskReasonUser).userName : "";
  if (user === "") return systemUser; // the host's own
  return userList === undefined || userList.length === 0 ? !systemUser : userList.includes(user);
}

function timeOf(info: TaskInfo, type: NonNullable<TaskFilterSpec["time"]>["timeType"]): Date | undefined {
  switch (type) {
    case "queuedTime":
      return info.queueTime;
    case "startedTime":
      return info.startTime;
    case "completedTime":
      return info.completeTime;
  }
}

/** What has not happened yet lies within no time. */
function isWithin(
  at: Date | undefined,
  { beginTime, endTime }: { readonly beginTime?: Date | undefined; readonly endTime?: Date | undefined },
) {
  return at !== undefined && (beginTime === undefined || at >= beginTime) && (endTime === undefined || at <= endTime);
}

function isAbout(
  about: MoRef | undefined,
  { entity, recursion }: NonNullable<TaskFilterSpec["entity"]>,
  pathOf: (moid: string) => readonly string[],
): boolean {
  if (about === undefined) return false;
  if (about.value === entity.value) return recursion !== "children";
  const [, ...ancestors] = pathOf(about.value);
  return recursion !== "self" && ancestors.includes(entity.value);
}
