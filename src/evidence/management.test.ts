import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { type Connection, networkOnRecord, openDatabase } from "../hostd/index.ts";
import type { HostNicConfig, NetworkConfig, NetworkState } from "../vmkernel/index.ts";
import { managementClaims } from "./claims/management.ts";
import type { Observation } from "./observe.ts";
import { type ObservedManagement, observeManagement } from "./observe-management.ts";

/** A host agent's own database, and what vmkernel says is in force. */
const folder = mkdtempSync(join(tmpdir(), "bulkhead-evidence-"));
const path = join(folder, "hostd.db");
const database: Connection = openDatabase(path);
chmodSync(folder, 0o700);
afterAll(() => {
  database.close();
  rmSync(folder, { recursive: true });
});

const first = JSON.parse(JSON.stringify(networkOnRecord(database, true).network)) as NetworkConfig;
const look = async (config = first): Promise<ObservedManagement> => {
  const state = async () => ({ config, ports: [], switchNumbers: {} }) as NetworkState;
  const found = await observeManagement({ database: path, namespace: join(folder, "network", "namespace"), port: 443 }, state);
  if (found === undefined) throw new Error("nothing was looked at");
  return found;
};
const judge = (management: ObservedManagement | undefined) =>
  managementClaims.map((claim) => claim.judge({ management } as Observation)).map(({ verdict, facts }) => [verdict, facts[0]]);
const pend = (untilMs: number) => {
  const stored = { switches: [], hostNics: [], hostRoutes: [] };
  const pending = {
    before: stored,
    permissions: [],
    sinceMs: 0,
    untilMs,
    changedBy: { address: "", session: "" },
    methodName: "UpdatePortGroup",
    transactionId: "1",
  };
  database.prepare("INSERT OR REPLACE INTO setting (key, value) VALUES ('networkRollback', ?)").run(JSON.stringify(pending));
};
const confirm = () => database.prepare("DELETE FROM setting WHERE key = 'networkRollback'").run();

test("a host whose network is the one on record, and that waits for nobody, passes; without an agent nothing is shown", async () => {
  const found = await look();
  expect(judge(found)).toEqual([
    [
      "pass",
      "in force: 1 switches (vSwitch0: no uplink), 2 port groups, no interface of the host; on record: 1 switches (vSwitch0: no uplink), 2 port groups, no interface of the host",
    ],
    ["pass", "the host has no interface of its own"],
  ]);
  expect(judge(undefined).map(([verdict]) => verdict)).toEqual(["not shown", "not shown"]);
});

test("another network in force than the one on record turns red", async () => {
  const [verdict, fact] = judge(await look({ ...first, switches: first.switches.map((one) => ({ ...one, uplinks: ["eth0"] })) }))[0] ?? [];
  expect([verdict, fact]).toEqual(["fail", expect.stringMatching(/^NOT SO: in force: 1 switches \(vSwitch0: eth0\)/)]);
});

test("a change that waits is shown with when it goes back and what to; one that should have gone back turns red", async () => {
  pend(Date.now() + 30_000);
  const waiting = managementClaims[0]?.judge({ management: await look() } as Observation);
  expect(waiting?.verdict).toBe("pass");
  expect(waiting?.facts[1]).toMatch(/^UpdatePortGroup goes back in \d+\.\d s to 0 switches/);
  pend(Date.now() - 60_000);
  expect(judge(await look())[0]).toEqual(["fail", expect.stringMatching(/^NOT SO: UpdatePortGroup should have gone back 60\.\d s ago/)]);
  confirm();
  expect(judge(await look())[0]?.[0]).toBe("pass");
});

const nic = (device: string, servesApi: boolean) =>
  ({ device, netstack: "defaultTcpipStack", ...(servesApi && { servesApi: true }) }) as HostNicConfig;
test.each<[string, readonly HostNicConfig[], number, string]>([
  ["one that is chosen is served", [nic("vmk0", true), nic("vmk1", false)], 1, "pass"],
  ["none is chosen and none is served", [nic("vmk0", false)], 0, "pass"],
  ["one that is chosen is not served", [nic("vmk0", true)], 0, "fail"],
  ["one is served that was not chosen", [nic("vmk0", true), nic("vmk1", false)], 2, "fail"],
])("of the host's own interfaces %s", async (_, hostNics, sockets, expected) => {
  const management = { ...(await look()), inForce: { ...first, hostNics }, listening: new Map([["defaultTcpipStack", sockets]]) };
  expect(judge(management)[1]).toEqual([expected, expect.stringContaining(`${sockets} sockets listen at port 443`)]);
});
