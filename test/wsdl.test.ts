import { execFile } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { moRef } from "../src/interfaces/index.ts";
import { startAgent, type TestAgent } from "./agent.fixture.ts";
import { installFromPypi } from "./pypi.ts";
import { openDoor } from "./recording.ts";

/** «Any software program that utilizes Web services can also communicate directly with the host agent»: paper «Host Agent». */
const run = promisify(execFile);
const SCRIPT = join(import.meta.dirname, "clients/wsdl_toolkit.py");
const ZEEP = "zeep==4.3.3";

let agent: TestAgent;
const folder = mkdtempSync(join(tmpdir(), "bulkhead-zeep-"));
beforeAll(async () => {
  agent = await startAgent();
});
afterAll(async () => {
  await agent?.stop();
  rmSync(folder, { recursive: true, force: true });
});

test("a SOAP toolkit makes itself a client from the host's WSDL, and creates a VM with it", async (context) => {
  const python = await installFromPypi(folder, ZEEP);
  if (python === undefined) return context.skip("PyPI cannot be reached from here, or Python has no venv");
  await using door = await openDoor(agent.port, "zeep");
  const { stdout } = await run(python, [SCRIPT, `https://127.0.0.1:${door.port}/sdk`, "root", "Correct-Horse-9"], { timeout: 60_000 });
  expect(JSON.parse(stdout)).toEqual({
    apiType: "HostAgent",
    refused: ["Cannot complete login due to an incorrect user name or password.", "{urn:vim25}InvalidLoginFault"],
    user: "root",
    properties: { name: "str", "summary.hardware.numCpuThreads": "int" },
    task: "Task",
  });
  await using client = await agent.login();
  const inventoryPath = "ha-datacenter/vm/made-by-toolkit";
  const find = () => client.call(moRef("SearchIndex", "ha-searchindex"), "FindByInventoryPath", { inventoryPath });
  await expect.poll(find).toMatchObject({ type: "VirtualMachine" });
});
