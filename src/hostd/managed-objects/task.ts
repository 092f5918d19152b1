/** vim25 Task and TaskManager. */
import type { HostAgent } from "../agent.ts";
import type { ManagedObjectType } from "../managed-object.ts";
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
    maxCollector: () => 0, // like ESXi, this host has no task history collectors
    description: () => ({
      methodInfo: [],
      state: TASK_STATES.map((key) => ({ $type: "ElementDescription", key, label: key, summary: key })),
      reason: [{ $type: "TypeDescription", key: "TaskReasonUser", label: "user", summary: "User task" }],
    }),
  },
  methods: {},
} as const satisfies ManagedObjectType<"TaskManager", HostAgent>;
