/**
 * Copying a disk beside `cp`: the same file with holes, on the same file system, in turns, until the copy and its name are on the disk.
 * `npm run bench -- disks`; nothing is asserted.
 */
import { execFile } from "node:child_process";
import { closeSync, openSync, writeSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { test } from "vitest";
import { inDatastore, TestKernel } from "../test/monitor.fixture.ts";
import { describeRatios, inTurns, print, timed } from "./figures.ts";

const run = promisify(execFile);
const MIB = 1024 * 1024;
const ROUNDS = Number(process.env.BENCH_ROUNDS ?? 11);
const COPIES_PER_ROUND = 4;

test("copying a disk beside cp", { timeout: 600_000 }, async () => {
  await using kernel = new TestKernel();
  await kernel.start();
  await kernel.client.request({ kind: "listDatastores" });
  await kernel.client.request({ kind: "makeFolder", folder: inDatastore("1") });
  const uuid = `6000c29${"c".repeat(25)}`;
  const spec = { capacityBytes: 1024 * MIB, provisioning: "thin", adapterType: "lsilogic", uuid } as const;
  await kernel.client.request({ kind: "createDisk", descriptor: inDatastore("1/sparse.vmdk"), disk: spec });
  const flat = kernel.hostPath("1/sparse-flat.vmdk");
  const file = openSync(flat, "r+");
  for (let at = 0; at < 1024; at += 4) writeSync(file, Buffer.alloc(MIB, (at % 251) + 1), 0, MIB, at * MIB);
  closeSync(file);
  const peer = join(kernel.hostPath("1"), "peer");
  const to = inDatastore("1/copy.vmdk");
  const removed = async (seconds: Promise<number>, remove: () => Promise<unknown>) => {
    const taken = await seconds;
    await remove();
    return taken;
  };
  const copies = Array.from({ length: COPIES_PER_ROUND });
  const our = async () => {
    let seconds = 0;
    for (const _ of copies)
      seconds += await removed(
        timed(() => kernel.client.request({ kind: "copyDisk", from: inDatastore("1/sparse.vmdk"), to, copy: { uuid } })),
        () => kernel.client.request({ kind: "deleteDisk", descriptor: to }),
      );
    return seconds;
  };
  const their = async () => {
    let seconds = 0;
    // A copy is on the disk when the host says that it is there; cp's is when sync says so.
    for (const _ of copies)
      seconds += await removed(
        timed(() => run("sh", ["-c", 'cp --sparse=always --reflink=auto "$0" "$1" && sync "$1" && sync "$(dirname "$1")"', flat, peer])),
        () => run("rm", [peer]),
      );
    return seconds;
  };
  await our(); // the source into the cache
  const { ours, theirs } = await inTurns(ROUNDS, our, their);
  print("1 GiB sparse disk, copied : cp (limit 1.10)", describeRatios(ours, theirs));
});
