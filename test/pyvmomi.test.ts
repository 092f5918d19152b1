import { execFile } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { installGuestImage, PASSWORD, startHost, type TestHost } from "./harness.ts";
import { installFromPypi } from "./pypi.ts";
import { openDoor } from "./recording.ts";

/** «Any software program that utilizes Web services can also communicate directly with the host agent»: paper «Host Agent». */
const run = promisify(execFile);
const SCRIPT = join(import.meta.dirname, "clients/lifecycle.py");
/** What goes with the host's version, and the newest. */
const PYPI_VERSIONS = ["8.0.3.0.1", "9.1.1.0"];

let host: TestHost;
beforeAll(async () => {
  host = await startHost();
});
afterAll(() => host?.stop());

async function lifecycle(python: string, client: string): Promise<Record<string, unknown>> {
  const disk = await installGuestImage(host, `boot-${Math.random().toString(36).slice(2)}`);
  await using door = await openDoor(host.port, client);
  const { stdout } = await run(python, [SCRIPT, "127.0.0.1", String(door.port), "root", PASSWORD, disk], { timeout: 170_000 });
  return JSON.parse(stdout);
}

function check(seen: Record<string, unknown>): void {
  expect(seen.about).toEqual(["VMware ESXi", "HostAgent", "8.0.3.0"]);
  expect(seen.datastores).toEqual(["datastore1"]);
  expect(seen.wrongPassword).toBe("Cannot complete login due to an incorrect user name or password.");
  expect(seen.secondPowerOn).toMatchObject(["poweredOn", expect.stringContaining("Powered on")]);
  expect(seen.disks).toMatchObject([expect.anything(), [expect.stringContaining("pyvmomi-"), 8192, "Hard disk 2"]]);
  expect(seen.devices).toMatchSnapshot("devices");
  expect(seen.events).toMatchSnapshot("events");
}

describe("a VM's whole life through unmodified pyVmomi", () => {
  test("Debian's python3-pyvmomi", async () => {
    check(await lifecycle("/usr/bin/python3", "pyvmomi-debian"));
  });

  test.for(PYPI_VERSIONS)("PyPI's pyvmomi %s", async (version, context) => {
    const folder = mkdtempSync(join(tmpdir(), "bulkhead-pyvmomi-"));
    try {
      const python = await installFromPypi(folder, `pyvmomi==${version}`);
      if (python === undefined) return context.skip("PyPI cannot be reached from here, or Python has no venv");
      check(await lifecycle(python, `pyvmomi-${version.split(".")[0]}`));
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
