/** Programs in a guest, as an agent that may be hostile lets them be seen. The agent here is ours. */
import { expect, test } from "vitest";
import { AgentError } from "./guest-agent.ts";
import { type GuestExec, parseAdmission, parseReport, planRun, planStart } from "./guest-login.ts";
import { type AskAgent, GuestPrograms } from "./guest-programs.ts";

const login = { user: "alice", password: "s3cret word" };
const base64 = (text: string): string => Buffer.from(text).toString("base64");
const ended = (text: string, exitcode = 0) => ({ exited: true, exitcode, "out-data": base64(text) });

/** An agent that gives every program the next number, and of each says what `status` says. */
function agent(status: (pid: number, exec: GuestExec) => unknown): { readonly ask: AskAgent; readonly execs: GuestExec[] } {
  const execs: GuestExec[] = [];
  const ask: AskAgent = async (command, args) => {
    if (command === "guest-exec") return { pid: execs.push(args as GuestExec) };
    const { pid } = args as { pid: number };
    const exec = execs[pid - 1];
    if (exec === undefined) throw new AgentError("no such pid", "GenericError");
    return status(pid, exec);
  };
  return { ask, execs };
}

const isStart = ({ arg }: GuestExec): boolean => arg.length === 5 && !/^\d+$/.test(arg[4] ?? "");
const isReport = ({ arg }: GuestExec): boolean => arg.length === 5 && !isStart({ arg } as GuestExec);

function clock(startMs: number): { readonly now: () => number; readonly later: (ms: number) => void } {
  let atMs = startMs;
  const later = (ms: number): void => {
    atMs += ms;
  };
  return { now: () => atMs, later };
}

test("what a script writes comes back with its exit code, and the password is in no argument", async () => {
  const { ask, execs } = agent(() => ended("IN\nhello", 3));
  const programs = new GuestPrograms({ ask, now: Date.now });
  expect(await programs.run(login, "echo hello")).toEqual({ exitCode: 3, output: base64("hello") });
  expect(execs[0]?.arg.at(-1)).toBe("alice");
  for (const plan of [planRun(login, "echo hello"), planStart(login, "echo hello", "/tmp/x")]) {
    expect(plan.arg.join("\n")).not.toMatch(/s3cret|hello/);
    expect(Buffer.from(plan["input-data"], "base64").toString()).toMatch(/^s3cret word\n(?:.*\n)*echo hello\n$/);
  }
});

test.each<[string, unknown, string]>([
  ["that refuses the login", ended("LOGIN\n"), "InvalidGuestLogin"],
  ["that says nothing of the login", ended(""), "InvalidGuestLogin"],
  ["that says IN without an end", ended("IN"), "InvalidGuestLogin"],
  ["that cannot check passwords", ended("UNABLE\n"), "OperationNotSupportedByGuest"],
  ["that answers with nothing", undefined, "GuestOperationsUnavailable"],
  ["that answers with a list", [], "GuestOperationsUnavailable"],
  ["that answers with a text for an exit code", { exited: true, exitcode: "0" }, "GuestOperationsUnavailable"],
  ["that writes more than is taken", { exited: true, exitcode: 0, "out-data": "A".repeat(800 * 1024) }, "GuestOperationsUnavailable"],
  ["that writes a number", { exited: true, exitcode: 0, "out-data": 5 }, "GuestOperationsUnavailable"],
])("a guest %s is a fault by name: %#", async (_, status, name) => {
  const programs = new GuestPrograms({ ask: agent(() => status).ask, now: Date.now });
  await expect(programs.run(login, "true")).rejects.toMatchObject({ fault: name });
  expect(await programs.list()).toEqual([]);
});

test.each<[string, AgentError, string]>([
  ["that does not answer", new AgentError("silence"), "GuestOperationsUnavailable"],
  ["that is not allowed to run programs", new AgentError("no", "CommandNotFound"), "OperationDisabledByGuest"],
  ["without a shell", new AgentError("no", "GenericError"), "OperationNotSupportedByGuest"],
])("an agent %s is a fault by name", async (_, error, name) => {
  const programs = new GuestPrograms({ ask: () => Promise.reject(error), now: Date.now });
  await expect(programs.run(login, "true")).rejects.toMatchObject({ fault: name });
});

test.each([0, -1, 1.5, "1", null, 2 ** 40])("a pid that is none (%s) is nonsense", async (pid) => {
  const programs = new GuestPrograms({ ask: async () => ({ pid }), now: Date.now });
  await expect(programs.run(login, "true")).rejects.toMatchObject({ fault: "GuestOperationsUnavailable" });
});

