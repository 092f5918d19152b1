/**
 * One group at a time: the kernel shares between all that is offered to it, so monitors of two groups are never offered together, not
 * even while both of them start. Paper «Memory Isolation».
 */
import type { VmId } from "../../base/index.ts";
import { fault } from "../../wire/index.ts";

/** A VM with the group in which its memory is offered; undefined for one that offers none. */
export interface GroupMember {
  readonly vm: VmId;
  readonly group: string | undefined;
}

export class SharingGroups {
  readonly #starting = new Set<GroupMember>();

  /**
   * For a VM that is about to start. @param running those whose monitors are there
   * @returns to be disposed of when its monitor is among the running, or has not come
   * @throws {Fault} InvalidState while another group's run or start
   */
  claim(member: GroupMember, running: Iterable<GroupMember>): Disposable {
    const other = [...running, ...this.#starting].find(({ group }) => group !== undefined && group !== member.group);
    if (member.group !== undefined && other !== undefined)
      throw fault("InvalidState", `VM ${other.vm} shares memory in another group, and the kernel serves one group at a time.`, {});
    this.#starting.add(member);
    return { [Symbol.dispose]: () => void this.#starting.delete(member) };
  }
}
