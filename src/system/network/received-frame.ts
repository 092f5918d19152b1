/**
 * A frame as it was on the wire: the kernel keeps its outermost VLAN tag beside it, in a control message, and here it is put back.
 * Pure. Source: packet(7) PACKET_AUXDATA, cmsg(3), Linux include/uapi/linux/if_packet.h, IEEE 802.1Q-2018 §9.
 */

export const SOL_PACKET = 263;
export const PACKET_AUXDATA = 8;

const CONTROL_HEADER_BYTES = 16;
/** struct tpacket_auxdata: | status:u32 | length:u32 | caught:u32 | mac:u16 | network:u16 | tci:u16 | tpid:u16 | */
const AUXDATA_BYTES = 20;
const AUXDATA_STATUS_AT = CONTROL_HEADER_BYTES;
const AUXDATA_TCI_AT = CONTROL_HEADER_BYTES + 16;
const AUXDATA_TPID_AT = CONTROL_HEADER_BYTES + 18;
/** struct cmsghdr { size_t length; int level; int type; } and the above, aligned to 8. */
export const AUXDATA_CONTROL_BYTES = 40;
const TP_STATUS_VLAN_VALID = 0x10;
const TP_STATUS_VLAN_TPID_VALID = 0x40;
const ETH_P_8021Q = 0x8100;
/** Destination and source: the tag follows them. */
const ETHERNET_ADDRESSES_BYTES = 12;

/** @param control as recvmsg(2) filled it; zeros where it told nothing */
export function withVlanTag(frame: Buffer, control: Buffer): Buffer {
  const isTold =
    Number(control.readBigUInt64LE(0)) >= CONTROL_HEADER_BYTES + AUXDATA_BYTES &&
    control.readInt32LE(8) === SOL_PACKET &&
    control.readInt32LE(12) === PACKET_AUXDATA;
  const status = isTold ? control.readUInt32LE(AUXDATA_STATUS_AT) : 0;
  if ((status & TP_STATUS_VLAN_VALID) === 0) return frame;
  const tag = Buffer.alloc(4);
  tag.writeUInt16BE((status & TP_STATUS_VLAN_TPID_VALID) !== 0 ? control.readUInt16LE(AUXDATA_TPID_AT) : ETH_P_8021Q, 0);
  tag.writeUInt16BE(control.readUInt16LE(AUXDATA_TCI_AT), 2);
  return Buffer.concat([frame.subarray(0, ETHERNET_ADDRESSES_BYTES), tag, frame.subarray(ETHERNET_ADDRESSES_BYTES)]);
}
