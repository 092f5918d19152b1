import { execFile } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startAgent, type TestAgent } from "./agent.fixture.ts";
import { installFromGo } from "./go.ts";
import { runGovc } from "./govc.ts";
import { type Door, openDoor } from "./recording.ts";

/** The real govc, as administrators run it. Where it can't be had these tests say that they were skipped, and why. */
const run = promisify(execFile);
const HOST_PATH = "/ha-datacenter/host/host1/host1";
const COMMAND_MS = 30_000;

const govc = await installFromGo("govc");
if ("because" in govc) console.warn(`govc cannot be had on this machine, its tests are skipped: ${govc.because}`);
const path = "path" in govc ? govc.path : "";

let host: TestAgent;
let door: Door;
beforeAll(async () => {
  host = await startAgent();
  door = await openDoor(host.port, "govc");
});
afterAll(async () => {
  await door?.[Symbol.asyncDispose]();
  await host?.stop();
});

/** In a session that is written down by itself: of each method a transcript shows the first calls only. */
async function inSession(name: string, deed: () => Promise<void>): Promise<void> {
  const outer = door;
  await using inner = await openDoor(host.port, name);
  door = inner;
  await deed().finally(() => {
    door = outer;
  });
}

/** What govc prints. */
const says = (...args: readonly string[]): Promise<string> => saysIn(undefined, ...args);

async function saysIn(cwd: string | undefined, ...args: readonly string[]): Promise<string> {
  const env = {
    ...process.env,
    GOVC_URL: `https://127.0.0.1:${door.port}`,
    GOVC_USERNAME: "root",
    GOVC_PASSWORD: "Correct-Horse-9",
    GOVC_INSECURE: "1",
    GOVC_PERSIST_SESSION: "false",
  };
  const { stdout } = await run(path, args, { env, cwd, timeout: COMMAND_MS });
  return stdout;
}

/** What govc complains of. */
async function complains(...args: readonly string[]): Promise<string> {
  return says(...args).then(
    (text) => `it did not: ${text}`,
    (error: { readonly stderr?: string }) => error.stderr ?? String(error),
  );
}

test.skipIf(path === "")("govc makes a virtual switch with a port group, shows them, and takes them away", async () => {
  await says("host.vswitch.add", "-ports=64", "-mtu=9000", "lab");
  await says("host.portgroup.add", "-vswitch=lab", "-vlan=7", "dmz");
  expect(await says("host.vswitch.info")).toMatch(/Name: +lab\n[\s\S]*MTU: +9000\n/);
  expect(await says("host.portgroup.info")).toMatch(/Name: +dmz\nVirtual switch: +lab\nVLAN ID: +7\n/);
  expect(await says("ls", "network")).toContain("/ha-datacenter/network/dmz\n");
  await says("host.portgroup.change", "-vlan-id=8", "-allow-promiscuous=true", "dmz");
  const info = JSON.parse(await says("host.portgroup.info", "-json"));
  const dmz = info.portgroup.find(({ spec }: { spec: { name: string } }) => spec.name === "dmz");
  expect(dmz).toMatchObject({ spec: { vlanId: 8 }, computedPolicy: { security: { allowPromiscuous: true, forgedTransmits: false } } });
  expect(await complains("host.portgroup.add", "-vswitch=lab", "-vlan=4096", "x")).toContain("portgrp.vlanId");
  await says("host.portgroup.remove", "dmz");
  await says("host.vswitch.remove", "lab");
  expect(await says("ls", "network")).not.toContain("dmz");
});

