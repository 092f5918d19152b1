/** vim25 SearchIndex: the wire methods of search/, over what the asking session may see. */
import type { MoRef } from "../../wire/index.ts";
import { type Call, type HostAgent, sessionOf } from "../agent.ts";
import { escapeEntityName } from "../entity-name.ts";
import { fixedTree, HOST, NETWORK_FOLDER, networkRef } from "../inventory-tree.ts";
import type { ManagedObjectType } from "../managed-object.ts";
import { sourceFor } from "../property-source.ts";
import {
  findAllByDnsName,
  findAllByIp,
  findAllByUuid,
  findByDatastorePath,
  findByInventoryPath,
  findChild,
  type SearchableEntity,
  type SearchableVm,
  type SearchSnapshot,
} from "../search/search-index.ts";
import type { Vm } from "../vm.ts";

export const searchIndex = {
  type: "SearchIndex",
  properties: {},
  methods: {
    FindByUuid: (_, { uuid, ...scope }, call) => findAllByUuid(snapshot(call), uuid, scope)[0],
    FindAllByUuid: (_, { uuid, ...scope }, call) => findAllByUuid(snapshot(call), uuid, scope),
    FindByDnsName: (_, { dnsName, ...scope }, call) => findAllByDnsName(snapshot(call), dnsName, scope)[0],
    FindAllByDnsName: (_, { dnsName, ...scope }, call) => findAllByDnsName(snapshot(call), dnsName, scope),
    FindByIp: (_, { ip, ...scope }, call) => findAllByIp(snapshot(call), ip, scope)[0],
    FindAllByIp: (_, { ip, ...scope }, call) => findAllByIp(snapshot(call), ip, scope),
    FindByDatastorePath: (_, { path, datacenter }, call) => findByDatastorePath(snapshot(call), path, datacenter),
    FindByInventoryPath: (_, { inventoryPath }, call) => findByInventoryPath(snapshot(call), inventoryPath),
    FindChild: (_, { entity, name }, call) => findChild(snapshot(call), entity, name),
  },
} as const satisfies ManagedObjectType<"SearchIndex", HostAgent>;

/** What the caller may not read it does not find either. */
function snapshot(call: Call): SearchSnapshot {
  const { agent } = call;
  const source = sourceFor(agent, sessionOf(call));
  const visible = ({ ref }: { readonly ref: MoRef }): boolean => source.refusal(ref) === undefined;
  const { hostName, address } = agent.identity;
  const vms = agent.vms
    .list()
    .map((vm) => searchableVm(agent, vm))
    .filter(visible);
  const tree = fixedTree(hostName);
  const datastores = agent.datastores().map(({ name, uuid }): SearchableEntity => {
    const ref = { type: "Datastore", value: uuid };
    return { ref, name, parent: agent.inventory.parentOf(uuid) };
  });
  const networks = agent.networks.names().map((name): SearchableEntity => {
    return { ref: networkRef(name), name: escapeEntityName(name), parent: NETWORK_FOLDER };
  });
  return {
    entities: [...tree, ...datastores, ...networks, ...vms].filter(visible),
    hosts: tree
      .filter(({ ref }) => ref.value === HOST.value && visible({ ref }))
      .map((node) => ({ ...node, uuid: agent.host.uuid, dnsNames: [hostName], ipAddresses: [address] })),
    vms,
  };
}

function searchableVm(agent: HostAgent, vm: Vm): SearchableVm {
  const config = vm.files.kind === "readable" ? vm.files.config : undefined;
  const guest = vm.monitor?.guest;
  return {
    ref: vm.ref,
    name: vm.name,
    parent: agent.inventory.parentOf(vm.id),
    uuid: config?.uuid ?? "",
    instanceUuid: config?.instanceUuid ?? "",
    vmPathName: config?.files.vmPathName ?? "",
    dnsNames: guest?.tools === "running" && guest.hostName !== undefined ? [guest.hostName] : [],
    ipAddresses: guest?.tools === "running" ? guest.nics.flatMap(({ addresses }) => addresses.map(({ address }) => address)) : [],
  };
}
