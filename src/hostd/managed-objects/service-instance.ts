/** vim25 ServiceInstance: the door to everything else. */
import type { ServiceContent } from "../../wire/index.ts";
import { aboutInfo } from "../about.ts";
import type { HostAgent } from "../agent.ts";
import {
  ACCOUNT_MANAGER,
  HOST_AGENT_SETTINGS,
  LICENSE_MANAGER,
  ROOT_FOLDER,
  UNPERFORMED_MANAGERS,
  USER_DIRECTORY,
} from "../inventory-tree.ts";
import type { ManagedObjectType } from "../managed-object.ts";

/** The managers that this host has; those that it has not are unset, and clients then say that the feature is not supported. */
export const managers = {
  propertyCollector: { type: "PropertyCollector", value: "ha-property-collector" },
  viewManager: { type: "ViewManager", value: "ViewManager" },
  setting: HOST_AGENT_SETTINGS,
  sessionManager: { type: "SessionManager", value: "ha-sessionmgr" },
  authorizationManager: { type: "AuthorizationManager", value: "ha-authmgr" },
  accountManager: ACCOUNT_MANAGER,
  userDirectory: USER_DIRECTORY,
  perfManager: { type: "PerformanceManager", value: "ha-perfmgr" },
  eventManager: { type: "EventManager", value: "ha-eventmgr" },
  taskManager: { type: "TaskManager", value: "ha-taskmgr" },
  fileManager: { type: "FileManager", value: "ha-nfc-file-manager" },
  virtualDiskManager: { type: "VirtualDiskManager", value: "ha-vdiskmanager" },
  diagnosticManager: { type: "DiagnosticManager", value: "ha-diagnosticmgr" },
  licenseManager: LICENSE_MANAGER,
  ovfManager: { type: "OvfManager", value: "ha-ovf-manager" },
  searchIndex: { type: "SearchIndex", value: "ha-searchindex" },
  ...UNPERFORMED_MANAGERS,
  guestOperationsManager: { type: "GuestOperationsManager", value: "ha-guest-operations-manager" },
} as const satisfies Partial<Record<keyof ServiceContent, { type: string; value: string }>>;

export const serviceInstance = {
  type: "ServiceInstance",
  properties: {
    serverClock: (agent) => new Date(agent.clock.now()),
    capability: () => ({ provisioningSupported: true, multiHostSupported: false, userShellAccessSupported: true }),
    content: (agent) => content(agent),
  },
  methods: {
    CurrentTime: (agent) => new Date(agent.clock.now()),
    RetrieveServiceContent: (agent) => content(agent),
  },
} as const satisfies ManagedObjectType<"ServiceInstance", HostAgent>;

function content(agent: HostAgent): ServiceContent {
  return { rootFolder: ROOT_FOLDER, about: aboutInfo(agent.identity.instanceUuid), ...managers };
}
