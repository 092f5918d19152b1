/** A hostile program in hostd's place, which is what a hole in its parsers would be: what it reaches, and what it does not. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, chownSync, closeSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { type AddressInfo, createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createMemoryFile, filesOfPrograms } from "../src/system/index.ts";
import { FULL_ISOLATION, planHostdSandbox, startSandboxed } from "../src/vmkernel/index.ts";
import { type Call, call, encodeCalls, outcomeOf, PROGRAM, RESULT } from "./hostile/system-calls.ts";

const [UID, GID] = [265_100, 265_101];
const [O_RDONLY, O_WRONLY, O_CREAT] = [0, 1, 0o100];
const [UNIX, INET, STREAM] = [1, 2, 1];

describe.skipIf(process.getuid?.() !== 0)("a hostile program in hostd's place", () => {
  let folder = "";
  let server: Server;
  let victim: ReturnType<typeof spawn>;

  beforeAll(async () => {
    // Only root may enter it, as /root: its code must be reachable all the same.
    folder = mkdtempSync(join(tmpdir(), "bulkhead-hostd-"));
    for (const name of ["code", "state", "rpc", "other"]) mkdirSync(join(folder, name));
    writeFileSync(join(folder, "code/hostile"), PROGRAM, { mode: 0o755 });
    writeFileSync(join(folder, "other/secret"), "secret");
    writeFileSync(join(folder, "code/module"), "");
    for (const name of ["code/module", "other/secret"]) chmodSync(join(folder, name), 0o666); // it is not their mode that protects them
    chownSync(join(folder, "state"), UID, GID);
    server = createServer((socket) => socket.end());
    await new Promise<void>((resolve) => server.listen({ port: 0, host: "127.0.0.1" }, resolve));
    victim = spawn("/usr/bin/setpriv", ["--reuid", String(UID), "--clear-groups", "/bin/sleep", "60"], { stdio: "ignore" });
    await once(victim, "spawn");
  });

  afterAll(async () => {
    victim.kill("SIGKILL");
    await new Promise((resolve) => server.close(resolve));
    rmSync(folder, { recursive: true });
  });

  async function attempt(calls: readonly Call[]): Promise<string> {
    const log = createMemoryFile("hostd-log");
    const plan = planHostdSandbox({
      isolation: FULL_ISOLATION,
      uid: UID,
      gid: GID,
      program: join(folder, "code/hostile"),
      args: encodeCalls(calls),
      readOnlyPaths: [join(folder, "code"), ...(await filesOfPrograms(["/usr/bin/setpriv"]))],
      writablePaths: [join(folder, "state"), join(folder, "rpc")],
      descriptorCount: 1,
    });
    const socket = openSync("/dev/null", "r");
    try {
      const end = await (await startSandboxed(plan, { descriptors: [socket], log, stdin: "lifeline", cgroup: undefined })).ended;
      const complaint = readFileSync(`/proc/self/fd/${log}`, "utf8");
      if (complaint !== "") throw new Error(complaint); // the sandbox's exit code would be taken for an errno
      return end.kind === "exited" ? outcomeOf(end.code) : end.signal;
    } finally {
      closeSync(socket);
      closeSync(log);
    }
  }

  const path = (name: string) => join(folder, name);
  const port = () => (server.address() as AddressInfo).port.toString(16).padStart(4, "0");
  const loopback = () => Buffer.from(`0200${port()}7f0000010000000000000000`, "hex");

  test.each<[string, () => Call[], string]>([
    ["the machine's passwords", () => [call("open", "/etc/shadow", O_RDONLY)], "ENOENT"],
    ["a file beside its own that everybody may write", () => [call("open", path("other/secret"), O_WRONLY)], "ENOENT"],
    ["a change of its own code", () => [call("open", path("code/module"), O_WRONLY)], "EROFS"],
    ["a file in the folder of vmkernel's socket", () => [call("open", path("rpc/x"), O_WRONLY | O_CREAT, 0o600)], "EACCES"],
    ["a shell", () => [call("execve", "/bin/sh", 0, 0)], "ENOENT"],
    ["a connection to the machine", () => [call("socket", INET, STREAM, 0), call("connect", RESULT, loopback(), 16)], "EPERM"],
    ["a signal to a process of its own user", () => [call("kill", victim.pid ?? 0, 0)], "ESRCH"],
    ["becoming root", () => [call("setuid", 0)], "EPERM"],
    ["root's group", () => [call("setgroups", 1, Buffer.alloc(4))], "EPERM"],
    ["a user namespace", () => [call("unshare", 0x10000000)], "EPERM"],
    ["a mount", () => [call("mount", "none", "/tmp", "tmpfs", 0, 0)], "EPERM"],
    ["a second descriptor", () => [call("fcntl", 4, 1)], "EBADF"],
  ])("%s is out of reach", async (_, calls, errno) => {
    expect(await attempt(calls())).toBe(errno);
  });

  test.each<[string, () => Call[]]>([
    ["its own code", () => [call("open", path("code/hostile"), O_RDONLY)]],
    ["a new file in its state", () => [call("open", path("state/new"), O_WRONLY | O_CREAT, 0o600)]],
    ["a unix socket, for vmkernel's", () => [call("socket", UNIX, STREAM, 0)]],
    ["what it inherits", () => [call("fcntl", 3, 1)]],
  ])("%s is within reach", async (_, calls) => {
    expect(await attempt(calls())).toBe("done");
  });
});