test("what does not end in time is killed and given up", async () => {
  const { ask, execs } = agent(() => ({ exited: false }));
  const programs = new GuestPrograms({ ask, now: () => performance.now(), runTimeoutMs: 50 });
  await expect(programs.run(login, "sleep 1000")).rejects.toMatchObject({ fault: "Timedout" });
  expect(execs.at(-1)?.arg).toEqual(["-c", 'kill -9 "$1"', "sh", "1"]);
});

test("more than sixteen at a time are refused, and a place that is free again is given", async () => {
  let isDone = false;
  const { ask } = agent(() => (isDone ? ended("IN\n") : { exited: false }));
  const programs = new GuestPrograms({ ask, now: Date.now });
  const runs = Array.from({ length: 16 }, () => programs.run(login, "true"));
  await expect(programs.run(login, "true")).rejects.toMatchObject({ fault: "TooManyGuestLogons" });
  isDone = true;
  await Promise.all(runs);
  await programs.run(login, "true");
});

test("a program that was started is listed with its end for five minutes after it, by the guest's clock", async () => {
  let end: unknown = { exited: false };
  const time = clock(1_000_000);
  const { ask } = agent((_, exec) => (isReport(exec) ? ended("pid 77 1700000000\n") : end));
  const programs = new GuestPrograms({ ask, now: time.now });
  expect(await programs.start(login, "…", "/bin/sleep 2")).toEqual({ kind: "started", pid: 77 });
  const started = { pid: 77, user: "alice", commandLine: "/bin/sleep 2", startedAtMs: 1_700_000_000_000 };
  expect(await programs.list()).toEqual([started]);
  end = ended("IN\n1700000002\n", 4);
  const over = { ...started, end: { atMs: 1_700_000_002_000, exitCode: 4 } };
  expect(await programs.list()).toEqual([over]);
  time.later(299_000);
  expect(await programs.list()).toEqual([over]);
  time.later(1001);
  expect(await programs.list()).toEqual([]);
});

test("a program that the agent has forgotten is forgotten, and a guest that starts anew has none", async () => {
  let isThere = true;
  const { ask } = agent((_, exec) => {
    if (isReport(exec)) return ended("pid 77 1700000000\n");
    if (isThere) return { exited: false };
    throw new AgentError("no such pid", "GenericError");
  });
  const programs = new GuestPrograms({ ask, now: Date.now });
  await programs.start(login, "…", "a");
  expect(await programs.list()).toHaveLength(1);
  isThere = false;
  expect(await programs.list()).toEqual([]);
  isThere = true;
  await programs.start(login, "…", "b");
  programs.forget();
  expect(await programs.list()).toEqual([]);
});

test("a program that is not started says why, and one of a refused user is refused", async () => {
  const failed = agent((_, exec) => ended(isReport(exec) ? "no notFound\n" : "IN\n1\n"));
  expect(await new GuestPrograms({ ask: failed.ask, now: Date.now }).start(login, "…", "a")).toEqual({
    kind: "failed",
    because: "notFound",
  });
  const refused = agent((_, exec) => ended(isReport(exec) ? "" : "LOGIN\n"));
  const expired = agent((_, exec) => ended(isReport(exec) ? "" : "IN\n1\n"));
  for (const { ask } of [refused, expired]) {
    await expect(new GuestPrograms({ ask, now: Date.now }).start(login, "…", "a")).rejects.toMatchObject({ fault: "InvalidGuestLogin" });
  }
});

test("a hundred and twenty-eight programs of clients are enough for one guest", async () => {
  const { ask } = agent((_, exec) => (isReport(exec) ? ended("pid 77 1700000000\n") : { exited: false }));
  const programs = new GuestPrograms({ ask, now: Date.now });
  for (let count = 0; count < 128; count += 1) await programs.start(login, "…", "a");
  await expect(programs.start(login, "…", "a")).rejects.toMatchObject({ fault: "TooManyGuestLogons" });
});

test.each([
  ["", undefined],
  ["pid 0 1\n", undefined],
  ["pid 12", undefined],
  ["pid 99999999999 1\n", undefined],
  ["no $(reboot)\n", undefined],
  ["no denied\n", { kind: "failed", because: "denied" }],
  ["pid 5 999999999999\n", { kind: "started", pid: 5, atMs: 253_402_300_799_000 }],
])("a report %j is read as what it is", (text, expected) => {
  expect(parseReport(Buffer.from(text))).toEqual(expected);
});

test("only the first line says whether somebody was admitted", () => {
  expect(parseAdmission(Buffer.from("LOGIN\nIN\n"))).toEqual({ kind: "refused" });
  expect(parseAdmission(Buffer.from("IN\nLOGIN\n"))).toEqual({ kind: "admitted", output: Buffer.from("LOGIN\n") });
});
