import { execFile } from "node:child_process";
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { moRef } from "../src/interfaces/index.ts";
import { deleteTable, listTable } from "../src/system/index.ts";
import { CLIENTS, SERVER, TwoMachines } from "../src/vmkernel/firewall/two-machines.fixture.ts";
import type { HostConfigInfo, HostFirewallInfo, HostFirewallRulesetIpList } from "../src/wire/index.ts";
import { faultOf, startAgent, useAgent } from "./agent.fixture.ts";
import { REPOSITORY } from "./harness.ts";
import { read } from "./vm.ts";

/** Who reaches the host: the rule sets that clients set are the kernel's. Paper «Management Interface Firewall». */
const FIREWALL = moRef("HostFirewallSystem", "firewallSystem");
const SERVICES = moRef("HostServiceSystem", "serviceSystem");
const HOST = moRef("HostSystem", "ha-host");
const READ_ONLY = -2;
const TABLE = "bulkhead-agent";
const EVERYONE: HostFirewallRulesetIpList = { allIp: true };

const { host, client } = await useAgent();

const call = (method: string, args: object = {}, by = client): Promise<unknown> =>
  (by.call as (ref: object, method: string, args: object) => Promise<unknown>).call(
    by,
    method.includes("Service") ? SERVICES : FIREWALL,
    method,
    args,
  );
const info = async (by = client) => (await read(by, FIREWALL, "firewallInfo")) as HostFirewallInfo;
const ruleset = async (key: string, by = client) => (await info(by)).ruleset?.find((one) => one.key === key);
/** What the kernel lets in by a rule set: its rules, as text. */
async function kernelRules(key: string, { namespace } = host): Promise<readonly string[]> {
  const objects = (await listTable(TABLE, { namespace })) ?? [];
  return objects.map((object) => JSON.stringify(object)).filter((text) => text.includes(`"comment":"${key}"`));
}

test("the rule sets that clients look for are there, with what this host has", async () => {
  const { defaultPolicy, ruleset: all = [] } = await info();
  expect(defaultPolicy).toMatchObject({ incomingBlocked: true, outgoingBlocked: true });
  expect(all.map(({ key }) => key)).toEqual(
    expect.arrayContaining(["sshServer", "sshClient", "ntpClient", "dns", "vSphereClient", "remoteSerialPort", "vSPC"]),
  );
  expect(await ruleset("vSphereClient")).toMatchObject({
    required: true,
    enabled: true,
    userControllable: false,
    ipListUserConfigurable: true,
    allowedHosts: EVERYONE,
    rule: [{ port: 443, direction: "inbound", portType: "dst", protocol: "tcp" }],
  });
  expect(((await read(client, HOST, "config")) as HostConfigInfo).firewall).toEqual(await info());
});

test("what is set is what the kernel has, and an event and an audit record tell of it", async () => {
  const allowedHosts = { allIp: false, ipAddress: ["192.0.2.7", "2001:db8::7"], ipNetwork: [{ network: "10.1.2.3", prefixLength: 8 }] };
  await call("UpdateRuleset", { id: "remoteSerialPort", spec: { allowedHosts } });
  expect((await ruleset("remoteSerialPort"))?.allowedHosts).toMatchObject(allowedHosts);
  await call("UpdateRuleset", { id: "vSphereClient", spec: { allowedHosts } }); // we come by the loopback, which is never shut out
  const rules = await kernelRules("vSphereClient");
  expect(rules).toHaveLength(2);
  expect(rules[0]).toContain('{"prefix":{"addr":"10.0.0.0","len":8}},"192.0.2.7"');
  expect(rules[1]).toContain('"2001:db8::7"');
  const latest = (await read(client, moRef("EventManager", "ha-eventmgr"), "latestEvent")) as { fullFormattedMessage: string };
  expect(latest).toMatchObject({ userName: "root", fullFormattedMessage: expect.stringContaining("vSphereClient") });
  expect(host.audit.some((line) => line.includes("HostFirewallSystem:firewallSystem.UpdateRuleset"))).toBe(true);
  await call("UpdateRuleset", { id: "vSphereClient", spec: { allowedHosts: EVERYONE } });
  expect(await kernelRules("vSphereClient")).toHaveLength(1);

  await call("EnableRuleset", { id: "vSPC" });
  expect((await ruleset("vSPC"))?.enabled).toBe(true);
  await call("DisableRuleset", { id: "vSPC" });
  expect((await ruleset("vSPC"))?.enabled).toBe(false);
  await call("UpdateDefaultPolicy", { defaultPolicy: { incomingBlocked: false } });
  expect((await info()).defaultPolicy).toMatchObject({ incomingBlocked: false, outgoingBlocked: true });
  expect(JSON.stringify(await listTable(TABLE, host))).not.toContain('"drop"');
  await call("UpdateDefaultPolicy", { defaultPolicy: { incomingBlocked: true } });
});

