/**
 * Importing a package's disk beside `qemu-img convert`: the same stream-optimized disk, on the same file system, in turns, until it is
 * on the disk. The host gets it by curl over TLS, and counts from ImportVApp to the end of HttpNfcLeaseComplete; qemu-img reads a file.
 * `npm run bench`; nothing is asserted.
 */
import { execFile, execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { closeSync, ftruncateSync, openSync, readFileSync, rmSync, statSync, writeSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { test } from "vitest";
import { hostPaths } from "../src/base/index.ts";
import { moRef, type VimClient } from "../src/interfaces/index.ts";
import type { HttpNfcLeaseInfo, MoRef, VirtualMachineImportSpec } from "../src/wire/index.ts";
import { startHost, waitFor } from "../test/harness.ts";
import { ovfDescriptor } from "../test/package.fixture.ts";
import { ROOT_POOL, read, succeeded } from "../test/vm.ts";
import { median, print, timed } from "./figures.ts";

const run = promisify(execFile);
const ROUNDS = 3;
const MIB = 1024 * 1024;
const DISK_MIB = 1024;
/** Of the disk; the rest is holes, as in what products ship. */
const DATA_MIB = 512;

test("a package's disk, beside qemu-img convert", { timeout: 600_000 }, async () => {
  const host = await startHost();
  const client = await host.login();
  try {
    const folder = join(hostPaths(host.root).volumes, "datastore1");
    const stream = makeDisk(folder);
    const { hostd } = await host.pids();
    const times: { ours: number[]; theirs: number[] } = { ours: [], theirs: [] };
    const cpu: { ours: number[]; theirs: number[] } = { ours: [], theirs: [] };
    for (let round = 0; round <= ROUNDS; round++) {
      let theirCpu = 0;
      const theirs = await timed(async () => {
        theirCpu = await convert(folder, stream);
      });
      const vm = { ref: undefined as MoRef<"VirtualMachine"> | undefined };
      const before = cpuSeconds(hostd);
      const ours = await timed(async () => {
        vm.ref = await importDisk(client, stream, host.port);
      });
      const ourCpu = cpuSeconds(hostd) - before;
      await succeeded(client, await client.call(vm.ref as MoRef<"VirtualMachine">, "Destroy_Task", {}));
      if (round === 0) continue; // into caches
      times.ours.push(ours);
      times.theirs.push(theirs);
      cpu.ours.push(ourCpu);
      cpu.theirs.push(theirCpu);
    }
    const [a, b] = [median(times.ours), median(times.theirs)];
    const what = `import of ${DATA_MIB} MiB in ${(statSync(stream).size / MIB).toFixed(0)} MiB : qemu-img convert (limit 1.15)`;
    print(what, `${(a / b).toFixed(2)}  (${a.toFixed(2)} : ${b.toFixed(2)} s, median of ${ROUNDS})`);
    const [x, y] = [median(cpu.ours), median(cpu.theirs)];
    print("processor time, hostd : qemu-img", `${(x / y).toFixed(2)}  (${x.toFixed(2)} : ${y.toFixed(2)} s)`);
  } finally {
    client.close();
    await host.stop();
  }
});

/** Bytes that deflate to about half, as programs and texts do. */
function makeDisk(folder: string): string {
  const raw = join(folder, "bench.raw");
  const fd = openSync(raw, "w");
  for (let n = 0; n < DATA_MIB; n++)
    writeSync(fd, Buffer.from(randomBytes(MIB / 2).toString("hex")), 0, MIB, n * MIB * (DISK_MIB / DATA_MIB));
  ftruncateSync(fd, DISK_MIB * MIB);
  closeSync(fd);
  const stream = join(folder, "bench.stream");
  execFileSync("qemu-img", ["convert", "-f", "raw", "-O", "vmdk", "-o", "subformat=streamOptimized", raw, stream]);
  rmSync(raw);
  return stream;
}

/** @returns the processor time that it took, in seconds */
async function convert(folder: string, stream: string): Promise<number> {
  const out = join(folder, "bench.out");
  const timing = 'TIMEFORMAT="%U %S"; time qemu-img convert -f vmdk -O raw "$0" "$1"';
  const { stderr } = await run("bash", ["-c", timing, stream, out]);
  await run("sync", [out]);
  rmSync(out);
  return stderr
    .trim()
    .split(/\s+/)
    .slice(-2)
    .reduce((sum, part) => sum + Number(part), 0);
}

/** Source: proc(5), utime and stime of /proc/pid/stat in hundredths of a second. */
function cpuSeconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

async function importDisk(client: VimClient, stream: string, port: number): Promise<MoRef<"VirtualMachine">> {
  const [datastore] = (await read(client, moRef("ComputeResource", "ha-compute-res"), "datastore")) as MoRef<"Datastore">[];
  const { importSpec } = await client.call(moRef("OvfManager", "ha-ovf-manager"), "CreateImportSpec", {
    ovfDescriptor: ovfDescriptor({ bytes: statSync(stream).size, capacityMib: DISK_MIB }),
    resourcePool: ROOT_POOL,
    datastore: datastore as MoRef<"Datastore">,
    cisp: { entityName: "bench", diskProvisioning: "thin", locale: "", deploymentOption: "" },
  });
  const lease = await client.call(ROOT_POOL, "ImportVApp", { spec: importSpec as VirtualMachineImportSpec });
  await waitFor(async () => (await read(client, lease, "state")) === "ready", 20_000, 10);
  const info = (await read(client, lease, "info")) as HttpNfcLeaseInfo;
  const { pathname } = new URL(info.deviceUrl?.[0]?.url.replace("*", "127.0.0.1") ?? "");
  const headers = ["-H", "Expect:", "-H", "Content-Type: application/x-vnd.vmware-streamVmdk"];
  await run("curl", ["-sSfk", ...headers, "-X", "POST", "-T", stream, `https://127.0.0.1:${port}${pathname}`]);
  await client.call(lease, "HttpNfcLeaseComplete", {});
  return info.entity as MoRef<"VirtualMachine">;
}
