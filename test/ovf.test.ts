/** Packages of virtual machines, in and out, by the real govc; qemu-img and Python's own libraries are the outside readers. */
import { execFile, execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startAgent, type TestAgent } from "./agent.fixture.ts";
import { installFromGo } from "./go.ts";
import { ovfDescriptor } from "./package.fixture.ts";

const run = promisify(execFile);
const MIB = 1024 * 1024;
const govc = await installFromGo("govc");
if ("because" in govc) console.warn(`govc cannot be had on this machine, its tests are skipped: ${govc.because}`);
const path = "path" in govc ? govc.path : "";

let host: TestAgent;
let folder: string;
/** What is on the disk, and what it is packed as. */
let raw: string;
beforeAll(async () => {
  host = await startAgent();
  folder = mkdtempSync(join(tmpdir(), "bulkhead-ovf-"));
  const disk = Buffer.alloc(40 * MIB);
  for (let at = 0; at < disk.length; at += 3 * MIB) disk.fill(`what lies at ${at} `, at, Math.min(disk.length, at + 200_000));
  raw = join(folder, "raw");
  writeFileSync(raw, disk);
  execFileSync("qemu-img", ["convert", "-f", "raw", "-O", "vmdk", "-o", "subformat=streamOptimized", raw, join(folder, "disk.vmdk")]);
  writeFileSync(join(folder, "appliance.ovf"), ovfDescriptor({ bytes: statSync(join(folder, "disk.vmdk")).size }));
});
afterAll(async () => {
  await host?.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** What govc prints. */
async function says(...args: readonly string[]): Promise<string> {
  const env = {
    ...process.env,
    GOVC_URL: `https://127.0.0.1:${host.port}`,
    GOVC_USERNAME: "root",
    GOVC_PASSWORD: "Correct-Horse-9",
    GOVC_INSECURE: "1",
    GOVC_PERSIST_SESSION: "false",
  };
  return (await run(path, args, { env, cwd: folder, timeout: 60_000 })).stdout;
}

const flat = (name: string) => join(host.datastore, name, `${name}-flat.vmdk`);

test.skipIf(path === "")(
  "govc imports a package, exports it, and imports what it exported: the disk is the same at every step",
  async () => {
    await says("import.ovf", "-name=first", "appliance.ovf");
    expect(readFileSync(flat("first")).equals(readFileSync(raw))).toBe(true);
    expect(await says("object.collect", "-s", "vm/first", "config.hardware.numCPU", "config.hardware.memoryMB", "config.annotation")).toBe(
      "2\n128\nan appliance & more\n",
    );
    await says("export.ovf", "-vm=first", "-sha=256", "out");
    const exported = join(folder, "out", "first");
    expect(readdirSync(exported).toSorted()).toEqual(["first-disk-0.vmdk", "first.mf", "first.ovf"]);
    const disk = join(exported, "first-disk-0.vmdk");
    expect(execFileSync("qemu-img", ["check", "-f", "vmdk", disk], { encoding: "utf8" })).toContain("No errors were found");
    expect(execFileSync("qemu-img", ["compare", "-f", "raw", "-F", "vmdk", raw, disk], { encoding: "utf8" })).toContain("identical");
    execFileSync("tar", ["-cf", "../../first.ova", "first.ovf", "first.mf", "first-disk-0.vmdk"], { cwd: exported });
    await says("import.ova", "-name=second", "-m", "first.ova");
    expect(readFileSync(flat("second")).equals(readFileSync(raw))).toBe(true);
    // A manifest that speaks of another disk: the client sees it by what the host says that it got, and gives up.
    writeFileSync(join(exported, "first.mf"), `SHA256(first-disk-0.vmdk)= ${"0".repeat(64)}\n`);
    await expect(says("import.ovf", "-name=third", "-m", join(exported, "first.ovf"))).rejects.toMatchObject({
      stderr: expect.stringContaining("mismatch"),
    });
    await says("vm.destroy", "first", "second");
    expect(readdirSync(host.datastore).filter((name) => !name.startsWith("."))).toEqual([]);
  },
);

test("pyVmomi takes a package in and out, and Python's own libraries and qemu-img read what came out", async () => {
  const args = ["127.0.0.1", String(host.port), "root", "Correct-Horse-9", folder, "third"];
  const { stdout } = await run("/usr/bin/python3", [join(import.meta.dirname, "clients/package.py"), ...args], { timeout: 60_000 });
  expect(JSON.parse(stdout)).toEqual({ status: 200, members: ["third.ovf", "disk-0.vmdk"], disks: ["40 byte * 2^20"] });
  const compare = ["compare", "-f", "raw", "-F", "vmdk", raw, join(folder, "third/disk-0.vmdk")];
  expect(execFileSync("qemu-img", compare, { encoding: "utf8" })).toContain("identical");
});
