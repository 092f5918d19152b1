/** Units of a port's security policy: addresses that it may send from, and protocols that are the switches' own. Pure. */
import { macWord } from "../mac.ts";
import { GROUP_BIT } from "../plan-table.ts";
import { ETHERNET, type Unit } from "./port-builder.ts";

//= paper «Virtual Ports»
//# This capability makes it possible to set such policies as forbidding MAC address changes by the guest and rejecting forged MAC
//# address transmission
export function refuseForged(sourceMac: string): Unit {
  return {
    name: "mac security",
    emit: (builder) => {
      builder
        .load(8, "r2", "r7", ETHERNET.source)
        .lsh("r2", 16)
        .load64("r3", macWord(sourceMac) << 16n, "sourceMac");
      builder.jumpIf("ne", "r2", "r3", builder.drop("forgedTransmit"));
    },
  };
}

/** 01:80:c2:00:00:00 to 0f: STP, LACP, 802.1X, LLDP. IEEE 802.1Q table 8-1. */
const BRIDGES = { mac: "01:80:c2:00:00:00", mask: 0xf0_ff_ff_ff_ff_ffn };
/** CDP, DTP, VTP, PAgP, UDLD; PVST+. */
const OF_ONE_VENDOR = ["01:00:0c:cc:cc:cc", "01:00:0c:cc:cc:cd"];

//= paper «Virtual Switch Correctness»
//# Virtual switches have no dynamic trunking support.
export const refuseSwitchProtocols: Unit = {
  name: "switch protocols",
  emit: (builder) => {
    const others = builder.freshLabel("others");
    const refuse = builder.drop("switchProtocol");
    builder.mov("r2", "r9").and("r2", GROUP_BIT).jumpIf("eq", "r2", 0, others);
    builder.mov("r2", "r9").rsh("r2", 16);
    for (const mac of OF_ONE_VENDOR) builder.load64("r3", macWord(mac)).jumpIf("eq", "r2", "r3", refuse);
    builder.load64("r3", BRIDGES.mask).and("r2", "r3").load64("r3", macWord(BRIDGES.mac)).jumpIf("eq", "r2", "r3", refuse);
    builder.label(others);
  },
};

/** The receiver's adapter took an address that it may not have. */
export const refuseAll: Unit = {
  name: "mac change",
  emit: (builder) => {
    builder.jump(builder.drop("macChange"));
  },
};

export const refuseUnconnected: Unit = {
  name: "not connected",
  emit: (builder) => {
    builder.jump(builder.drop("notConnected"));
  },
};
