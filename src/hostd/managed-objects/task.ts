/** vim25 Task and TaskManager. */
import { type ElementDescription, findMethod, schemaRows } from "../../wire/index.ts";
import { type HostAgent, sessionOf } from "../agent.ts";
import { bind, type ManagedObjectType } from "../managed-object.ts";
import { OBJECTS_PER_SESSION_MAX } from "../sessions.ts";
import { TaskCollector, taskLog } from "../task-history/task-history.ts";
import type { Task } from "../tasks.ts";

const TASK_STATES = ["queued", "running", "success", "error"] as const;

export const task = {
  type: "Task",
  properties: { info: (self) => self.info },
  methods: {
    CancelTask: (self, _, { agent }) => agent.tasks.cancel(self),
  },
} as const satisfies ManagedObjectType<"Task", Task>;

export const taskManager = {
  type: "TaskManager",
  properties: {
    recentTask: (agent) => agent.tasks.recent(),
    maxCollector: () => OBJECTS_PER_SESSION_MAX,
    description: () => ({
      methodInfo: taskMethods(),
      state: TASK_STATES.map((key) => ({ $type: "ElementDescription", key, label: key, summary: key })),
      reason: [{ $type: "TypeDescription", key: "TaskReasonUser", label: "user", summary: "User task" }],
    }),
  },
  methods: {
    CreateCollectorForTasks(agent, { filter }, call) {
      const session = sessionOf(call);
      const ref = { type: "TaskHistoryCollector", value: session.newMoid() } as const;
      const collector = new TaskCollector(ref, filter, taskLog(agent, session), (changed) => agent.changes.changed(changed));
      session.addObject({ instance: bind(taskHistoryCollector, ref.value, collector), dispose: () => collector.dispose() });
      return ref;
    },
  },
} as const satisfies ManagedObjectType<"TaskManager", HostAgent>;

export const taskHistoryCollector = {
  type: "TaskHistoryCollector",
  properties: {
    filter: ({ filter }) => ({ anyType: "TaskFilterSpec", value: filter }),
    latestPage: (self) => self.latestPage,
  },
  methods: {
    ReadNextTasks: (self, { maxCount }) => self.readNext(maxCount),
    ReadPreviousTasks: (self, { maxCount }) => self.readPrevious(maxCount),
    SetCollectorPageSize: (self, { maxCount }) => self.setPageSize(maxCount),
    RewindCollector: (self) => self.rewind(),
    ResetCollector: (self) => self.reset(),
    DestroyCollector: (self, _, call) => sessionOf(call).removeObject(self.ref.value),
  },
} as const satisfies ManagedObjectType<"TaskHistoryCollector", TaskCollector>;

/** What a TaskInfo's descriptionId may be: every method of the schema that ends in a task. */
function taskMethods(): readonly ElementDescription[] {
  return [...schemaRows().managedObjects.values()].flatMap(({ methods }) =>
    Object.keys(methods).flatMap((name) => {
      const method = findMethod(name);
      if (method?.taskResult === undefined) return [];
      const label = name.replace(/_Task$/, "");
      return [{ $type: "ElementDescription", key: method.vmodl.replace(/^vim\./, ""), label, summary: label }];
    }),
  );
}
