/** What QEMU needs to find in its sandbox: itself, its libraries, the accelerator module, firmware and option ROMs. */
import { existingPaths, filesOfPrograms } from "../../system/index.ts";
import type { Isolation } from "../isolation.ts";
import { helpersInside } from "./sandbox.ts";

export const QEMU = "/usr/bin/qemu-system-x86_64";

/** Where Debian keeps them; QEMU looks for each at these paths, so they are bound where they are. */
const QEMU_FILES = [
  "/usr/lib/x86_64-linux-gnu/qemu/accel-tcg-x86_64.so", // translation is a module; without it: "could not load module tcg-accel-ops"
  "/usr/share/seabios",
  "/usr/share/qemu",
];

/** @returns the `readOnlyPaths` of a monitor's sandbox */
export async function filesOfQemu(isolation: Isolation): Promise<readonly string[]> {
  return [...(await filesOfPrograms([QEMU, ...helpersInside(isolation)])), ...existingPaths(QEMU_FILES)];
}