test.skipIf(path === "")("govc finds its way around the host", async () => {
  expect(await says("about")).toMatch(/Name: +VMware ESXi\n/);
  expect((await says("ls")).split("\n")).toEqual(expect.arrayContaining(["/ha-datacenter/vm", "/ha-datacenter/datastore"]));
  expect(await says("find", "/", "-type", "s")).toBe("/ha-datacenter/datastore/datastore1\n");
  expect(await says("object.collect", "-s", "HostSystem:ha-host", "name")).toBe("host1\n");
  expect(await says("datastore.info")).toMatch(/Name: +datastore1\n/);
  expect(await says("session.ls")).toMatch(/root .* govc\//);
});

test.skipIf(path === "")("govc makes a VM, changes it, and destroys it", async () => {
  await says("vm.create", "-on=false", "-m=64", "-g=otherLinux64Guest", "-disk=2M", "-disk.controller=pvscsi", "-net=VM Network", "web");
  expect(await says("vm.info", "web")).toMatch(/Guest name: +Other Linux \(64-bit\)\n[\s\S]*Power state: +poweredOff/);
  const names = (await says("device.ls", "-vm=web")).split("\n").map((line) => line.split(" ")[0]);
  expect(names).toEqual(
    expect.arrayContaining(["pci-100", "ide-200", "ide-201", "ps2-300", "video-500", "vmci-12000", "disk-1000-0", "ethernet-0"]),
  );
  await says("vm.change", "-vm=web", "-m=128", "-annotation=hello", "-e=guestinfo.a=b");
  await says("vm.network.add", "-vm=web", "-net=VM Network", "-net.adapter=vmxnet3");
  await says("vm.disk.create", "-vm=web", "-name=web/data", "-size=2M");
  expect(await says("object.collect", "-s", "vm/web", "config.hardware.memoryMB", "config.annotation")).toBe("128\nhello\n");
  expect(await says("datastore.ls", "web")).toBe("data-flat.vmdk\ndata.vmdk\nweb-flat.vmdk\nweb.vmdk\nweb.vmx\n");
  expect(await says("events", "vm/web")).toContain("[info] Created virtual machine web");
  expect(await complains("datastore.rm", "web")).toContain("belongs to the virtual machine web");
  await says("vm.unregister", "web");
  await says("vm.register", "web/web.vmx");
  await says("vm.destroy", "web");
  expect(await says("ls", "vm")).toBe("");
  expect(await says("datastore.ls")).not.toContain("web");
});

test.skipIf(path === "")("govc gives a VM serial ports on the network, and takes them off it", async () => {
  await says("vm.create", "-on=false", "-m=64", "-g=otherLinux64Guest", "wired");
  expect(await says("device.serial.add", "-vm=wired")).toBe("serialport-9000\n");
  const shown = () => says("device.info", "-vm=wired", "serialport-*");
  expect(await shown()).toMatch(/Service URI: +localhost:0/);
  await says("device.serial.connect", "-vm=wired", "-device=serialport-9000", "telnet://:33233");
  expect(await shown()).toMatch(/Direction: +server[\s\S]*Service URI: +telnet:\/\/:33233/);
  await says(
    "device.serial.connect",
    "-vm=wired",
    "-device=serialport-9000",
    "-vspc-proxy=telnet://vspc.example:13370",
    "-client",
    "a service",
  );
  expect(await shown()).toMatch(/Direction: +client[\s\S]*Proxy URI: +telnet:\/\/vspc.example:13370/);
  expect(await complains("device.serial.connect", "-vm=wired", "-device=serialport-9000", "telnet://:22")).toContain("1024 to 65535");
  await says("device.serial.disconnect", "-vm=wired", "-device=serialport-9000");
  expect(await shown()).toMatch(/Service URI: +localhost:0/);
  await says("vm.destroy", "wired");
});

test.skipIf(path === "")("govc says which VMs start and stop with the host", async () => {
  await says("vm.create", "-on=false", "-m=64", "-g=otherLinux64Guest", "starter");
  await says("host.autostart.configure", "-enabled=true", "-start-delay=7");
  await says("host.autostart.add", "-start-order=2", "-stop-action=guestShutdown", "starter");
  expect(await says("host.autostart.info")).toMatch(/starter +powerOn +-1 +2 +guestShutdown +-1 +systemDefault/);
  expect(await complains("host.autostart.add", "-start-order=0", "starter")).toContain("startOrder");
  await says("host.autostart.remove", "starter");
  expect(await says("host.autostart.info")).not.toContain("starter");
  await says("vm.destroy", "starter");
});

test.skipIf(path === "")("govc makes folders and clears them away", async () => {
  await says("datastore.mkdir", "-p", "a/b");
  expect(await says("datastore.ls", "-R")).toMatch(/\[datastore1\] a\/:\nb\n/);
  await says("datastore.rm", "a");
  expect(await complains("datastore.rm", "a")).toContain("was not found");
});

test.skipIf(path === "")("govc makes disks, changes, copies and moves them, and a VM gets one", async () => {
  await says("datastore.mkdir", "disks");
  await says(
    "datastore.disk.create",
    "-size",
    "4M",
    "-d",
    "thin",
    "-uuid",
    "60 00 C2 90 11 22 33 44-55 66 77 88 99 aa bb cc",
    "disks/a.vmdk",
  );
  expect(await says("datastore.disk.info", "-uuid", "disks/a.vmdk")).toMatch(/UUID: +60 00 C2 90 11 22[\s\S]*Type: +thin\n/);
  await says("datastore.disk.inflate", "disks/a.vmdk");
  expect(await says("datastore.disk.info", "disks/a.vmdk")).toMatch(/Name: +disks\/a\.vmdk\n +Type: +eagerZeroedThick\n +Parent: +\n/);
  expect(await complains("datastore.disk.shrink", "disks/a.vmdk")).toContain("is thick");
  await says("datastore.disk.create", "-size", "4M", "-d", "thin", "disks/b.vmdk");
  await says("datastore.disk.shrink", "disks/b.vmdk");
  await says("datastore.disk.extend", "-size", "8M", "disks/b.vmdk");
  await says("datastore.cp", "disks/b.vmdk", "disks/c.vmdk");
  expect(await complains("datastore.cp", "-f", "disks/b.vmdk", "disks/c.vmdk")).toContain("already exists");
  await says("datastore.mv", "-f", "disks/b.vmdk", "disks/c.vmdk");
  await says("datastore.cp", "disks", "copied");
  expect(await says("datastore.ls", "copied")).toBe("a-flat.vmdk\na.vmdk\nc-flat.vmdk\nc.vmdk\n");
  await says("datastore.mv", "copied", "moved");
  await says("vm.create", "-on=false", "-m=64", "-g=otherLinux64Guest", "-disk.controller=pvscsi", "-net=VM Network", "attached");
  await says("vm.disk.attach", "-vm=attached", "-disk=moved/c.vmdk", "-link=false", "-controller=pvscsi-1000");
  expect(await says("device.info", "-vm=attached", "disk-*")).toContain("[datastore1] moved/c.vmdk");
  expect(await complains("datastore.mv", "moved/c.vmdk", "disks/d.vmdk")).toContain("belongs to the virtual machine attached");
  // govc 0.46 sends the parent's name as the child's.
  expect(await complains("datastore.disk.create", "disks/a.vmdk", "disks/child.vmdk")).toContain("already exists");
  await says("snapshot.create", "-vm=attached", "-m=false", "-q=false", "-d=first", "one");
  await says("snapshot.create", "-vm=attached", "-m=false", "-q=false", "two");
  expect(await says("snapshot.tree", "-vm=attached", "-D")).toMatch(/one[\s\S]*two/);
  await says("vm.clone", "-vm=attached", "-on=false", "-link", "-snapshot=one", "clone");
  expect(await says("device.info", "-vm=clone", "disk-*")).toContain("[datastore1] clone/clone.vmdk");
  expect(await complains("vm.destroy", "attached")).toContain("is the parent of");
  await says("vm.destroy", "clone");
  await says("snapshot.revert", "-vm=attached", "one");
  await says("snapshot.remove", "-vm=attached", "two");
  await says("snapshot.remove", "-vm=attached", "*");
  expect(await says("device.info", "-vm=attached", "disk-*")).toContain("[datastore1] moved/c.vmdk");
  await says("vm.unregister", "attached");
  for (const name of ["disks", "moved", "attached"]) await says("datastore.rm", name);
});

test.skipIf(path === "")("govc uploads, downloads and reads the end of files", async () => {
  const folder = mkdtempSync(join(tmpdir(), "bulkhead-govc-"));
  try {
    const lines = Array.from({ length: 5000 }, (_, n) => `line ${n}\n`).join("");
    writeFileSync(join(folder, "up"), lines);
    await says("datastore.upload", join(folder, "up"), "logs/vmware.log"); // the folder on the way is made
    await says("datastore.download", "logs/vmware.log", join(folder, "down"));
    expect(readFileSync(join(folder, "down"), "utf8")).toBe(lines);
    expect(await says("datastore.tail", "-n", "2", "logs/vmware.log")).toBe("line 4998\nline 4999\n");
    expect(await complains("datastore.download", "logs/none", "-")).toContain("404 Not Found");
    await says("datastore.rm", "logs");
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test.skipIf(path === "")("govc saves the whole inventory: every property of every object is one that it can read", async () => {
  const folder = mkdtempSync(join(tmpdir(), "bulkhead-govc-"));
  try {
    await says("object.save", "-f", "-d", folder);
    expect(readdirSync(folder).join()).toContain("HostSystem-ha-host");
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test.skipIf(path === "")("govc shows the licence, which is the product's own", async () => {
  expect(await says("license.ls")).toMatch(/^00000-00000-00000-00000-00000 +bulkhead.apache-2.0 +1 +0/m);
  expect(await complains("license.add", "HN2X0-0DH5M-M78Q1-780HH-CN214")).toContain("takes no licence keys");
});

test.skipIf(path === "")("govc lists what is measured, and samples it", async () => {
  await host.takeSample();
  await host.takeSample(); // what was used is the difference of two
  expect(await says("metric.ls", HOST_PATH)).toMatch(/^cpu\.usage\.average$/m);
  expect(await says("metric.sample", "-n=1", HOST_PATH, "mem.usage.average")).toMatch(/mem\.usage\.average +[\d.]+ +%/);
  expect(await says("host.info")).toMatch(/CPU usage: +\d+ MHz[\s\S]*Memory usage: +\d+ MB/);
});

test.skipIf(path === "")("govc divides the host into pools, and what is refused changes none", async () => {
  const pools = "/ha-datacenter/host/host1/Resources";
  const ask = (...args: readonly string[]) => runGovc(path, host.port, args);
  await ask("pool.create", "-cpu.limit=1000", "-mem.reservation=64", "-cpu.shares=high", `${pools}/made`);
  await ask("pool.create", `${pools}/made/inner`);
  const info = () => ask("pool.info", `${pools}/made`);
  const before = await info();
  expect(before).toMatch(/CPU Shares: +high\n[\s\S]*CPU Limit: +1000MHz\n[\s\S]*Mem Reservation: +64MB \(expandable=true\)/);
  for (const args of [["-mem.limit=32"], ["-cpu.reservation=99999999"], ["-name=made", "-cpu.shares=0"]])
    await expect(ask("pool.change", ...args, `${pools}/made`), args.join()).rejects.toThrow();
  expect(await info()).toBe(before);
  await ask("pool.change", "-mem.limit=128", "-cpu.shares=1234", "-name=changed", `${pools}/made`);
  expect(await ask("pool.info", `${pools}/changed`)).toMatch(/CPU Shares: +custom \(1234\)\n[\s\S]*Mem Limit: +128MB/);
  await ask("pool.destroy", "-children", `${pools}/changed`);
  expect(await ask("ls", `${pools}/changed`)).not.toContain("inner");
  await ask("pool.destroy", `${pools}/changed`);
  expect(await ask("metric.sample", "-n=1", "-instance=0", HOST_PATH, "cpu.usage.average")).toMatch(/^host1 +0 +cpu\.usage\.average/);
});

test.skipIf(path === "")("govc tells what the host is made of", async () => {
  expect(await says("host.info")).toMatch(/Name: +host1\n[\s\S]*Logical CPUs: +\d+ CPUs/);
  for (const command of ["host.portgroup.info", "host.vswitch.info", "host.vnic.info", "host.service.ls", "host.storage.info"])
    await says(command); // a field that it counts on and that is missing would have ended it
  expect(await says("host.date.info")).toMatch(/Current date and time: .*\d{4}/);
  expect(await says("host.cert.info")).toMatch(/Common Name \(CN\): +host1\n/);
  expect(await says("host.storage.info", "-t", "hba", "-rescan")).toContain("Device");
});

test.skipIf(path === "")("govc reads the firewall, and asks services for what they can do", async () => {
  const collected = await says("object.collect", "-json", "HostSystem:ha-host", "config.firewall.ruleset");
  for (const key of ["sshServer", "sshClient", "vSphereClient", "ntpClient"]) expect(collected).toMatch(new RegExp(`"key": *"${key}"`));
  const listed = await says("host.service.ls");
  for (const service of ["TSM", "TSM-SSH", "ntpd"]) expect(listed).toMatch(new RegExp(`^${service} +off +Stopped`, "m"));
  expect(await says("host.service", "status", "ntpd")).toContain("Stopped");
  expect(await complains("host.service", "start", "TSM-SSH")).toContain("This host has no shell yet");
  expect(await complains("host.service", "enable", "TSM-SSH")).toContain("cannot have the policy on");
  await says("host.service", "disable", "TSM-SSH");
});

test.skipIf(path === "")("govc reads the host's logs, and downloads them all", async () => {
  expect(await says("logs.ls")).toMatch(/^hostd +hostd\.log$/m);
  expect(await says("logs", "-log=audit", "-n=2")).toContain("BrowseDiagnosticLog");
  expect(await says("logs")).toMatch(/Z Event \d+ : UserLoginSessionEvent: /);
  const folder = mkdtempSync(join(tmpdir(), "bulkhead-govc-"));
  try {
    await saysIn(folder, "logs.download");
    const [bundle = ""] = readdirSync(folder);
    const { stdout } = await run("tar", ["-tzf", join(folder, bundle)]);
    expect(stdout).toContain("logs/audit.log");
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test.skipIf(path === "")("govc makes a user and a role, and gives one to the other", async () => {
  await says("host.account.create", "-id=ruth", "-password=xQaTEhb!", "-description=Ruth");
  await says("role.create", "Renamer", "VirtualMachine.Config.Rename");
  await says("permissions.set", "-principal=ruth", "-role=Renamer", "/");
  expect(await says("permissions.ls", "/")).toMatch(/Renamer .*ruth/);
  expect(await says("role.ls", "Renamer")).toContain("VirtualMachine.Config.Rename");
  await says("permissions.remove", "-principal=ruth", "/");
  await says("role.remove", "Renamer");
  await says("host.account.remove", "-id=ruth");
  expect(await complains("host.account.remove", "-id=root")).toContain("The root account cannot be removed");
});

test.skipIf(path === "")("govc reads and sets options", async () => {
  const timeout = "Config.HostAgent.vmacore.soap.sessionTimeout";
  expect(await says("option.ls", timeout)).toMatch(/: +30\n/);
  await says("host.option.set", timeout, "60");
  expect(await says("host.option.ls", timeout)).toMatch(/: +60\n/);
  expect(await complains("host.option.set", timeout, "0")).toContain("from 1 to 1440");
  expect(await says("vm.option.ls")).toMatch(/^vmx-21 /m);
  expect(await says("vm.option.info", "-cluster=host1", "debian12_64Guest")).toContain("Debian GNU/Linux 12 (64-bit)");
});

test.skipIf(path === "")("govc takes snapshots, makes clones and larger disks", async () => {
  await inSession("govc-disks", async () => {
    await says("vm.create", "-on=false", "-m=64", "-g=otherLinux64Guest", "-disk=2M", "-disk.controller=pvscsi", "grown");
    const sizes = async (vm: string) => JSON.parse(await says("device.info", "-json", `-vm=${vm}`, "disk-*")).devices[0].capacityInKB;
    await says("vm.disk.change", "-vm=grown", "-size=4M");
    expect(await sizes("grown")).toBe(4096);
    expect(await complains("vm.disk.change", "-vm=grown", "-size=2M")).toMatch(/shrink|smaller|Invalid/);
    await says("snapshot.create", "-vm=grown", "-m=false", "-q=false", "first");
    await says("vm.clone", "-vm=grown", "-on=false", "-link", "-snapshot=first", "clone");
    expect(await sizes("clone")).toBe(4096);
    expect(await complains("vm.clone", "-vm=grown", "-on=false", "clone")).toContain("already exists");
    await says("vm.destroy", "clone");
    await says("snapshot.remove", "-vm=grown", "*");
    await says("vm.destroy", "grown");
  });
});

test.skipIf(path === "")("govc gives commands of esxcli, and prints what they answer", async () => {
  await inSession("govc-esxcli", async () => {
    const esxcli = (...args: readonly string[]) => says("host.esxcli", "--", ...args);
    await esxcli("network", "vswitch", "standard", "add", "-v", "lab", "--ports", "64");
    expect(await esxcli("network", "vswitch", "standard", "portgroup", "list")).toMatch(
      /^Name +Virtual Switch +Active Clients +VLAN ID\n-+ +-+ +-+ +-+\nVM Network +vSwitch0 +0 +0\n/,
    );
    expect(await esxcli("network", "vswitch", "standard", "list", "-v", "lab")).toMatch(/\nConfiguredPorts: +64[\s\S]*MTU: +1500\n/);
    await esxcli("network", "vswitch", "standard", "remove", "-v", "lab");
    const option = "/Config/HostAgent/vmacore/soap/maxSessionCount";
    await esxcli("system", "settings", "advanced", "set", "-o", option, "-i", "40");
    expect(await esxcli("system", "settings", "advanced", "list", "-o", option)).toMatch(/IntValue: +40[\s\S]*Path: +\/Config/);
    expect(JSON.parse(await says("host.esxcli", "-json", "system", "hostname", "get"))).toMatchObject({
      values: [{ HostName: ["host1"] }],
    });
    expect(await says("host.esxcli", "-hints=false", "storage", "filesystem", "list")).toMatch(
      /^Free: +\d+\n[\s\S]*VolumeName: +datastore1\n/,
    );
    expect(await esxcli("network", "ip", "connection", "list", "-t", "tcp")).toMatch(
      /^Proto +Recv Q +Send Q +Local Address[\s\S]*\ntcp +\d+ +\d+ +\S+:\d+ +\S+ +LISTEN /,
    );
    expect(await esxcli("system", "uuid", "get")).toMatch(/^[0-9a-f]{8}-[0-9a-f-]{27}\n$/);
    expect(await complains("host.esxcli", "fcoe", "nic", "list")).toContain("The object or item referred to could not be found.");
    expect(await complains("host.esxcli", "network", "vm", "walk")).toContain("method 'walk' not found in name space 'network.vm'");
    expect(await complains("host.esxcli", "--", "network", "vswitch", "standard", "set", "-v", "none")).toContain(
      "Unable to find vswitch none",
    );
  });
});
