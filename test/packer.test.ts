/** Debian's packer, unmodified: an image is built on the host by vsphere-iso. */
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { hostPaths } from "../src/base/index.ts";
import { PASSWORD, startHost, type TestHost } from "./harness.ts";
import { makeInstallerIso } from "./installer-iso.ts";
import { openDoor } from "./recording.ts";
import { read } from "./vm.ts";

const run = promisify(execFile);
const CLIENTS = join(import.meta.dirname, "clients");
const CLIENT_MS = 170_000;
const folder = mkdtempSync(join(tmpdir(), "bulkhead-packer-"));
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

test.skipIf(!existsSync("/usr/bin/packer"))(
  "Packer's vsphere-iso uploads its ISO and builds a VM: it boots from that CD, types, and waits for the guest to power off",
  async () => {
    const datastore = join(hostPaths(host.root).volumes, "datastore1");
    const iso = join(folder, "installer.iso");
    await makeInstallerIso(iso);
    writeFileSync(join(datastore, "second.iso"), Buffer.alloc(2048));
    const checksum = `sha256:${createHash("sha256").update(readFileSync(iso)).digest("hex")}`;
    await using door = await openDoor(host.port, "packer");
    const env = { ...process.env, HOME: folder, CHECKPOINT_DISABLE: "1", PACKER_CONFIG_DIR: folder, PACKER_CACHE_DIR: folder };
    const given = { server: `127.0.0.1:${door.port}`, password: PASSWORD, host: hostName, iso: `file://${iso}`, checksum };
    const variables = Object.entries(given).flatMap(([name, value]) => ["-var", `${name}=${value}`]);
    const args = ["build", "-color=false", ...variables, join(CLIENTS, "packer.json")];
    const { stdout } = await run("packer", args, { env, timeout: CLIENT_MS }).catch((error: { readonly stdout?: string }) => {
      throw new Error(`the build failed: ${error.stdout ?? error}`);
    });
    const [uploaded = ""] = readdirSync(join(datastore, "packer_cache"));
    expect(readFileSync(join(datastore, "packer_cache", uploaded)).equals(readFileSync(iso))).toBe(true);
    expect(stdout).toMatch(/Typing boot command[\s\S]*Builds finished\. The artifacts of successful builds are/);
  },
);
