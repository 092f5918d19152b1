/** vim25 EnvironmentBrowser: what a VM can be on this host, and what the host has for it. The host's one serves all of its VMs. */
import {
  type ConfigTarget,
  type DatastoreCapability,
  type DatastoreSummary,
  fault,
  type LocalDatastoreInfo,
  type MoRef,
  type NetworkSummary,
} from "../../wire/index.ts";
import { type HostAgent, sessionOf } from "../agent.ts";
import { configOption, configOptionDescriptors } from "../config-options/config-option.ts";
import { HOST, HOST_BROWSER } from "../inventory-tree.ts";
import type { ManagedObjectType } from "../managed-object.ts";
import { sourceFor } from "../property-source.ts";
import { memoryMaxMib, VCPUS_MAX } from "../vm-config/index.ts";
import { hostCapability } from "./host-system.ts";
import { vmCapability } from "./virtual-machine.ts";

export const environmentBrowser = {
  type: "EnvironmentBrowser",
  properties: { datastoreBrowser: () => HOST_BROWSER },
  methods: {
    QueryConfigOptionDescriptor: () => configOptionDescriptors(),
    QueryConfigOption(agent, { key, host }) {
      requireThisHost(host);
      return configOption({ key, guestIds: [] }, agent.host, vmCapability);
    },
    QueryConfigOptionEx(agent, { spec = {} }) {
      requireThisHost(spec.host);
      return configOption({ key: spec.key, guestIds: spec.guestId ?? [] }, agent.host, vmCapability);
    },
    QueryConfigTarget(agent, { host }, call) {
      requireThisHost(host);
      const source = sourceFor(agent, sessionOf(call));
      return configTarget(agent, (ref) => source.refusal(ref) === undefined);
    },
    QueryTargetCapabilities(_, { host }) {
      requireThisHost(host);
      return hostCapability;
    },
  },
} as const satisfies ManagedObjectType<"EnvironmentBrowser", HostAgent>;

function requireThisHost(host: MoRef | undefined): void {
  if (host === undefined || host.value === HOST.value) return;
  throw fault("ManagedObjectNotFound", "The object has already been deleted or has not been completely created", { obj: host });
}

const nobody = { sessionKey: undefined, userName: undefined };

/** @param visible whether the caller may see an object: what it may not see is not there to be chosen */
function configTarget({ host, inventory, networks }: HostAgent, visible: (ref: MoRef) => boolean): ConfigTarget {
  const { packages, cores, threads } = host.cpu;
  return {
    numCpus: threads,
    numCpuCores: cores,
    numNumaNodes: packages, // a VM is not placed by node yet; each package has memory of its own
    maxCpusPerHost: Math.min(threads, VCPUS_MAX),
    smcPresent: false,
    maxMemMBOptimalPerf: memoryMaxMib(host),
    supportedMaxMemMB: memoryMaxMib(host),
    autoVmotion: false,
    datastore: inventory.datastoreRefs().flatMap((ref) => {
      const datastore = visible(ref) ? inventory.find(ref.value) : undefined;
      if (datastore === undefined) return [];
      const summary = datastore.read("summary", nobody) as DatastoreSummary;
      const { maxFileSize, maxVirtualDiskCapacity } = datastore.read("info", nobody) as LocalDatastoreInfo;
      const capability = datastore.read("capability", nobody) as DatastoreCapability;
      return [{ name: summary.name, datastore: summary, capability, maxFileSize, maxVirtualDiskCapacity, mode: "readWrite" }];
    }),
    network: networks
      .refs()
      .filter(visible)
      .flatMap(({ value }) => {
        const network = inventory.find(value)?.read("summary", nobody) as NetworkSummary | undefined;
        return network === undefined ? [] : [{ name: network.name, network }];
      }),
  };
}
