/** Mounting and unmounting. Source: mount(2), umount2(2). */
import { libcCall } from "./libc.ts";

const mountCall = libcCall<[source: string, target: string, type: string | null, flags: number, data: string | null]>(
  "int mount(const char *source, const char *target, const char *type, uint64_t flags, const char *data)",
);
const umount = libcCall<[target: string, flags: number]>("int umount2(const char *target, int flags)");

const MS_NOSUID = 2;
const MS_NODEV = 4;
const MS_NOEXEC = 8;
const MS_BIND = 0x1000;
const MNT_DETACH = 2;
const UMOUNT_NOFOLLOW = 8;

/** Shows a file at another one's place. */
export function bindMount(from: string, to: string): void {
  mountCall(from, to, null, MS_BIND, null);
}

/** Mounts a file system of the kernel's own, in which nothing is executed and no device is one. */
export function mountKernelFileSystem(type: string, folder: string, options: string): void {
  mountCall(type, folder, type, MS_NOSUID | MS_NODEV | MS_NOEXEC, options);
}

/** Takes it away at once; who still has something of it open keeps that. No symbolic link is followed. */
export function unmount(target: string): void {
  umount(target, MNT_DETACH | UMOUNT_NOFOLLOW);
}
