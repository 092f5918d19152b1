/**
 * How fast a link is, as its driver tells. Asked over netlink, because /sys/class/net shows the links of the namespace that it was
 * mounted in, and those that were moved from there no more. Source: Linux Documentation/networking/ethtool-netlink.rst, genetlink.h.
 */
import { assert, SystemError } from "../../base/index.ts";
import { errnoCode } from "../libc.ts";
import type { NetlinkRequest } from "./link-message.ts";
import { checkLinkName } from "./link-name.ts";
import { attribute, decodeAttributes, nestedAttribute } from "./netlink-message.ts";
import { NETLINK_GENERIC, NetlinkSocket } from "./netlink-socket.ts";

export interface LinkSpeed {
  /** 0 where the driver does not tell, as while nothing is plugged in. */
  readonly linkMbps: number;
  readonly isFullDuplex: boolean;
}

const GENL_ID_CTRL = 16;
const CTRL_CMD_GETFAMILY = 3;
const CTRL_ATTR_FAMILY_ID = 1;
const CTRL_ATTR_FAMILY_NAME = 2;

const ETHTOOL_MSG_LINKMODES_GET = 4;
const ETHTOOL_A_LINKMODES_HEADER = 1;
const ETHTOOL_A_LINKMODES_SPEED = 5;
const ETHTOOL_A_LINKMODES_DUPLEX = 6;
const ETHTOOL_A_HEADER_DEV_NAME = 2;
const SPEED_UNKNOWN = 0xffffffff;
const DUPLEX_HALF = 0;

/** struct genlmsghdr: | command:u8 | version:u8 | 0:u16 | */
const GENERIC_HEADER_BYTES = 4;

/** @param name of a link in the namespace of the calling thread */
export function readLinkSpeed(name: string): LinkSpeed {
  checkLinkName(name);
  try {
    using socket = new NetlinkSocket({ protocol: NETLINK_GENERIC });
    const [answer] = socket.ask(requestLinkSpeed(familyId(socket), name));
    assert(answer !== undefined, "the kernel tells what it acknowledges");
    return decodeLinkSpeed(answer.body);
  } catch (cause) {
    // The number of EOPNOTSUPP has both names.
    if (errnoCode(cause) === "ENOTSUP") return { linkMbps: 0, isFullDuplex: true };
    throw new SystemError(`asking for the speed of the network link ${name}`, { cause });
  }
}

let knownFamilyId: number | undefined;

/** The number that the kernel gave the messages of ethtool when it started. */
function familyId(socket: NetlinkSocket): number {
  if (knownFamilyId === undefined) {
    const [answer] = socket.ask(generic(GENL_ID_CTRL, CTRL_CMD_GETFAMILY, attribute(CTRL_ATTR_FAMILY_NAME, "ethtool")));
    knownFamilyId = answer === undefined ? undefined : genericAttributes(answer.body).get(CTRL_ATTR_FAMILY_ID)?.readUInt16LE();
    assert(knownFamilyId !== undefined, "the kernel tells the number of a family that it has");
  }
  return knownFamilyId;
}

/** Pure. */
export function requestLinkSpeed(family: number, name: string): NetlinkRequest {
  const header = nestedAttribute(ETHTOOL_A_LINKMODES_HEADER, [attribute(ETHTOOL_A_HEADER_DEV_NAME, name)]);
  return generic(family, ETHTOOL_MSG_LINKMODES_GET, header);
}

/** Pure. */
export function decodeLinkSpeed(body: Buffer): LinkSpeed {
  const attributes = genericAttributes(body);
  const speed = attributes.get(ETHTOOL_A_LINKMODES_SPEED)?.readUInt32LE() ?? SPEED_UNKNOWN;
  const duplex = attributes.get(ETHTOOL_A_LINKMODES_DUPLEX)?.readUInt8();
  return { linkMbps: speed === SPEED_UNKNOWN ? 0 : speed, isFullDuplex: duplex !== DUPLEX_HALF };
}

function generic(family: number, command: number, attributes: Buffer): NetlinkRequest {
  return { type: family, flags: 0, body: Buffer.concat([Buffer.from([command, 1, 0, 0]), attributes]) };
}

function genericAttributes(body: Buffer): Map<number, Buffer> {
  return decodeAttributes(body.subarray(GENERIC_HEADER_BYTES));
}
