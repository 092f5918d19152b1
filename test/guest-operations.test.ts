import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { moRef, type VimClient } from "../src/interfaces/index.ts";
import type { Event, MoRef } from "../src/wire/index.ts";
import { installFromGo } from "./go.ts";
import { runGovc } from "./govc.ts";
import { datastoreText, installGuestImage, PASSWORD, startHost, type TestHost, waitFor } from "./harness.ts";
import { bootableSpec, createVm, read, succeeded } from "./vm.ts";

/** What a client does inside a guest, as one of the guest's users. One guest serves the whole file. */
const run = promisify(execFile);
const NAME = "workshop";
const PROCESSES = moRef("GuestProcessManager", "ha-guest-operations-process-manager");
const AUTH = moRef("GuestAuthManager", "ha-guest-operations-auth-manager");
const alice = { $type: "NamePasswordAuthentication", interactiveSession: false, username: "alice", password: "Guest-Alice-1" } as const;

let host: TestHost;
let client: VimClient;
let vm: MoRef<"VirtualMachine">;

beforeAll(async () => {
  host = await startHost();
  client = await host.login();
  vm = await createVm(client, bootableSpec(NAME, await installGuestImage(host, `${NAME}-boot`)));
});
afterAll(async () => {
  client?.close();
  await host?.stop();
});

test("nothing is done in a guest that is off, nor in one whose agent does not answer yet", async () => {
  const validate = () => client.call(AUTH, "ValidateCredentialsInGuest", { vm, auth: alice });
  await expect(validate()).rejects.toMatchObject({ fault: "InvalidPowerState", fields: { existingState: "poweredOff" } });
  await succeeded(client, await client.call(vm, "PowerOnVM_Task", {}));
  await expect(validate()).rejects.toMatchObject({ fault: "GuestOperationsUnavailable" });
  await waitFor(async () => (await read(client, vm, "guest.guestOperationsReady")) === true, 90_000);
});

test("pyVmomi logs in, runs programs and works with files in a guest as one of its users", async () => {
  const script = join(import.meta.dirname, "clients/guest_programs.py");
  const { stdout } = await run("/usr/bin/python3", [script, "127.0.0.1", String(host.port), "root", PASSWORD, NAME], { timeout: 280_000 });
  const refused = "vim.fault.InvalidGuestLogin";
  expect(JSON.parse(stdout)).toEqual({
    logins: { alice: refused, nobody: refused, locked: refused, empty: refused, "-s": refused },
    ended: ["sh", "alice", 7],
    sleeper: ["sleep", "alice", "/bin/sleep 1000", null],
    init: ["root", "init"],
    notMine: "vim.fault.GuestPermissionDenied",
    nobodys: "vim.fault.GuestProcessNotFound",
    noProgram: "vim.fault.FileNotFound",
    environment: expect.arrayContaining(["HOME=/home/alice", "USER=alice"]),
    listing: [
      ["$(reboot)", "file", 0, "0o640"],
      [".", "directory", expect.any(Number), "0o700"],
      ["..", "directory", expect.any(Number), "0o1777"],
      ["uno", "directory", expect.any(Number), "0o755"],
    ],
    remaining: [0, 1],
    matching: ["uno"],
    faults: {
      exists: "vim.fault.FileAlreadyExists",
      notEmpty: "vim.fault.DirectoryNotEmpty",
      notDirectory: "vim.fault.NotADirectory",
      notAllowed: "vim.fault.GuestPermissionDenied",
      notReadable: "vim.fault.GuestPermissionDenied",
    },
    gone: "vim.fault.FileNotFound",
    transfers: {
      again: 401,
      downloadAgain: 401,
      otherVm: 401,
      spentByThat: 401,
      traversal: 400,
      wrongDirection: 401,
      tooShort: 500,
      tooLong: 500,
      forged: 401,
      notAFile: "vim.fault.NotAFile",
      notReadable: "vim.fault.GuestPermissionDenied",
      notWritable: "vim.fault.GuestPermissionDenied",
      noOverwrite: "vim.fault.FileAlreadyExists",
    },
    left: [
      ["empty", 0, "0o600", 1000],
      ["it's a file", 640_003, "0o600", 1000],
    ],
    ready: [true, "linuxGuest", "Bulkhead test guest"],
  });
}, 300_000); // some fifty deeds, each of which is some twenty processes of a guest that is translated

const govc = await installFromGo("govc");
if ("because" in govc) console.warn(`govc cannot be had on this machine, its test is skipped: ${govc.because}`);
const govcPath = "path" in govc ? govc.path : "";

