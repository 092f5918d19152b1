import { execFile } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { installGuestImage, PASSWORD, startHost, type TestHost } from "./harness.ts";
import { readPng } from "./png.ts";
import { type Door, openDoor } from "./recording.ts";
import { bootableSpec, createVm } from "./vm.ts";

/** Debian's `virsh -c esx://`, unmodified: a client that knows only an older API, and ends where an answer is not as it expects. */
const run = promisify(execFile);
const VIRSH = "/usr/bin/virsh";
const NAME = "vm-of-virsh";
const folder = mkdtempSync(join(tmpdir(), "bulkhead-virsh-"));
let host: TestHost;
let door: Door;

beforeAll(async () => {
  host = await startHost();
  door = await openDoor(host.port, "virsh");
  const client = await host.login();
  await createVm(client, bootableSpec(NAME, await installGuestImage(host, `${NAME}-boot`)));
  client.close();
  writeFileSync(join(folder, "auth"), `[credentials-host]\nusername=root\npassword=${PASSWORD}\n[auth-esx-127.0.0.1]\ncredentials=host\n`);
});
afterAll(async () => {
  await door?.[Symbol.asyncDispose]();
  await host?.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** The status of a transfer of one of datastore1's files. */
async function curl(file: string, ...args: readonly string[]): Promise<string> {
  const url = `https://127.0.0.1:${host.port}/folder/${file}?dsName=datastore1`;
  const { stdout } = await run("curl", ["-sk", "-u", `root:${PASSWORD}`, "-o", "/dev/null", "-w", "%{http_code}", ...args, url]);
  return stdout;
}

async function virsh(...args: readonly string[]): Promise<string> {
  const env = { ...process.env, LIBVIRT_AUTH_FILE: join(folder, "auth") };
  const { stdout } = await run(VIRSH, ["-c", `esx://root@127.0.0.1:${door.port}/?no_verify=1`, ...args], { env });
  return stdout;
}

test.skipIf(!existsSync(VIRSH))(
  "virsh lists, describes, starts, suspends, resumes and ends a VM, takes it out of the inventory, and defines it anew",
  async () => {
    expect(await virsh("hostname")).not.toBe("");
    expect(await virsh("nodeinfo")).toMatch(/Thread\(s\) per core: +1/);
    expect(await virsh("list", "--all")).toMatch(new RegExp(`- +${NAME} +shut off`));
    expect(await virsh("domuuid", NAME)).toMatch(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/);
    expect(await virsh("dumpxml", NAME)).toContain(`<source file='[datastore1] images/${NAME}-boot.vmdk'/>`); // reads the .vmx by HTTP
    expect(await virsh("vol-list", "datastore1")).toContain(` images/${NAME}-boot.vmdk `);
    await virsh("start", NAME);
    expect(await virsh("list")).toMatch(new RegExp(`${NAME} +running`));
    await virsh("screenshot", NAME, join(folder, "screen.png"));
    expect(readPng(readFileSync(join(folder, "screen.png"))).width).toBeGreaterThan(0);
    const disk = `images/${NAME}-boot-flat.vmdk`;
    for (const file of [disk, `${NAME}/${NAME}.vmx`, `${NAME}/console.log`])
      expect(await curl(file, "-T", join(folder, "auth"))).toBe("423");
    expect(await curl(disk)).toBe("423"); // nobody reads a disk that a guest writes
    expect(await curl(`${NAME}/console.log`)).toBe("200");
    await virsh("suspend", NAME);
    expect(await virsh("domstate", NAME)).toContain("paused");
    await virsh("resume", NAME);
    expect(await virsh("domstate", NAME)).toContain("running");
    await expect(virsh("start", NAME)).rejects.toThrow("Domain is already active");
    await virsh("destroy", NAME);
    expect(await virsh("domstate", NAME)).toContain("shut off");
    await virsh("snapshot-create-as", NAME, "first", "as it was");
    expect(await virsh("snapshot-list", NAME)).toMatch(/first +\S+ \S+ \S+ +shutoff/);
    await virsh("snapshot-revert", NAME, "first");
    await virsh("snapshot-delete", NAME, "first");
    expect(await virsh("snapshot-list", NAME)).not.toContain("first");
    expect(await virsh("pool-info", "datastore1")).toMatch(/State: +running/);
    const xml = join(folder, "domain.xml");
    writeFileSync(xml, await virsh("dumpxml", NAME));
    await virsh("undefine", NAME);
    expect(await virsh("list", "--all")).not.toContain(NAME);
    await virsh("define", xml);
    expect(await virsh("dumpxml", NAME)).toContain(`<source file='[datastore1] images/${NAME}-boot.vmdk'/>`);
    await virsh("start", NAME);
    expect(await virsh("domstate", NAME)).toContain("running");
    await virsh("destroy", NAME);
  },
);
