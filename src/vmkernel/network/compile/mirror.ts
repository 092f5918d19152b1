/**
 * The unit by which promiscuous ports see frames that are not for them: those of VLANs that they carry, as their VLAN mode shows them.
 * Pure. vim25 HostNetworkSecurityPolicy.allowPromiscuous.
 */
import { SKB } from "../../../ebpf/index.ts";
import { GROUP_BIT } from "../plan-table.ts";
import { sendCopies } from "./copies.ts";
import { type PortBuilder, STACK, type Unit } from "./port-builder.ts";
import type { Neighbours } from "./port-shape.ts";

export interface Mirrored {
  readonly sender: number;
  readonly neighbours: Neighbours;
  /** Of an access port; "tagged" where r8 tells it. */
  readonly vlan: number | "tagged";
}

export function mirror({ sender, neighbours, vlan }: Mirrored): Unit {
  const { membersMax } = neighbours;
  return {
    name: "promiscuous mirror",
    emit: (builder) => {
      // Members of the VLAN get group frames anyway.
      builder.jumpIf("set", "r9", GROUP_BIT, "flood");
      rememberTarget(builder);
      const untagged = (): void => sendCopies(builder, { kind: "untaggedMirrors", sender, membersMax, skipsTarget: true });
      const tagged = (): void => sendCopies(builder, { kind: "taggedMirrors", sender, membersMax, skipsTarget: true });
      if (vlan === "tagged") {
        if (neighbours.taggedMirrors) tagged();
        if (neighbours.untaggedMirrors) withoutTag(builder, untagged);
      } else {
        if (neighbours.untaggedMirrors) untagged();
        if (neighbours.taggedMirrors) {
          builder.pushTag(vlan);
          tagged();
          builder.popTag();
        }
      }
    },
  };
}

function rememberTarget(builder: PortBuilder): void {
  const none = builder.freshLabel("nobody");
  builder.lookUpDestination().mov("r1", 0).jumpIf("eq", "r0", 0, none).loadDevice().label(none).store(4, "r10", STACK.target, "r1");
}

function withoutTag(builder: PortBuilder, deed: () => void): void {
  const [plain, done] = [builder.freshLabel("plain"), builder.freshLabel("mirrored")];
  builder.jumpIf("eq", "r8", 0, plain);
  builder.load(4, "r1", "r6", SKB.vlanTci).store(4, "r10", STACK.tag, "r1").popTag();
  deed();
  builder.load(4, "r3", "r10", STACK.tag).pushTag("r3").jump(done).label(plain);
  deed();
  builder.label(done);
}
