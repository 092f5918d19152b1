/**
 * Every deed on disks on a datastore that is full, wholly or with room for a part of it: it is done, or it fails by NoDiskSpace and
 * there is what was there before, and when there is room again it is done. A host agent with real datastores and no guest.
 */
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statfsSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import type { VimClient } from "../src/interfaces/index.ts";
import { startAgent, type TestAgent } from "./agent.fixture.ts";
import { DISK_DEEDS } from "./disk-deeds.fixture.ts";
import { MIB, Stage } from "./disk-stage.fixture.ts";
import { removeFrozen } from "./harness.ts";

const ROOM_MIB = 160;
let folder: string;
let agent: TestAgent;
let client: VimClient;
let number = 0;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "bulkhead-full-"));
  mkdirSync(join(folder, "volumes/datastore1"), { recursive: true });
  execFileSync("mount", ["-t", "tmpfs", "-o", `size=${ROOM_MIB}m`, "tmpfs", join(folder, "volumes/datastore1")]);
  agent = await startAgent(folder);
  client = await agent.login();
});
afterAll(async () => {
  client?.close();
  await agent?.stop({ keepFolder: true });
  execFileSync("umount", ["-l", join(folder, "volumes/datastore1")]);
  rmSync(folder, { recursive: true, force: true });
});

const ballast = (): string => join(agent.datastore, "images-ballast");
afterEach(() => {
  rmSync(ballast(), { force: true });
  for (const name of readdirSync(agent.datastore)) if (!name.startsWith(".")) removeFrozen(join(agent.datastore, name)); // what failed
});

function newStage(): Stage {
  number += 1;
  return new Stage({ client, name: `f${number}x`, port: agent.port, datastore: agent.datastore });
}

/** Takes all of the datastore's room but so much. */
function leave(bytes: number): void {
  const { bavail, bsize } = statfsSync(agent.datastore);
  execFileSync("fallocate", ["-l", String(bavail * bsize - bytes), ballast()]);
}

const seen = new Map<string, readonly string[]>();
const DEEDS = DISK_DEEDS.filter(({ runs }) => runs !== true);

test.each(DEEDS.flatMap((deed) => [0, 2 * MIB].map((bytes) => [deed.name, bytes, deed] as const)))(
  "%s with %i bytes of room",
  async (name, bytes, deed) => {
    const stage = newStage();
    await deed.prepare(stage);
    const before = await stage.look();
    leave(bytes);
    const failure = await Promise.resolve(deed.perform(stage)).then(
      () => undefined,
      (error: Error) => error.message,
    );
    const there = await stage.look();
    rmSync(ballast());
    if (deed.grows === true) expect(failure).toBeDefined();
    if (failure !== undefined) {
      expect(failure).toContain("NoDiskSpace");
      expect(there).toEqual(before);
      await deed.perform(stage);
    }
    const after = await stage.look();
    expect(after).toEqual(seen.get(name) ?? after);
    if (failure === undefined) expect(there).toEqual(after);
    seen.set(name, after);
    await stage.clear();
    expect(await stage.look()).toEqual([]);
  },
);
