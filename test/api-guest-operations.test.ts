import { afterAll, beforeAll, expect, test } from "vitest";
import { moRef } from "../src/interfaces/index.ts";
import { faultOf, startAgent, type TestAgent } from "./agent.fixture.ts";

/** Who may do something in a guest at all: asked before anything else, on the VM that the call names. */
let agent: TestAgent;
beforeAll(async () => {
  agent = await startAgent();
});
afterAll(() => agent?.stop());

const READ_ONLY = -2;
const vm = moRef("VirtualMachine", "4711");
const auth = { $type: "NamePasswordAuthentication", interactiveSession: false, username: "alice", password: "x" } as const;
const AUTH = moRef("GuestAuthManager", "ha-guest-operations-auth-manager");
const PROCESSES = moRef("GuestProcessManager", "ha-guest-operations-process-manager");
const FILES = moRef("GuestFileManager", "ha-guest-operations-file-manager");

test("who may only read is refused by the privilege that is missing on the VM, also for a VM that is not there", async () => {
  const client = await agent.login(READ_ONLY);
  const spec = { programPath: "/bin/true", arguments: "" };
  const transfer = { guestFilePath: "/tmp/x", fileAttributes: { $type: "GuestFileAttributes" as const }, fileSize: 1, overwrite: true };
  const refusals = await Promise.all([
    faultOf(client.call(AUTH, "ValidateCredentialsInGuest", { vm, auth })),
    faultOf(client.call(PROCESSES, "StartProgramInGuest", { vm, auth, spec })),
    faultOf(client.call(FILES, "InitiateFileTransferToGuest", { vm, auth, ...transfer })),
    faultOf(client.call(FILES, "InitiateFileTransferFromGuest", { vm, auth, guestFilePath: "/tmp/x" })),
  ]);
  const kinds = ["Query", "Execute", "Modify", "Query"];
  for (const [index, refusal] of refusals.entries()) {
    const privilegeId = `VirtualMachine.GuestOperations.${kinds[index]}`;
    expect(refusal).toMatchObject({ fault: "NoPermission", fields: { object: { value: "4711" }, privilegeId } });
  }
  client.close();
});

test("who is not logged in learns nothing of a VM", async () => {
  const client = await agent.connect();
  expect(await faultOf(client.call(AUTH, "ValidateCredentialsInGuest", { vm, auth }))).toMatchObject({ fault: "NotAuthenticated" });
  client.close();
});

test("an object that is no VM has no guest", async () => {
  const client = await agent.login();
  for (const ref of [vm, { type: "VirtualMachine", value: "ha-folder-root" } as const]) {
    expect(await faultOf(client.call(AUTH, "ValidateCredentialsInGuest", { vm: ref, auth }))).toMatchObject({
      fault: "ManagedObjectNotFound",
      fields: { obj: { value: ref.value } },
    });
  }
  client.close();
});
