/**
 * Tasks: long deeds with progress, a result or a real error. Each is in the database from before its first step until ten
 * minutes after its end, with a journal of what it does, so that one that `kill -9` interrupted is settled at the next start.
 * Source: the vSphere Web Services API; vim25 TaskInfo.
 */
import type { Clock, Fault } from "../base/index.ts";
import {
  type AnyValue,
  fault,
  faultToLocalized,
  type LocalizedMethodFault,
  type MoRef,
  type TaskInfo,
  type TaskReasonSystem,
  type TaskReasonUser,
} from "../wire/index.ts";
import type { Changes } from "./changes.ts";
import type { Connection } from "./database.ts";
import { faultOf } from "./faults.ts";
import type { Journal } from "./recovery.ts";
import { fromStored, toStored } from "./stored.ts";

const FINISHED_KEPT_MS = 10 * 60_000; // clients come back for a result after a lost connection; real hosts keep about as long
const UNFINISHED_MAX = 256; // tasks at one time; past it a client is told to wait instead of the host filling up
const TASK_MANAGER: MoRef<"TaskManager"> = { type: "TaskManager", value: "ha-taskmgr" };

/** What the task is about, as its TaskInfo shows it. */
export interface TaskSubject {
  readonly entity: MoRef;
  readonly entityName: string;
  /** "PowerOnVM_Task" */
  readonly method: string;
  /** "vim.VirtualMachine.powerOn" */
  readonly vmodlMethod: string;
  /** "" for the host itself. */
  readonly userName: string;
}

/** The running task as its deed sees it. */
export interface Progress {
  /** @param percent 0–100 */
  report(percent: number): void;
  /** From now the client may cancel. @returns aborted when it does: the deed then takes back what it has done and throws RequestCanceled */
  allowCancel(): AbortSignal;
}

export class Task {
  info: TaskInfo;
  readonly ref: MoRef<"Task">;
  readonly #onEnd: ((task: Task) => void)[] = [];
  /** There while the client may cancel the task. */
  canceller: AbortController | undefined;

  constructor(info: TaskInfo) {
    this.info = info;
    this.ref = info.task;
  }

  get ended(): boolean {
    return this.info.state === "success" || this.info.state === "error";
  }

  onEnd(listener: (task: Task) => void): void {
    this.#onEnd.push(listener);
  }

  settled(): void {
    for (const listener of this.#onEnd.splice(0)) listener(this);
  }
}

export class Tasks {
  readonly #tasks = new Map<string, Task>();
  readonly #database: Connection;
  readonly #changes: Changes;
  readonly #clock: Clock;
  /** The deeds under way, so that an orderly stop can wait for them. */
  readonly #running = new Set<Promise<void>>();

  constructor(database: Connection, changes: Changes, clock: Clock) {
    this.#database = database;
    this.#changes = changes;
    this.#clock = clock;
    const rows = database.prepare("SELECT info FROM task ORDER BY id").all() as { info: string }[];
    for (const { info } of rows) this.#adopt(fromStored(info) as TaskInfo);
  }

  find(moid: string): Task | undefined {
    return this.#tasks.get(moid);
  }

