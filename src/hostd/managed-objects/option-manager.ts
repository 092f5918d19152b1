/** vim25 OptionManager: the host's advanced settings. HostAgentSettings and the host's own ha-adv-options show the same ones. */
import type { OptionValue } from "../../wire/index.ts";
import type { HostAgent } from "../agent.ts";
import { ADVANCED_OPTIONS, HOST_AGENT_SETTINGS } from "../inventory-tree.ts";
import type { ManagedObjectType } from "../managed-object.ts";
import { matchOptions, optionDefs, optionKeys } from "../options/option-catalogue.ts";
import { tellingOfSharing } from "../resources/sharing-events.ts";

export const optionManager = {
  type: "OptionManager",
  properties: {
    setting: ({ options }) => matchOptions(undefined).map((key) => options.show(key)),
    supportedOption: () => optionDefs,
  },
  methods: {
    QueryOptions: ({ options }, { name }) => matchOptions(name).map((key) => options.show(key)),
    UpdateOptions: (agent, { changedValue }, call) => {
      const update = () => updateOptions(agent, changedValue);
      return changedValue.some(({ key }) => key === "Mem.ShareRateMax") ? tellingOfSharing(call, update) : update();
    },
  },
} as const satisfies ManagedObjectType<"OptionManager", HostAgent>;

async function updateOptions({ options, changes, networks, pools }: HostAgent, changedValue: readonly OptionValue[]): Promise<void> {
  const before = optionKeys.map((key) => options.show(key));
  options.update(changedValue);
  try {
    await pools.tell();
    if (changedValue.some(({ key }) => key.startsWith("Net."))) await networks.followOptions();
  } catch (error) {
    options.update(before); // what is not enforced is not set
    throw error;
  }
  changes.changed(HOST_AGENT_SETTINGS, ADVANCED_OPTIONS);
}
