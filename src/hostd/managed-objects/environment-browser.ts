/** vim25 EnvironmentBrowser: every VM has one; what it tells of hardware options comes with the whole vSphere API. */
import type { HostAgent } from "../agent.ts";
import { HOST_BROWSER } from "../inventory-tree.ts";
import type { ManagedObjectType } from "../managed-object.ts";

export const environmentBrowser = {
  type: "EnvironmentBrowser",
  properties: { datastoreBrowser: () => HOST_BROWSER },
  methods: {},
} as const satisfies ManagedObjectType<"EnvironmentBrowser", HostAgent>;