test("what somebody has done to the kernel's table meanwhile is undone when it is refreshed", async () => {
  const whole = await listTable(TABLE, host);
  await deleteTable(TABLE, host);
  await call("RefreshFirewall");
  expect(await listTable(TABLE, host)).toEqual(whole);
});

const list = (allowedHosts: object) => ({ id: "vSphereClient", spec: { allowedHosts: { allIp: false, ...allowedHosts } } });
test.each([
  ["a rule set that is not there", "EnableRuleset", { id: "carrierPigeon" }, "NotFound"],
  ["one that is not there, to disable", "DisableRuleset", { id: "constructor" }, "NotFound"],
  ["one that is not there, to limit", "UpdateRuleset", { id: "", spec: { allowedHosts: EVERYONE } }, "NotFound"],
  ["one without which nobody comes in", "DisableRuleset", { id: "vSphereClient" }, "HostConfigFault"],
  ["one of the machine's other programs", "DisableRuleset", { id: "sshServer" }, "HostConfigFault"],
  [
    "addresses of the machine's other programs",
    "UpdateRuleset",
    { id: "dns", spec: { allowedHosts: { allIp: false } } },
    "HostConfigFault",
  ],
  ["a name in place of an address", "UpdateRuleset", list({ ipAddress: ["localhost"] }), "InvalidArgument"],
  ["an address with a zone", "UpdateRuleset", list({ ipAddress: ["fe80::1%eth0"] }), "InvalidArgument"],
  ["what is meant for nft", "UpdateRuleset", list({ ipAddress: ["10.0.0.1 } accept"] }), "InvalidArgument"],
  ["a prefix that is too long", "UpdateRuleset", list({ ipNetwork: [{ network: "10.0.0.0", prefixLength: 33 }] }), "InvalidArgument"],
  ["a negative prefix", "UpdateRuleset", list({ ipNetwork: [{ network: "::", prefixLength: -1 }] }), "InvalidArgument"],
  ["more addresses than are kept", "UpdateRuleset", list({ ipAddress: new Array(1001).fill("10.0.0.1") }), "InvalidArgument"],
])("%s is refused by name, and nothing changes", async (_, method, args, fault) => {
  const before = [await info(), await listTable(TABLE, host)];
  expect((await faultOf(call(method, args))).fault).toBe(fault);
  expect([await info(), await listTable(TABLE, host)]).toEqual(before);
});

test("who may only read sees it and changes nothing", async () => {
  const reader = await host.login(READ_ONLY);
  expect((await info(reader)).ruleset?.length).toBeGreaterThan(5);
  for (const [method, args] of [
    ["EnableRuleset", { id: "vSPC" }],
    ["RefreshFirewall", {}],
    ["StartService", { id: "ntpd" }],
    ["UpdateServicePolicy", { id: "ntpd", policy: "on" }],
  ] as const)
    expect((await faultOf(call(method, args, reader))).fault, method).toBe("NoPermission");
  reader.close();
});

test("services that clients look for are shown; what is not here does not run, and says why it cannot", async () => {
  const { service = [] } = (await read(client, SERVICES, "serviceInfo")) as {
    service: readonly { key: string; running: boolean; policy: string }[];
  };
  expect(service.map(({ key }) => key)).toEqual(["TSM", "TSM-SSH", "ntpd"]);
  expect(service.find(({ key }) => key === "TSM-SSH")).toMatchObject({
    running: false,
    policy: "off",
    required: false,
    ruleset: ["sshServer"],
  });
  expect(((await read(client, HOST, "config")) as HostConfigInfo).service).toMatchObject({ service });
  expect(await faultOf(call("StartService", { id: "TSM-SSH" }))).toMatchObject({
    fault: "HostConfigFault",
    message: expect.stringContaining("no shell"),
  });
  expect((await faultOf(call("StartService", { id: "ntpd" }))).fault).toBe("HostConfigFault");
  for (const method of ["StopService", "RestartService"]) expect((await faultOf(call(method, { id: "TSM" }))).fault).toBe("InvalidState");
  expect((await faultOf(call("UpdateServicePolicy", { id: "TSM-SSH", policy: "on" }))).fault).toBe("HostConfigFault");
  expect((await faultOf(call("UpdateServicePolicy", { id: "TSM-SSH", policy: "sometimes" }))).fault).toBe("InvalidArgument");
  await call("UpdateServicePolicy", { id: "TSM-SSH", policy: "off" });
  expect((await faultOf(call("UninstallService", { id: "TSM" }))).fault).toBe("HostConfigFault");
  for (const [method, more] of [["StartService"], ["UninstallService"], ["UpdateServicePolicy", { policy: "off" }]] as const)
    expect((await faultOf(call(method, { id: "slpd", ...more }))).fault).toBe("NotFound");
  await call("RefreshServices");
  expect(await read(client, SERVICES, "serviceInfo")).toMatchObject({ service });
});