test.skipIf(govcPath === "")("govc runs programs and carries files as administrators have it do", async () => {
  const says = (command: string, ...args: readonly string[]) =>
    runGovc(govcPath, host.port, [`guest.${command}`, "-vm", NAME, "-l", "alice:Guest-Alice-1", ...args], 120_000);
  expect(await says("run", "-e", "GREETING=hello", "echo $GREETING from $(id -un)")).toBe("hello from alice\n");
  await expect(says("run", "exit 3")).rejects.toMatchObject({ code: 3 });
  const pid = (await says("start", "/bin/sleep", "1000")).trim();
  expect(await says("ps", "-p", pid)).toMatch(/alice .*sleep/);
  await says("kill", "-p", pid);
  expect(await says("getenv", "HOME")).toBe("HOME=/home/alice\n");
  await says("mkdir", "-p", "/tmp/govc/deep");
  const folder = mkdtempSync(join(tmpdir(), "bulkhead-guest-"));
  const bytes = randomBytes(700_000);
  writeFileSync(join(folder, "up"), bytes);
  await says("upload", join(folder, "up"), "/tmp/govc/file");
  expect(await says("ls", "/tmp/govc")).toMatch(/file$/m);
  await says("download", "/tmp/govc/file", join(folder, "down"));
  expect(readFileSync(join(folder, "down"))).toEqual(bytes);
  rmSync(folder, { recursive: true });
  await says("mv", "/tmp/govc/file", "/tmp/govc/deep/file");
  await says("chmod", "0600", "/tmp/govc/deep/file");
  await says("rm", "/tmp/govc/deep/file");
  await says("rmdir", "-r", "/tmp/govc");
  await expect(says("ls", "/tmp/govc")).rejects.toMatchObject({ stderr: expect.stringContaining("was not found") });
});

test("what a client asks for in words that a guest's shell would act on is only words", async () => {
  const spec = (programPath: string, changes: object = {}) => ({ programPath, arguments: "", ...changes });
  const start = (changes: object, path = "/bin/true") =>
    client.call(PROCESSES, "StartProgramInGuest", { vm, auth: alice, spec: spec(path, changes) });
  await expect(start({}, "/bin/'; touch /tmp/hurt; '")).rejects.toMatchObject({ fault: "FileNotFound" });
  await expect(start({ workingDirectory: "/'$(touch /tmp/hurt)" })).rejects.toMatchObject({ fault: "FileNotFound" });
  await expect(start({}, "bin/true")).rejects.toMatchObject({ fault: "InvalidArgument" });
  await expect(start({ envVariables: ["-S touch"] })).rejects.toMatchObject({ fault: "InvalidArgument" });
  await expect(start({ arguments: "x".repeat(70_000) })).rejects.toMatchObject({ fault: "InvalidArgument" });
  const hurt = { vm, auth: alice, filePath: "/tmp/hurt" };
  const files = moRef("GuestFileManager", "ha-guest-operations-file-manager");
  await expect(client.call(files, "ListFilesInGuest", hurt)).rejects.toMatchObject({ fault: "FileNotFound" });
});

test("tickets and certificates are refused by name, and a VM that is not there has no guest", async () => {
  const ticket = { $type: "TicketedSessionAuthentication", interactiveSession: false, ticket: "x" } as const;
  await expect(client.call(AUTH, "ValidateCredentialsInGuest", { vm, auth: ticket })).rejects.toMatchObject({
    fault: "OperationNotSupportedByGuest",
  });
  const sspi = { $type: "SSPIAuthentication", interactiveSession: false, sspiToken: "x" } as const;
  await expect(client.call(AUTH, "AcquireCredentialsInGuest", { vm, requestedAuth: sspi })).rejects.toMatchObject({
    fault: "OperationNotSupportedByGuest",
  });
  const none = moRef("VirtualMachine", "4711");
  await expect(client.call(AUTH, "ValidateCredentialsInGuest", { vm: none, auth: alice })).rejects.toMatchObject({
    fault: "ManagedObjectNotFound",
  });
});

test("a guest gets a non-maskable interrupt, and a VM that is terminated is off at once, with an event", async () => {
  await client.call(vm, "SendNMI", {});
  await waitFor(async () => /NMI received/.test(await datastoreText(host, `${NAME}/console.log`)), 60_000);
  await client.call(vm, "TerminateVM", {});
  expect(await read(client, vm, "runtime.powerState")).toBe("poweredOff");
  const manager = moRef("EventManager", "ha-eventmgr");
  const events: readonly Event[] | undefined = await client.call(manager, "QueryEvents", {
    filter: { entity: { entity: vm, recursion: "self" } },
  });
  expect(events?.at(-1)?.$type).toBe("VmPoweredOffEvent");
  for (const method of ["SendNMI", "TerminateVM"] as const) {
    await expect(client.call(vm, method, {})).rejects.toMatchObject({ fault: "InvalidPowerState" });
  }
});
