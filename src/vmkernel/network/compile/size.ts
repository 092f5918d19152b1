/**
 * The unit that keeps to the MTU of the switch: the kernel compares no tap's frames with it. vim25 HostVirtualSwitchSpec.mtu. Pure.
 * Several segments that are yet to be cut are one frame, as long as 64 KiB; how long each of them will be, the frame tells beside itself.
 */
import { SKB } from "../../../ebpf/index.ts";
import { ETHERNET, type Unit } from "./port-builder.ts";

/** The least that goes before a segment's data within the MTU: IPv4, and UDP. */
const HEADERS_BYTES_MIN = 28;

/** After the tag is beside the frame, where it does not count. @param mtu without the Ethernet header */
export function refuseLong(mtu: number): Unit {
  return {
    name: `mtu: ${mtu}`,
    emit: (builder) => {
      const [fits, refuse] = [builder.freshLabel("fits"), builder.drop("tooLong")];
      builder.load(4, "r2", "r6", SKB.len).jumpIf("le", "r2", mtu + ETHERNET.bytes, fits);
      builder.load(4, "r2", "r6", SKB.gsoSize).jumpIf("eq", "r2", 0, refuse);
      builder.jumpIf("gt", "r2", mtu - HEADERS_BYTES_MIN, refuse).label(fits);
    },
  };
}
