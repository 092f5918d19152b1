import { closeSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { createMemoryFile, filesOfPrograms } from "../../system/index.ts";
import { FULL_ISOLATION, type Isolation } from "../isolation.ts";
import { helpersInside, planSandbox } from "./sandbox.ts";
import { startSandboxed } from "./sandbox-start.ts";

const UID = 299_998; // of no user, and of no monitor of a host that these tests start
const CAT = "/usr/bin/cat";

test.skipIf(process.getuid?.() !== 0).each<[string, Isolation]>([
  ["its user", FULL_ISOLATION],
  ["root", { ...FULL_ISOLATION, userNamespace: false }],
])("a program reads the files that are its own, whole, in walls that %s builds", async (_, isolation) => {
  const contents = [Buffer.from("one\0,\n"), Buffer.alloc(0), Buffer.alloc(512 * 1024, "v")];
  const ownFiles = contents.map((_, index) => `/tmp/own/${index}`);
  const readOnlyPaths = await filesOfPrograms([CAT, ...helpersInside(isolation)]);
  const request = { isolation, uid: UID, program: CAT, args: ownFiles, readOnlyPaths, devicePaths: [], descriptorCount: 0, ownFiles };
  const log = createMemoryFile("own-files-log");
  try {
    const how = { descriptors: [], ownFiles: contents, log, stdin: "null", cgroup: undefined } as const;
    const { ended } = await startSandboxed(planSandbox(request), how);
    expect(await ended, readFileSync(`/proc/self/fd/${log}`, "utf8").slice(0, 200)).toEqual({ kind: "exited", code: 0 });
    expect(readFileSync(`/proc/self/fd/${log}`).equals(Buffer.concat(contents))).toBe(true);
  } finally {
    closeSync(log);
  }
});
