/** What every entity of the inventory has: vim25 ManagedEntity. */
import { roleOn } from "../../access/index.ts";
import type { Event, ManagedEntityStatus, MoRef } from "../../wire/index.ts";
import type { HostAgent } from "../agent.ts";
import type { ManagedObjectType, Reader } from "../managed-object.ts";

/** An entity as its managed object sees it. */
export interface Entity {
  readonly agent: HostAgent;
  readonly ref: MoRef;
  readonly name: string;
  readonly parent: MoRef | undefined;
}

export const managedEntityProperties = {
  parent: (self: Entity) => self.parent,
  name: (self: Entity) => self.name,
  overallStatus: (): ManagedEntityStatus => "green",
  configStatus: (): ManagedEntityStatus => "green",
  configIssue: () => [],
  effectiveRole: (self: Entity, { userName }: Reader) => {
    const { inventory, accounts } = self.agent;
    const role = userName === undefined ? undefined : roleOn(inventory.pathOf(self.ref.value), userName, accounts.permissions());
    return role === undefined ? [] : [role.id];
  },
  permission: (self: Entity) =>
    self.agent.accounts
      .permissions()
      .filter((row) => row.entity === self.ref.value)
      .map(({ principal, roleId, propagate }) => ({ entity: self.ref, principal, group: false, roleId, propagate })),
  disabledMethod: (): readonly string[] => [],
  recentTask: (self: Entity) => self.agent.tasks.recent(self.ref),
  declaredAlarmState: () => [],
  triggeredAlarmState: () => [],
  tag: () => [],
  customValue: () => [],
} satisfies ManagedObjectType<"ManagedEntity", Entity>["properties"];

/** What is weaker than the design (--degraded), as clients show it at an entity: vim25 ManagedEntity.configIssue. */
export function weaknessEvents(
  agent: HostAgent,
  weaknesses: readonly string[],
  vm?: { readonly ref: MoRef; readonly name: string },
): readonly Event[] {
  return weaknesses.map((weakness, index) => ({
    $type: "GeneralHostWarningEvent",
    key: -1 - index, // it is a state and no event of the log
    chainId: -1 - index,
    createdTime: new Date(agent.host.bootedAtMs),
    userName: "",
    fullFormattedMessage: weakness,
    message: weakness,
    ...(vm === undefined ? {} : { vm: { name: vm.name, vm: vm.ref } }),
  }));
}
