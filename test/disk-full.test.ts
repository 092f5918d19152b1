/**
 * Every deed on disks on a datastore that is full, wholly or with room for a part of it: it is done, or it fails by NoDiskSpace and
 * there is what was there before, and when there is room again it is done. A host agent with real datastores and no guest.
 */
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statfsSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import type { VimClient } from "../src/interfaces/index.ts";
import { startAgent, type TestAgent } from "./agent.fixture.ts";
import { DISK_DEEDS } from "./disk-deeds.fixture.ts";
import { MIB, Stage } from "./disk-stage.fixture.ts";
import { removeFrozen, waitFor } from "./harness.ts";

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

const DEEDS = DISK_DEEDS.filter(({ runs }) => runs !== true);

/** Those that write data get so far with it; the others have not even room for a descriptor. */
test.each(DEEDS.map((deed) => [deed.name, deed.grows === true ? 2 * MIB : 0, deed] as const))(
  "%s with %i bytes of room",
  async (_, bytes, deed) => {
    const stage = newStage();
    await deed.prepare(stage);
    const before = await stage.look();
    leave(bytes);
    const failure = await Promise.resolve(deed.perform(stage)).then(
      () => undefined,
      (error: Error) => error.message,
    );
    const isAsBefore = async () => isDeepStrictEqual(await stage.look(), before);
    // What a lease has made goes when its client has been told already.
    if (failure !== undefined && deed.goOn === undefined) await waitFor(isAsBefore, 20_000, 50).catch(() => {});
    const there = await stage.look();
    rmSync(ballast());
    if (deed.grows === true) expect(failure).toBeDefined();
    if (failure !== undefined) {
      expect(failure).toContain("NoDiskSpace");
      if (deed.goOn === undefined) expect(there).toEqual(before);
      else expect(stage.shown(there)).toEqual(stage.shown(before));
      await (deed.goOn ?? deed.perform)(stage);
    }
    const after = await stage.look();
    if (failure === undefined) expect(there).toEqual(after);
    await stage.clear();
    expect(await stage.look()).toEqual([]);
  },
);
