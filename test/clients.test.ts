/** «Any software program that utilizes Web services can also communicate directly with the host agent»: paper «Host Agent». */
import { execFile } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { COMMAND, PASSWORD, startHost, type TestHost } from "./harness.ts";
import { installFromPypi } from "./pypi.ts";
import { openDoor } from "./recording.ts";
import { bootableSpec, createVm, read, succeeded } from "./vm.ts";

/** Tools that people automate hosts with, unmodified, as Debian ships them. */
const run = promisify(execFile);
const CLIENTS = join(import.meta.dirname, "clients");
const CLIENT_MS = 170_000;
const folder = mkdtempSync(join(tmpdir(), "bulkhead-clients-"));
let host: TestHost;
let hostName: string;

beforeAll(async () => {
  host = await startHost();
  await using client = await host.login();
  hostName = String(await read(client, { type: "HostSystem", value: "ha-host" }, "name"));
});
afterAll(async () => {
  await host?.stop();
  rmSync(folder, { recursive: true, force: true });
});

test.skipIf(!existsSync("/usr/lib/ruby/vendor_ruby/rbvmomi.rb"))(
  "a Ruby program makes, starts, reads and destroys a VM by rbvmomi, and gives commands of esxcli",
  async () => {
    await using door = await openDoor(host.port, "rbvmomi");
    const args = [join(CLIENTS, "rbvmomi.rb"), "127.0.0.1", String(door.port), "root", PASSWORD];
    const { stdout } = await run("ruby", args, { timeout: CLIENT_MS });
    expect(JSON.parse(stdout)).toEqual({
      about: "HostAgent",
      found: true,
      disks: [["[datastore1] ruby/ruby.vmdk", 1024]],
      on: "poweredOn",
      again: "InvalidPowerState",
      collected: { name: "ruby", "runtime.powerState": "poweredOff" },
      gone: true,
      esxcli: ["8.0.3", [["VimEsxCLInetworkvswitchstandardlistVirtualSwitch", "vSwitch0", 1500, ["VM Network", "Management Network"]]]],
      namespaces: expect.arrayContaining(["dns", "interface", "netstack"]),
    });
  },
);

test("`bulkhead esxcli` gives commands in the name of a user, and prints what they answer", async () => {
  const esxcli = async (...args: readonly string[]) => {
    const env = { ...process.env, BULKHEAD_PASSWORD: PASSWORD };
    const options = { env, timeout: CLIENT_MS };
    return run(COMMAND, ["esxcli", "--root", host.root, ...args], options).then(
      ({ stdout }) => ({ code: 0, stdout, stderr: "" }),
      (error: { readonly code: number; readonly stdout: string; readonly stderr: string }) => error,
    );
  };
  expect(await esxcli("network", "vswitch", "standard", "portgroup", "add", "-v", "vSwitch0", "-p", "dmz & co")).toMatchObject({
    code: 0,
    stdout: "",
  });
  const { stdout } = await esxcli("--formatter", "json", "network", "vswitch", "standard", "portgroup", "list");
  expect(JSON.parse(stdout)).toContainEqual({ Name: "dmz & co", VirtualSwitch: "vSwitch0", ActiveClients: 0, VLANID: 0 });
  expect(await esxcli("system", "version", "get")).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(/^ {3}Product: VMware ESXi\n {3}Version: 8/),
  });
  expect(await esxcli("network", "vswitch", "standard", "set", "-v", "none")).toMatchObject({
    code: 1,
    stdout: "Unable to find vswitch none\n",
  });
  expect(await esxcli("fcoe", "nic", "list")).toMatchObject({
    code: 1,
    stdout: expect.stringMatching(/^Error: Unknown command or namespace fcoe nic list\n\nUsage:/),
  });
  expect(await esxcli("--user", "nobody", "system", "version", "get")).toMatchObject({
    code: 1,
    stderr: expect.stringContaining("logging in as nobody"),
  });
});

