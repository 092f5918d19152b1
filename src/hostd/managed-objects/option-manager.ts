/** vim25 OptionManager (HostAgentSettings): there for clients that ask; the advanced settings come with the whole vSphere API. */
import { fault } from "../../wire/index.ts";
import type { HostAgent } from "../agent.ts";
import type { ManagedObjectType } from "../managed-object.ts";
import { SESSION_IDLE_MS } from "../sessions.ts";

const settings = [
  // vim25 shows it in minutes
  { $type: "OptionValue", key: "Config.HostAgent.vmacore.soap.sessionTimeout", value: { anyType: "int", value: SESSION_IDLE_MS / 60_000 } },
] as const;

export const optionManager = {
  type: "OptionManager",
  properties: { setting: () => settings, supportedOption: () => [] },
  methods: {
    QueryOptions(_, { name }) {
      const found = settings.filter(
        ({ key }) => name === undefined || name === "" || key === name || (name.endsWith(".") && key.startsWith(name)),
      );
      if (found.length === 0 && name !== undefined && name !== "") {
        throw fault("InvalidName", `There is no option ${name}.`, { name });
      }
      return found;
    },
  },
} as const satisfies ManagedObjectType<"OptionManager", HostAgent>;
