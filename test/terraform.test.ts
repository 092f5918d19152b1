/** Terraform and its provider, unmodified. Where they can't be had this says that it was skipped, and why. */
import { execFile } from "node:child_process";
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { startAgent } from "./agent.fixture.ts";
import { BUILD_MS, installFromGo } from "./go.ts";
import { PASSWORD } from "./harness.ts";
import { openDoor } from "./recording.ts";

const run = promisify(execFile);

test("Terraform finds the host's datacenter and its datastore", { timeout: 2 * BUILD_MS }, async (context) => {
  const provider = await installFromGo("terraform-provider-vsphere");
  if ("because" in provider) return context.skip(`Terraform's provider cannot be had on this machine: ${provider.because}`);
  const isThere = await run("terraform", ["version"]).then(
    () => true,
    () => false,
  );
  if (!isThere) return context.skip("there is no terraform on this machine");
  const folder = mkdtempSync(join(tmpdir(), "bulkhead-terraform-"));
  const agent = await startAgent();
  try {
    await using door = await openDoor(agent.port, "terraform");
    copyFileSync(join(import.meta.dirname, "clients/main.tf"), join(folder, "main.tf"));
    const overrides = `dev_overrides { "hashicorp/vsphere" = "${dirname(provider.path)}" }`;
    writeFileSync(join(folder, "terraform.rc"), `provider_installation {\n  ${overrides}\n  direct {}\n}\n`);
    const env = { ...process.env, HOME: folder, CHECKPOINT_DISABLE: "1", TF_CLI_CONFIG_FILE: join(folder, "terraform.rc") };
    const variables = [`server=127.0.0.1:${door.port}`, `password=${PASSWORD}`].flatMap((text) => ["-var", text]);
    await run("terraform", ["apply", "-auto-approve", "-no-color", ...variables], { cwd: folder, env });
    const { stdout } = await run("terraform", ["output", "-json"], { cwd: folder, env });
    expect(JSON.parse(stdout)).toMatchObject({ datacenter: { value: "ha-datacenter" }, datastore: { value: expect.any(String) } });
  } finally {
    await agent.stop();
    rmSync(folder, { recursive: true, force: true });
  }
});