test.skipIf(!existsSync("/usr/bin/ansible-playbook"))(
  "an Ansible playbook gathers facts, sets the firewall, asks for a service, and makes, starts, asks about and removes a VM",
  async (context) => {
    // Debian's pyVmomi is older than its own Ansible modules ask for.
    const python = await installFromPypi(join(folder, "venv"), "pyvmomi==8.0.3.0.1", "requests");
    if (python === undefined) return context.skip("PyPI cannot be reached from here, or Python has no venv");
    await using door = await openDoor(host.port, "ansible");
    const report = join(folder, "seen.json");
    const login = { hostname: "127.0.0.1", port: door.port, username: "root", password: PASSWORD, validate_certs: false };
    const variables = { door: login, esxi: hostName, report, ansible_python_interpreter: python };
    const env = { ...process.env, HOME: folder, ANSIBLE_LOCALHOST_WARNING: "False", ANSIBLE_NOCOLOR: "1" };
    const args = ["-i", "localhost,", "-c", "local", "-e", JSON.stringify(variables), join(CLIENTS, "playbook.yml")];
    await run("ansible-playbook", args, { env, timeout: CLIENT_MS }).catch((error: { readonly stdout?: string }) => {
      throw new Error(`the playbook failed: ${error.stdout ?? error}`);
    });
    expect(JSON.parse(readFileSync(report, "utf8"))).toEqual({
      api: "HostAgent",
      version: "8.0.3",
      opened: true,
      vSPC: [{ all_ip: false, ip_address: ["192.0.2.7"], ip_network: ["10.0.0.0/8"] }],
      ssh: expect.stringContaining("This host has no shell yet"),
      datastores: ["datastore1"],
      again: false,
      state: "poweredOn",
      annotation: "made by a playbook",
      interfaces: ["eth0"],
    });
  },
);

test("Apache Libcloud lists VMs and starts one", async (context) => {
  const python = await installFromPypi(join(folder, "libcloud"), "apache-libcloud==3.9.1", "pyvmomi==8.0.3.0.1");
  if (python === undefined) return context.skip("PyPI cannot be reached from here, or Python has no venv");
  await using client = await host.login();
  const vm = await createVm(client, { ...bootableSpec("of-libcloud", ""), deviceChange: [] });
  await using door = await openDoor(host.port, "libcloud");
  const args = [join(CLIENTS, "libcloud_node.py"), "127.0.0.1", String(door.port), "root", PASSWORD, "of-libcloud"];
  const { stdout } = await run(python, args, { timeout: CLIENT_MS });
  expect(JSON.parse(stdout)).toEqual({ locations: 1, before: "stopped", after: "running", datastores: ["datastore1"] });
  await succeeded(client, await client.call(vm, "PowerOffVM_Task", {}));
});

test("OpenStack's oslo.vmware makes itself a client from the WSDL, and starts a VM", async (context) => {
  const python = await installFromPypi(join(folder, "oslo"), "oslo.vmware==4.10.1");
  if (python === undefined) return context.skip("PyPI cannot be reached from here, or Python has no venv");
  await using client = await host.login();
  const vm = await createVm(client, { ...bootableSpec("of-oslo", ""), deviceChange: [] });
  await using door = await openDoor(host.port, "oslo-vmware");
  const args = [join(CLIENTS, "oslo_vmware_vm.py"), "127.0.0.1", String(door.port), "root", PASSWORD, "of-oslo"];
  const { stdout } = await run(python, args, { timeout: CLIENT_MS });
  expect(JSON.parse(stdout)).toEqual({
    about: "HostAgent",
    before: "poweredOff",
    after: "poweredOn",
    again: "InvalidPowerStateException",
  });
  await succeeded(client, await client.call(vm, "PowerOffVM_Task", {}));
});

test("npm's node-vsphere-soap makes itself a client from the WSDL, and reads the host's name", async (context) => {
  const isThere = await run("npm", [
    "install",
    "--silent",
    "--no-audit",
    "--no-fund",
    "--prefix",
    folder,
    "node-vsphere-soap@0.0.2-5",
  ]).then(
    () => true,
    () => false,
  );
  if (!isThere) return context.skip("the npm registry cannot be reached from here");
  await using door = await openDoor(host.port, "node-vsphere-soap");
  const env = { ...process.env, NODE_PATH: join(folder, "node_modules") };
  const args = [join(CLIENTS, "node_vsphere_soap.cjs"), `127.0.0.1:${door.port}`, "root", PASSWORD];
  const { stdout } = await run(process.execPath, args, { env, timeout: CLIENT_MS });
  expect(JSON.parse(stdout)).toEqual({ user: "root", api: "HostAgent", name: hostName });
});
