/**
 * Taps: links whose other end is a descriptor. What is written to it arrives at the link, what leaves by the link is read from it.
 * Source: Linux Documentation/networking/tuntap.rst, include/uapi/linux/if_tun.h.
 */
import { closeSync, constants, openSync } from "node:fs";
import { messageOf, SystemError } from "../../base/index.ts";
import { errnoCode, libcCall } from "../libc.ts";
import { checkLinkName } from "./link-name.ts";

const ioctl = libcCall<[fd: number, request: number, argument: Buffer]>("int ioctl(int fd, uint64_t request, void *argument)");

const TUN_DEVICE = "/dev/net/tun";
const TUNSETIFF = 0x400454ca;
const TUNGETFEATURES = 0x800454cf;
const IFF_TAP = 0x0002;
const IFF_NO_PI = 0x1000;
const IFF_VNET_HDR = 0x4000;
/** Never a tap that is there already. */
const IFF_TUN_EXCL = 0x8000;
/** struct ifreq: | name:16 | here flags:u16 | … | */
const IFREQ_BYTES = 40;
const IFREQ_FLAGS_AT = 16;

/** Whether taps can be made here: found by asking the kernel's driver what they can be. @returns undefined, or why not */
export function tryTap(device = TUN_DEVICE): string | undefined {
  let fd: number | undefined;
  try {
    fd = openSync(device, constants.O_RDWR | constants.O_NONBLOCK);
    ioctl(fd, TUNGETFEATURES, Buffer.alloc(4));
    return undefined;
  } catch (error) {
    return errnoCode(error) ?? messageOf(error);
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}

export interface TapOptions {
  /**
   * Each frame has a struct virtio_net_hdr before it, which tells of segments and checksums that are still to be made.
   * 10 bytes until whoever uses the tap sets another size (TUNSETVNETHDRSZ), as QEMU does.
   */
  readonly vnetHeader: boolean;
}

/**
 * Makes a tap in the namespace of the calling thread. It is down, and goes with the last copy of its descriptor.
 * @returns the descriptor, which does not block and is closed on exec; the caller's to close
 * @throws {SystemError} also when a link has that name already
 */
export function createTap(name: string, { vnetHeader }: TapOptions): number {
  checkLinkName(name);
  const request = Buffer.alloc(IFREQ_BYTES);
  request.write(name);
  request.writeUInt16LE(IFF_TAP | IFF_NO_PI | IFF_TUN_EXCL | (vnetHeader ? IFF_VNET_HDR : 0), IFREQ_FLAGS_AT);
  let fd: number | undefined;
  try {
    // Node opens everything with O_CLOEXEC.
    fd = openSync(TUN_DEVICE, constants.O_RDWR | constants.O_NONBLOCK);
    ioctl(fd, TUNSETIFF, request);
    return fd;
  } catch (cause) {
    if (fd !== undefined) closeSync(fd);
    throw new SystemError(`making the tap ${name}`, { cause });
  }
}
