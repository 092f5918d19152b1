/**
 * A disk of the host that does only so much in a second, with an ext4 file system: an image that QEMU's storage daemon holds back and
 * shows as a file, a loop device over that. Real blocks, a real queue.
 */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { closeSync, ftruncateSync, mkdirSync, mkdtempSync, openSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { waitFor } from "./harness.ts";

const READY_MS = 20_000;

export interface SlowDevice extends AsyncDisposable {
  /** Where it is mounted. */
  readonly folder: string;
}

/**
 * @param bytesPerSecond it reads and writes
 * @param fill what is written to it while it is still fast
 */
export async function makeSlowDevice(
  folder: string,
  {
    sizeBytes,
    bytesPerSecond,
    fill,
  }: { readonly sizeBytes: number; readonly bytesPerSecond: number; readonly fill: (folder: string) => void },
): Promise<SlowDevice> {
  const place = mkdtempSync(join(tmpdir(), "bulkhead-slow-"));
  const [image, exported] = [join(place, "image"), join(place, "exported")];
  const file = openSync(image, "w");
  ftruncateSync(file, sizeBytes);
  closeSync(file);
  writeFileSync(exported, "");
  execFileSync("mkfs.ext4", ["-q", image]);
  mkdirSync(folder, { recursive: true });
  execFileSync("mount", ["-o", "loop", image, folder]);
  try {
    fill(folder);
  } finally {
    execFileSync("umount", [folder]);
  }
  const daemon = spawn(
    "qemu-storage-daemon",
    [
      ...["--object", `throttle-group,id=slow,x-bps-total=${bytesPerSecond}`],
      ...["--blockdev", `driver=file,node-name=image,filename=${image}`],
      ...["--blockdev", "driver=throttle,node-name=held,throttle-group=slow,file=image"],
      ...["--export", `type=fuse,id=export,node-name=held,mountpoint=${exported},writable=on`],
    ],
    { stdio: "inherit" },
  );
  let isMounted = false;
  const dispose = async () => {
    if (isMounted) execFileSync("umount", ["--lazy", folder]); // whoever has a file of it open is about to end
    await end(daemon);
    rmSync(place, { recursive: true, force: true });
  };
  try {
    await waitFor(() => statSync(exported).size === sizeBytes, READY_MS);
    execFileSync("mount", ["-o", "loop", exported, folder]);
    isMounted = true;
  } catch (error) {
    await dispose();
    throw error;
  }
  return { folder, [Symbol.asyncDispose]: dispose };
}

async function end(daemon: ChildProcess): Promise<void> {
  if (daemon.exitCode !== null) return;
  const ended = new Promise((resolve) => daemon.once("exit", resolve));
  daemon.kill("SIGTERM");
  await ended;
}
