/**
 * Names in a BPF file system for programs, maps and links, which then live on without any process. To remove one, unlink its file.
 * Source: Linux include/uapi/linux/bpf.h, BPF_OBJ_PIN and BPF_OBJ_GET.
 */
import { mkdirSync, statfsSync } from "node:fs";
import { errnoCode } from "../libc.ts";
import { mountKernelFileSystem, unmount } from "../mounts.ts";
import { attempt, bpf } from "./call.ts";
import { NativeMemory } from "./native-memory.ts";

const BPF_FS_MAGIC = 0xcafe4a11;
const PRIVATE_FOLDER = 0o700;

/** Gives the object a name. EEXIST when it is taken. No "." may be in the name. */
export function pinObject(fd: number, path: string): void {
  using name = NativeMemory.ofText(path);
  const fields = [
    [0, name.address],
    [8, fd],
  ] as const;
  attempt(`pinning a BPF object as ${path}`, () => bpf("pin", fields));
}

/** @returns a descriptor of the object, the caller's to close */
export function openPinned(path: string): number {
  using name = NativeMemory.ofText(path);
  return attempt(`opening the BPF object ${path}`, () => bpf("openPinned", [[0, name.address]]).result);
}

/** Makes the folder, if need be, and mounts a BPF file system of its own there, which only root may look into. One that is there stays. */
export function mountBpffs(folder: string): void {
  attempt(`mounting a BPF file system at ${folder}`, () => {
    mkdirSync(folder, { recursive: true, mode: PRIVATE_FOLDER });
    if (isBpffs(folder)) return;
    mountKernelFileSystem("bpf", folder, `mode=${PRIVATE_FOLDER.toString(8)}`);
  });
}

/** Takes the BPF file system away from `folder`, and with it all its pins once nobody uses it. Where there is none this does nothing. */
export function unmountBpffs(folder: string): void {
  attempt(`unmounting the BPF file system at ${folder}`, () => {
    if (isBpffs(folder)) unmount(folder);
  });
}

/** Whether a BPF file system is there, or above. */
export function isBpffs(folder: string): boolean {
  try {
    return statfsSync(folder).type === BPF_FS_MAGIC;
  } catch (error) {
    if (errnoCode(error) === "ENOENT" || errnoCode(error) === "ENOTDIR") return false;
    throw error;
  }
}