  /** Newest last: TaskManager.recentTask, and of one entity ManagedEntity.recentTask. */
  recent(entity?: MoRef): readonly MoRef<"Task">[] {
    const tasks = [...this.#tasks.values()];
    return tasks.filter((task) => entity === undefined || task.info.entity?.value === entity.value).map((task) => task.ref);
  }

  /** What is queued or under way. */
  unfinished(): readonly TaskInfo[] {
    return [...this.#tasks.values()].filter((task) => !task.ended).map(({ info }) => info);
  }

  /** The tasks that a former hostd left unfinished, with what each was doing. */
  interrupted(): readonly { readonly task: Task; readonly journal: Journal }[] {
    const rows = this.#database.prepare("SELECT moid, journal FROM task WHERE completed_at IS NULL ORDER BY id").all();
    return (rows as { moid: string; journal: string }[]).flatMap(({ moid, journal }) => {
      const task = this.#tasks.get(moid);
      return task === undefined ? [] : [{ task, journal: JSON.parse(journal) as Journal }];
    });
  }

  /**
   * Starts a task and returns at once. `deed` runs after the row is on disk; what it throws becomes the task's error.
   * @param journal what is about to be done, enough to undo or finish it after a crash
   */
  start(subject: TaskSubject, journal: Journal, deed: (progress: Progress) => Promise<AnyValue | undefined>): Task {
    if (this.unfinished().length >= UNFINISHED_MAX)
      throw fault("ResourceInUse", `${UNFINISHED_MAX} tasks are under way already; try again later`, {});
    const task = this.#create(subject, journal);
    const running = this.#run(task, deed).finally(() => this.#running.delete(running));
    this.#running.add(running);
    return task;
  }

  /** A task that ends in error before it begins: what a request that is not admitted gets. */
  reject(subject: TaskSubject, refusal: Fault): Task {
    const task = this.#create(subject, { kind: "none" });
    this.finish(task, { error: faultToLocalized(refusal) });
    return task;
  }

  /** Tells the deed that it is no longer wanted; how the task ends is the deed's to say. @throws {Fault} NotSupported, InvalidState */
  cancel(task: Task): void {
    if (task.ended) throw fault("InvalidState", "The task has completed.", {});
    if (task.canceller === undefined) throw fault("NotSupported", "The task cannot be cancelled.", {});
    this.#update(task, { cancelled: true });
    task.canceller.abort();
  }

  /** Ends a task, on disk before anyone is told. */
  finish(task: Task, outcome: { readonly result?: AnyValue | undefined } | { readonly error: LocalizedMethodFault }): void {
    const failed = "error" in outcome;
    const completeTime = new Date(this.#clock.now());
    const { progress: _, ...info } = task.info;
    task.canceller = undefined;
    task.info = {
      ...info,
      cancelable: false,
      state: failed ? "error" : "success",
      ...(failed ? { error: outcome.error } : { result: outcome.result }),
      completeTime,
    };
    const update = this.#database.prepare("UPDATE task SET info = ?, completed_at = ? WHERE moid = ?");
    update.run(toStored(task.info), completeTime.getTime(), task.ref.value);
    task.settled();
    this.#announce(task);
    this.#forgetOld();
  }

  /** Resolves when no deed is under way any more. */
  async drain(): Promise<void> {
    await Promise.all(this.#running);
  }

  async #run(task: Task, deed: (progress: Progress) => Promise<AnyValue | undefined>): Promise<void> {
    await Promise.resolve(); // so that whoever starts a task holds it before its deed begins
    this.#update(task, { state: "running", startTime: new Date(this.#clock.now()) });
    const report = (percent: number): void => this.#update(task, { progress: Math.round(percent) });
    const allowCancel = (): AbortSignal => {
      task.canceller ??= new AbortController();
      this.#update(task, { cancelable: true });
      return task.canceller.signal;
    };
    try {
      this.finish(task, { result: await deed({ report, allowCancel }) });
    } catch (error) {
      this.finish(task, { error: faultToLocalized(faultOf(error)) });
    }
  }

  #create(subject: TaskSubject, journal: Journal): Task {
    const insert = this.#database.transaction((): TaskInfo => {
      const { seq } = (this.#database.prepare("SELECT seq FROM sqlite_sequence WHERE name = 'task'").get() ?? { seq: 0 }) as {
        seq: number;
      };
      const info = describe(subject, seq + 1, this.#clock.now());
      this.#database
        .prepare("INSERT INTO task (moid, info, journal) VALUES (?, ?, ?)")
        .run(info.key, toStored(info), JSON.stringify(journal));
      return info;
    });
    const task = this.#adopt(insert() as TaskInfo);
    this.#announce(task);
    return task;
  }

  #adopt(info: TaskInfo): Task {
    const task = new Task(info);
    this.#tasks.set(task.ref.value, task);
    return task;
  }

  /** Progress is not saved: after a crash nobody can go on from it. */
  #update(task: Task, change: Partial<TaskInfo>): void {
    task.info = { ...task.info, ...change };
    this.#announce(task);
  }

  #announce(task: Task): void {
    this.#changes.changed(task.ref, TASK_MANAGER, ...(task.info.entity === undefined ? [] : [task.info.entity]));
  }

  #forgetOld(): void {
    const oldest = this.#clock.now() - FINISHED_KEPT_MS;
    for (const [moid, task] of this.#tasks) {
      if (task.info.completeTime === undefined || task.info.completeTime.getTime() >= oldest) continue;
      this.#tasks.delete(moid);
      this.#announce(task); // it leaves the filters that watch it
    }
    this.#database.prepare("DELETE FROM task WHERE completed_at < ?").run(oldest);
  }
}

function describe(subject: TaskSubject, id: number, nowMs: number): TaskInfo {
  const moid = `haTask-${subject.entity.value}-${subject.vmodlMethod}-${id}`;
  const reason: TaskReasonUser | TaskReasonSystem =
    subject.userName === "" ? { $type: "TaskReasonSystem" } : { $type: "TaskReasonUser", userName: subject.userName };
  return {
    key: moid,
    task: { type: "Task", value: moid },
    name: subject.method,
    descriptionId: subject.vmodlMethod.replace(/^vim\./, ""),
    entity: subject.entity,
    entityName: subject.entityName,
    state: "queued",
    cancelled: false,
    cancelable: false,
    reason,
    queueTime: new Date(nowMs),
    eventChainId: id,
  };
}