test("a host on a machine of its own filters all of it, and is as it was set when it starts again", async () => {
  const folder = mkdtempSync(join(tmpdir(), "bulkhead-agent-"));
  const first = await startAgent(folder, { scope: "machine" });
  const root = await first.login();
  expect(await kernelRules("sshServer", first)).toHaveLength(1);
  await call("DisableRuleset", { id: "sshServer" }, root);
  await call("EnableRuleset", { id: "ntpClient" }, root);
  await call("UpdateRuleset", { id: "dns", spec: { allowedHosts: { allIp: false, ipAddress: ["192.0.2.53"] } } }, root);
  expect(await kernelRules("sshServer", first)).toEqual([]);
  const [before, inKernel] = [await info(root), await listTable(TABLE, first)];
  root.close();
  await first.stop({ keepFolder: true });
  const second = await startAgent(folder, { scope: "machine" });
  expect(await listTable(TABLE, second)).toEqual(inKernel);
  const again = await second.login();
  expect(await info(again)).toEqual(before);
  again.close();
  await second.stop();
});

/** A client on the other machine: connects from its first address, logs in, and limits who reaches the API. Prints what came of it. */
const REMOTE = `
const [interfaces, host, addresses] = process.argv.slice(1);
const { connectVim } = await import(interfaces);
try {
  const client = await connectVim({ url: "https://" + host + ":8443/sdk", insecure: true });
  await client.call({ type: "SessionManager", value: "ha-sessionmgr" }, "Login", { userName: "root", password: "Correct-Horse-9" });
  const allowedHosts = { allIp: false, ipAddress: addresses.split(",") };
  await client.call({ type: "HostFirewallSystem", value: "firewallSystem" }, "UpdateRuleset", { id: "vSphereClient", spec: { allowedHosts } });
  console.log("done");
} catch (error) {
  console.log(error.fault + ": " + error.message);
}
process.exit(0);
`;

test.each([4, 6] as const)("an administrator on IPv%i does not shut himself out, and who is not allowed is not let in", async (version) => {
  await using machines = new TwoMachines();
  const agent = await startAgent(undefined, { namespace: machines.server, listen: { host: "::", port: 8443 } });
  const [own, other] = CLIENTS.filter((address) => address.includes(":") === (version === 6));
  const server = version === 6 ? `[${SERVER[6]}]` : SERVER[4];
  const limit = async (...addresses: readonly (string | undefined)[]) => {
    const argv = [`--net=${join(machines.folder, "client")}`, process.execPath, "--input-type=module", "-e", REMOTE];
    const { stdout } = await promisify(execFile)("/usr/bin/nsenter", [
      ...argv,
      join(REPOSITORY, "dist/interfaces/index.js"),
      server,
      addresses.join(),
    ]);
    return stdout.trim();
  };
  const open = async (from = "", expected: "open" | "silent" = "open") => (await machines.probe([{ from, port: 8443, expected }]))[0];
  try {
    const refusal = await limit("192.0.2.99");
    expect(refusal).toMatch(/^HostConfigFault: This would shut \S+, from which it is asked for, out of this host/);
    const caller = /shut (\S+),/.exec(refusal)?.[1];
    expect([own, other]).toContain(caller); // which of its addresses a machine takes is its own choice
    expect(await open(own)).toBe("open");
    expect(await open(other)).toBe("open");
    expect(await limit(caller)).toBe("done");
    expect(await open(caller)).toBe("open");
    expect(await open(caller === own ? other : own, "silent")).toBe("silent");
  } finally {
    await agent.stop();
  }
});
