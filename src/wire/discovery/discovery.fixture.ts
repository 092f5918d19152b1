/** Frames of discovery as switches send them, for tests. */
const hex = (text: string) => Buffer.from(text.replace(/\s+/g, ""), "hex");
const text = (value: string) => Buffer.from(value);

function tlv(type: number, value: Buffer): Buffer {
  const head = Buffer.alloc(2);
  head.writeUInt16BE((type << 9) | value.length);
  return Buffer.concat([head, value]);
}

/** Of switch "sw1", at its port Ethernet1/7, good for 120 seconds. */
export function lldpFrame(parts: readonly Buffer[] = [], timeToLive = 120): Buffer {
  const ttl = Buffer.alloc(2);
  ttl.writeUInt16BE(timeToLive);
  return Buffer.concat([
    hex("0180c200000e 0200000000aa 88cc"),
    tlv(1, hex("04 0200000000aa")),
    tlv(2, Buffer.concat([hex("05"), text("Ethernet1/7")])),
    tlv(3, ttl),
    tlv(4, text("uplink of esx1")),
    tlv(5, text("sw1.example.org")),
    tlv(6, text("A switch")),
    tlv(8, hex("05 01 c0000202 02 00000001 00")),
    tlv(127, hex("0080c2 01 000a")),
    tlv(127, hex("00120f 04 2400")),
    ...parts,
    hex("0000"),
  ]);
}

function cdpTlv(type: number, value: Buffer): Buffer {
  const head = Buffer.alloc(4);
  head.writeUInt16BE(type);
  head.writeUInt16BE(value.length + 4, 2);
  return Buffer.concat([head, value]);
}

/** Of switch "sw2", at its port GigabitEthernet1/0/7, good for 180 seconds. */
export function cdpFrame(parts: readonly Buffer[] = []): Buffer {
  const packet = Buffer.concat([
    hex("aaaa0300000c2000 02 b4 0000"),
    cdpTlv(1, text("sw2.example.org")),
    cdpTlv(2, hex("00000001 01 01 cc 0004 c0000203")),
    cdpTlv(3, text("GigabitEthernet1/0/7")),
    cdpTlv(4, hex("00000029")),
    cdpTlv(5, text("Software 15.2")),
    cdpTlv(6, text("A platform")),
    cdpTlv(10, hex("0014")),
    cdpTlv(11, hex("01")),
    cdpTlv(17, hex("000005dc")),
    ...parts,
  ]);
  const length = Buffer.alloc(2);
  length.writeUInt16BE(packet.length);
  return Buffer.concat([hex("01000ccccccc 0200000000bb"), length, packet]);
}
