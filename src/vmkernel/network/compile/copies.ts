/** Copies for every port of a list in the table. Pure. What units of group frames and of mirrors share. */
import { SKB } from "../../../ebpf/index.ts";
import { entriesMax, type ListKind, listBase, MEMBERS_AT } from "../plan-table.ts";
import { type PortBuilder, STACK } from "./port-builder.ts";

export interface Copies {
  readonly kind: ListKind;
  readonly sender: number;
  /** Where it is given the verifier goes through the loop so many times, to see its end. */
  readonly membersMax: number | undefined;
  /** The port that gets the frame itself gets no copy. */
  readonly skipsTarget?: true;
}

const VLAN_MASK = 0xffff;

/** As the frame is now: tagged or not. r7 is lost, and all that was read of the frame. The sender is skipped. */
export function sendCopies(builder: PortBuilder, { kind, sender, membersMax, skipsTarget }: Copies): void {
  const [loop, done] = [builder.freshLabel("members"), builder.freshLabel("end of members")];
  builder
    .mov("r1", "r9")
    .and("r1", VLAN_MASK)
    .or("r1", listBase({ kind, vlan: 0, sender }))
    .store(4, "r10", STACK.key, "r1");
  builder.storeImmediate(8, "r10", STACK.round, 0).label(loop).load(8, "r7", "r10", STACK.round);
  // The list itself ends it, but who would tell the verifier?
  if (membersMax === undefined) builder.mayJump(done);
  else builder.jumpIf("ge", "r7", entriesMax(membersMax), done);
  builder
    .store(4, "r10", STACK.key + 4, "r7")
    .add("r7", 1)
    .store(8, "r10", STACK.round, "r7")
    .lookUp()
    .jumpIf("eq", "r0", 0, done)
    .mov("r7", "r0");
  for (const at of MEMBERS_AT) {
    builder.load(4, "r2", "r7", at).load(4, "r1", "r6", SKB.ifindex);
    becomeNobody(builder);
    if (skipsTarget) {
      builder.load(4, "r1", "r10", STACK.target);
      becomeNobody(builder);
    }
    builder.sendCopy(); // for nobody where the list has ended
  }
  builder.jump(loop).label(done);
}

/**
 * r2 becomes 0 if it is r1: no device has that number, and a copy for it is none. Without a jump: each would double what the verifier
 * keeps for later, in every round of the loop.
 */
function becomeNobody(builder: PortBuilder): void {
  builder.xor("r1", "r2").mov("r3", "r1").neg("r3").or("r3", "r1").arsh("r3", 63).and("r2", "r3");
}
