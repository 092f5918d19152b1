import { PassThrough } from "node:stream";
import { expect, test } from "vitest";
import { type Lockdown, NO_LOCKDOWN, type Permission } from "../../access/index.ts";
import type { VmId } from "../../base/index.ts";
import type { HostAgent } from "../agent.ts";
import { consoleUrl } from "./acquire-ticket.ts";
import { Consoles, viewersMax } from "./consoles.ts";
import { openConsole } from "./open-console.ts";

/** What a ticket is worth when it is used: the agent's other parts are there as far as this asks them. */
const VM = "1" as VmId;
const client = { address: "10.0.0.9", userAgent: "test" };
const admin: Permission = { entity: "ha-folder-root", principal: "anna", roleId: -1, propagate: true };

function agentWith(
  changes: {
    permissions?: readonly Permission[];
    accounts?: readonly string[];
    vms?: readonly VmId[];
    max?: number;
    lockdown?: Lockdown;
  } = {},
) {
  const { permissions = [admin], accounts = ["anna"], vms = [VM], max = -1, lockdown = NO_LOCKDOWN } = changes;
  const files = { kind: "readable", config: { maxMksConnections: max } };
  const vm = { id: VM, ref: { type: "VirtualMachine", value: VM }, name: "web", files, changed: () => {} };
  const streams: PassThrough[] = [];
  const audited: string[] = [];
  const posted: string[] = [];
  let nowMs = 0;
  const consoles = new Consoles({ now: () => nowMs } as never);
  const agent = {
    consoles,
    vms: {
      find: (id: VmId) => (vms.includes(id) ? vm : undefined),
      vmkernel: {
        async openStream() {
          streams.push(new PassThrough());
          return streams.at(-1);
        },
      },
    },
    accounts: { find: (name: string) => (accounts.includes(name) ? { name } : undefined), permissions: () => permissions },
    lockdown: { current: lockdown },
    inventory: { pathOf: () => [VM, "ha-folder-vm", "ha-folder-root"] },
    events: { post: (name: string) => void posted.push(name) },
    audit: ({ id, result, reason = "" }: { id: string; result: string; reason?: string }) =>
      void audited.push(`${id} ${result} ${reason}`.trim()),
  } as unknown as HostAgent;
  const later = (ms: number) => {
    nowMs += ms;
  };
  const knock = () => openConsole(agent, { ticket: consoles.tickets.issue({ vm: VM, userName: "anna" }), client });
  return { agent, consoles, streams, audited, posted, knock, later };
}

test("a ticket opens the console of its VM; both ends of it are recorded", async () => {
  const { consoles, audited, posted, knock } = agentWith();
  const stream = await knock();
  expect(consoles.viewersOf(VM).map(({ connection }) => connection)).toMatchObject([{ client: "10.0.0.9", userName: "anna" }]);
  stream.destroy();
  await new Promise((resolve) => stream.once("close", resolve));
  expect(consoles.viewersOf(VM)).toEqual([]);
  expect(audited).toEqual(["console.open success", "console.close success"]);
  expect(posted).toEqual(["VmRemoteConsoleConnectedEvent", "VmRemoteConsoleDisconnectedEvent"]);
});

test.each<[string, Parameters<typeof agentWith>[0], string, string]>([
  ["whose holder lost the permission since", { permissions: [{ ...admin, roleId: -2 }] }, "NoPermission", "vim.access.denied"],
  ["whose holder's account is gone", { accounts: [] }, "NotAuthenticated", "vim.access.denied"],
  ["whose holder lockdown mode keeps out", { lockdown: { mode: "lockdownNormal", exceptions: [] } }, "NoPermission", "vim.access.denied"],
  ["whose VM is gone", { vms: [] }, "ManagedObjectNotFound", "console.open"],
])("a ticket %s opens nothing: %s", async (_, changes, name, audit) => {
  const { streams, audited, knock } = agentWith(changes);
  await expect(knock()).rejects.toMatchObject({ fault: name });
  expect(streams).toEqual([]);
  expect(audited).toEqual([`${audit} failure ${name}`]);
});

test("a ticket that is too old opens nothing, and is nobody's", async () => {
  const { agent, consoles, streams, audited, later } = agentWith();
  const ticket = consoles.tickets.issue({ vm: VM, userName: "anna" });
  later(60_001);
  await expect(openConsole(agent, { ticket, client })).rejects.toMatchObject({ fault: "NotAuthenticated" });
  expect(streams).toEqual([]);
  expect(audited).toEqual(["vim.access.denied failure NotAuthenticated"]);
});

test("of two that take the last place at once, one gets it, and the other's stream is ended", async () => {
  const { consoles, streams, knock } = agentWith({ max: 1 });
  const answers = await Promise.allSettled([knock(), knock()]);
  expect(answers.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected"]);
  expect(streams.map(({ destroyed }) => destroyed).sort()).toEqual([false, true]);
  expect(consoles.viewersOf(VM)).toHaveLength(1);
});

test.each([
  ["unset", undefined, 40],
  ["as ESXi writes for no bound", -1, 40],
  ["none at all", 0, 0],
  ["a few", 3, 3],
])("consoles of a VM whose bound is %s", (_, maxMksConnections, max) => {
  expect(viewersMax({ files: { kind: "readable", config: { maxMksConnections } } } as never)).toBe(max);
});

test.each([
  ["10.0.0.1", "wss://10.0.0.1:8443/ticket/t"],
  ["fe80::1", "wss://[fe80::1]:8443/ticket/t"],
  ["0.0.0.0", "wss://esx1:8443/ticket/t"],
  ["::", "wss://esx1:8443/ticket/t"],
])("a host that listens on %s is reached at %s", (address, url) => {
  expect(consoleUrl({ address, hostName: "esx1", port: 8443 } as never, "t")).toBe(url);
});
