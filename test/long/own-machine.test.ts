import { existsSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Evidence } from "../../src/evidence/index.ts";
import { installFromGo } from "../go.ts";
import { COMMAND } from "../harness.ts";
import { type Call, isCgroup2, OwnMachine } from "../own-machine.ts";

/** A host with a machine of its own, under a real systemd: all of its traffic is filtered, and the machine's services are the host's. */
const HEADING = "Management Interface Firewall";
const canRun = existsSync("/lib/systemd/systemd") && ["/sys/fs/cgroup/unified", "/sys/fs/cgroup"].some(isCgroup2);
const govc = await installFromGo("govc");
const path = "path" in govc ? govc.path : "";

const service = (method: string, args: object): Call => ["HostServiceSystem", "serviceSystem", method, args];
const firewall = (method: string, args: object): Call => ["HostFirewallSystem", "firewallSystem", method, args];

describe.skipIf(!canRun)("a machine that is a host and nothing else", () => {
  let machine: OwnMachine;
  beforeAll(async () => {
    machine = await OwnMachine.start();
  });
  afterAll(async () => {
    await machine?.[Symbol.asyncDispose]();
  });

  const runs = () =>
    machine.run("systemctl", "is-active", "chrony.service").then(
      () => true,
      () => false,
    );
  const isOpen = async () => (await machine.run("nft", "list", "ruleset")).includes('comment "ntpClient"');

  test("both claims about its firewall pass", async () => {
    const evidence = JSON.parse(await machine.run(COMMAND, "evidence", "--json")) as readonly Evidence[];
    const found = evidence.filter(({ heading }) => heading === HEADING);
    expect(found.map(({ verdict, facts }) => [verdict, ...facts])).toEqual([
      ["pass", expect.stringContaining("vSphereClient, sshServer")],
      ["pass", ...new Array(3).fill(expect.stringMatching(/from outside: no answer/))],
    ]);
  });

  test.skipIf(path === "")("govc starts and stops its NTP daemon, and its port is open while it runs", async () => {
    expect(await machine.govc(path, "host.service.ls")).toMatch(/^ntpd +off +Stopped/m);
    await machine.govc(path, "host.service", "start", "ntpd");
    expect([await runs(), await isOpen()]).toEqual([true, true]);
    expect(await machine.govc(path, "host.service.ls")).toMatch(/^ntpd +off +Running/m);
    await machine.govc(path, "host.service", "restart", "ntpd");
    await machine.govc(path, "host.service", "stop", "ntpd");
    expect([await runs(), await isOpen()]).toEqual([false, false]);
  });

  test("with the policy automatic it runs while its rule set is enabled", async () => {
    const done = [{}]; // no fault, and nothing to tell
    expect(await machine.call(service("UpdateServicePolicy", { id: "ntpd", policy: "automatic" }))).toEqual(done);
    expect(await runs()).toBe(false);
    expect(await machine.call(firewall("EnableRuleset", { id: "ntpClient" }))).toEqual(done);
    expect(await runs()).toBe(true);
    expect(await machine.call(firewall("DisableRuleset", { id: "ntpClient" }))).toEqual(done);
    expect(await runs()).toBe(false);
  });

  test("one that does not stay up is no success, and its port is not left open", async () => {
    await machine.replaceNtpd("/usr/bin/false");
    const [refused] = await machine.call(service("StartService", { id: "ntpd" }));
    expect(refused).toMatchObject({
      fault: "HostConfigFault",
      message: expect.stringContaining("chrony.service was started and does not run"),
    });
    expect(await isOpen()).toBe(false);
    await machine.replaceNtpd("/usr/bin/sleep infinity");
  });

  test("with the policy on it starts with the host; when the host stops, its firewall is gone", async () => {
    await machine.call(service("UpdateServicePolicy", { id: "ntpd", policy: "on" }));
    expect(await runs()).toBe(false);
    await machine.run("systemctl", "stop", "bulkhead.service");
    expect(await machine.run("nft", "list", "tables")).toBe("");
    await machine.run("systemctl", "start", "bulkhead.service");
    await machine.waitForHost();
    for (let tries = 0; tries < 50 && !(await runs()); tries++) await new Promise((resolve) => setTimeout(resolve, 200));
    expect([await runs(), await isOpen()]).toEqual([true, true]);
  });
});
