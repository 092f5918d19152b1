/**
 * Names in a BPF file system for programs, maps and links, which then live on without any process. To remove one, unlink its file.
 * Source: Linux include/uapi/linux/bpf.h, BPF_OBJ_PIN and BPF_OBJ_GET; mount(2), umount2(2).
 */
import { mkdirSync, statfsSync } from "node:fs";
import { errnoCode, libcCall } from "../libc.ts";
import { attempt, bpf } from "./call.ts";
import { NativeMemory } from "./native-memory.ts";

const mount = libcCall<[source: string, target: string, type: string, flags: number, data: string]>(
  "int mount(const char *source, const char *target, const char *type, uint64_t flags, const char *data)",
);
const umount = libcCall<[target: string, flags: number]>("int umount2(const char *target, int flags)");

const MS_NOSUID = 2;
const MS_NODEV = 4;
const MS_NOEXEC = 8;
const MNT_DETACH = 2;
const UMOUNT_NOFOLLOW = 8;
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
    mount("bpf", folder, "bpf", MS_NOSUID | MS_NODEV | MS_NOEXEC, `mode=${PRIVATE_FOLDER.toString(8)}`);
  });
}

/** Takes the BPF file system away from `folder`, and with it all its pins once nobody uses it. Where there is none this does nothing. */
export function unmountBpffs(folder: string): void {
  attempt(`unmounting the BPF file system at ${folder}`, () => {
    if (isBpffs(folder)) umount(folder, MNT_DETACH | UMOUNT_NOFOLLOW);
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
