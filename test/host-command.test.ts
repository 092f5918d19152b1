/** `bulkhead host run|status|stop` as people and programs use it, and what becomes of a host whose supervisor is killed. */
import { execFile } from "node:child_process";
import { readdirSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { promisify } from "node:util";
import { afterEach, expect, test } from "vitest";
import { hostPaths } from "../src/base/index.ts";
import { moRef } from "../src/interfaces/index.ts";
import { findProcess, inNamespace, listAddresses } from "../src/system/index.ts";
import { netstackNamespace } from "../src/vmkernel/index.ts";
import { esxcli } from "./esxcli.ts";
import { COMMAND, datastoreText, freePort, installGuestImage, newRoot, startHost, type TestHost, waitFor } from "./harness.ts";
import { bootableSpec, createVm, lastTick, read, succeeded } from "./vm.ts";

const HOST = moRef("HostSystem", "ha-host");
const hosts: TestHost[] = [];
afterEach(async () => {
  for (const host of hosts.splice(0)) await host.stop();
});

interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

function bulkhead(...args: readonly string[]): Promise<Outcome> {
  return promisify(execFile)(COMMAND, [...args]).then(
    ({ stdout, stderr }) => ({ code: 0, stdout, stderr }),
    (error: Outcome) => error,
  );
}

const ONE_LINE = /^bulkhead: [^\n]+\n$/;

test("where no host runs, status, evidence and stop say so, and make nothing", async () => {
  const root = newRoot();
  try {
    expect(await bulkhead("host", "status", "--root", root)).toMatchObject({ code: 3, stdout: `No host runs on ${root}.\n` });
    expect(JSON.parse((await bulkhead("host", "status", "--root", root, "--json")).stdout)).toEqual({ running: false });
    expect(await bulkhead("evidence", "--root", root)).toMatchObject({ code: 3, stderr: `bulkhead: no host runs on ${root}\n` });
    expect(await bulkhead("host", "stop", "--root", root)).toMatchObject({ code: 0, stdout: `No host runs on ${root}.\n` });
    expect(readdirSync(root)).toEqual([]);
  } finally {
    rmSync(root, { recursive: true });
  }
});

test.each([
  ["a command that there is not", ["host", "walk"]],
  ["an option that there is not", ["host", "run", "--rot", "/tmp"]],
  ["an address that is none", ["host", "run", "--listen", "localhost"]],
])("%s is refused with exit code 2", async (_, args) => {
  expect(await bulkhead(...args)).toMatchObject({ code: 2, stderr: expect.stringContaining("--help") });
});

test("help names the commands and is no error", async () => {
  expect(await bulkhead("--help")).toMatchObject({ code: 0, stdout: expect.stringMatching(/host .*\n.*evidence /) });
  expect(await bulkhead("host", "run", "--help")).toMatchObject({ code: 0, stdout: expect.stringContaining("--listen <addr:port>") });
});

test("a port that is taken is one line, and nothing is made", async () => {
  const root = newRoot();
  const port = await freePort();
  const server = createServer().listen(port, "127.0.0.1");
  try {
    const { code, stderr } = await bulkhead("host", "run", "--root", root, "--listen", `127.0.0.1:${port}`);
    expect({ code, stderr }).toEqual({ code: 1, stderr: `bulkhead: 127.0.0.1:${port} is taken by another process\n` });
    expect(readdirSync(root)).toEqual([]);
  } finally {
    server.close();
    rmSync(root, { recursive: true });
  }
});

test("a root whose path is too long for a socket is one line", async () => {
  const outcome = await bulkhead("host", "run", "--root", `/tmp/${"x".repeat(120)}`, "--listen", `127.0.0.1:${await freePort()}`);
  expect(outcome).toMatchObject({ code: 1, stderr: expect.stringMatching(ONE_LINE) });
});

const isRoot = process.getuid?.() === 0;
const LISTENING = "0A";

/** Whether something listens at the API's port in the network namespace of the host's own interfaces, where vmk0 is. */
function isServedOnOwnInterface({ root, port }: TestHost): boolean {
  const hex = port.toString(16).toUpperCase().padStart(4, "0");
  return inNamespace(netstackNamespace(hostPaths(root).network, "defaultTcpipStack"), () => {
    const sockets = ["tcp", "tcp6"].flatMap((table) => readFileSync(`/proc/thread-self/net/${table}`, "utf8").split("\n"));
    return (
      listAddresses("vmk0").includes("169.254.1.1/16") &&
      sockets.some((line) => line.includes(`:${hex} `) && line.split(/\s+/)[4] === LISTENING)
    );
  });
}

test("a second host on one root is refused; the first is rebooted by a client, in maintenance mode, and stopped from another terminal", async () => {
  const host = await startHost();
  hosts.push(host);
  const second = await bulkhead("host", "run", "--root", host.root, "--listen", `127.0.0.1:${await freePort()}`);
  expect(second).toMatchObject({ code: 1, stderr: expect.stringMatching(/^bulkhead: a host already runs on [^\n]+\n$/) });

  const before = await status(host);
  await using client = await host.login();
  // Its interface for management comes with it, where it has one.
  if (isRoot) expect(await esxcli(client, "bulkhead network management add")).toEqual({ scalar: "true" });
  if (isRoot) await waitFor(() => isServedOnOwnInterface(host), 10_000);
  await succeeded(client, await client.call(HOST, "EnterMaintenanceMode_Task", { timeout: 0 }));
  await client.call(HOST, "RebootHost_Task", { force: false });
  await waitFor(() => [before.pids.vmkernel, before.pids.hostd].every((pid) => findProcess(pid) === undefined), 60_000);
  await waitFor(async () => (await host.command("host", "status")).code === 0, 60_000);
  expect((await status(host)).pids.supervisor, "the machine goes on, and so does what stands in init's place").toBe(before.pids.supervisor);
  await using again = await host.login();
  expect(await read(again, HOST, "runtime")).toMatchObject({ inMaintenanceMode: true });
  if (isRoot) await waitFor(() => isServedOnOwnInterface(host), 10_000);

  const { vmkernel, hostd } = await host.pids();
  expect(await host.command("host", "stop", "--json")).toMatchObject({ code: 0, stdout: '{"stopped":true}\n' });
  expect([vmkernel, hostd].map(findProcess)).toEqual([undefined, undefined]);
  expect((await host.command("host", "status")).code).toBe(3);
});

test("when its supervisor is killed, hostd and vmkernel end, the guest runs on, and the next host adopts it", async () => {
  const host = await startHost();
  hosts.push(host);
  const client = await host.login();
  const vm = await createVm(client, bootableSpec("survivor", await installGuestImage(host, "survivor")));
  await succeeded(client, await client.call(vm, "PowerOnVM_Task", {}));
  client.close();
  const ticks = async () => lastTick(await datastoreText(host, "survivor/console.log"));
  await waitFor(async () => (await ticks()) > 0, 120_000);
  const before = await status(host);

  process.kill(before.pids.supervisor, "SIGKILL");
  await waitFor(() => [before.pids.vmkernel, before.pids.hostd].every((pid) => findProcess(pid) === undefined), 10_000);
  const seen = await ticks();

  const next = await startHost({ root: host.root });
  hosts.push(next);
  const after = await status(next);
  expect(after.vms.map(({ name, pid }) => ({ name, pid }))).toEqual(before.vms.map(({ name, pid }) => ({ name, pid })));
  await waitFor(async () => (await ticks()) > seen, 10_000);
  expect((await datastoreText(host, "survivor/console.log")).match(/GUEST-UP/g)).toHaveLength(1);

  await using nextClient = await next.login();
  await nextClient.call(HOST, "ShutdownHost_Task", { force: true });
  await waitFor(() => findProcess(after.pids.supervisor) === undefined, 120_000);
  expect(after.vms.map(({ pid }) => findProcess(pid))).toEqual([undefined]);
});

interface Status {
  readonly pids: { readonly supervisor: number; readonly vmkernel: number; readonly hostd: number };
  readonly vms: readonly { readonly name: string; readonly pid: number }[];
}

async function status(host: TestHost): Promise<Status> {
  return JSON.parse((await host.command("host", "status", "--json")).stdout) as Status;
}
