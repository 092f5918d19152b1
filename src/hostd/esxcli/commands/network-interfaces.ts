/** `esxcli network ip interface`: the host's own interfaces, and the services that each is for. */
import type { HostNetworkInfo, HostVirtualNic, HostVirtualNicSpec } from "../../../wire/index.ts";
import { blocks, CommandFailed, command, long, nothing, one, oneOf, required, struct, text } from "../command.ts";
import type { Host } from "../host.ts";
import { findInterface, findInterfaces, interfacename, named, netstack, updateInterface } from "./find-interface.ts";
import { NETWORK_SYSTEM, NIC_MANAGER, nameOfKey, CONFIG_NETWORK as privilege, readNetwork } from "./network-system.ts";

const UNSET = "N/A";
const NO_PORT = -1;
const TSO_MSS = 65535;
const RECEIVE_QUEUES = 1; // a cable between two namespaces has one
const INTERFACES_MAX = 256;

const vmkernelInterface = struct("NetworkInterface", {
  Name: "string",
  "MAC Address": "string",
  Enabled: "boolean",
  Portset: "string",
  Portgroup: "string",
  "Netstack Instance": "string",
  "VDS Name": "string",
  "VDS UUID": "string",
  "VDS Port": "string",
  "VDS Connection": "long",
  "Opaque Network ID": "string",
  "Opaque Network Type": "string",
  "External ID": "string",
  MTU: "long",
  "TSO MSS": "long",
  "RXDispQueue Size": "long",
  "Port ID": "long",
});

function show({ portgroup: groups = [] }: HostNetworkInfo, { device, spec, port, portgroup }: HostVirtualNic) {
  const id = Number(/-(\d+)$/.exec(port ?? "")?.[1]);
  return {
    Name: device,
    "MAC Address": spec.mac,
    Enabled: true,
    Portset: groups.find((one) => one.spec.name === portgroup)?.spec.vswitchName,
    Portgroup: portgroup,
    "Netstack Instance": spec.netStackInstanceKey,
    "VDS Name": UNSET,
    "VDS UUID": UNSET,
    "VDS Port": UNSET,
    "VDS Connection": NO_PORT,
    "Opaque Network ID": UNSET,
    "Opaque Network Type": UNSET,
    "External ID": UNSET,
    MTU: spec.mtu,
    "TSO MSS": TSO_MSS,
    "RXDispQueue Size": RECEIVE_QUEUES,
    "Port ID": Number.isNaN(id) ? undefined : id,
  };
}

/** It gets the lowest name that is free: which one is not for a client to say, but it may say which one it expects. */
async function addInterface(host: Host, expected: string | undefined, portgroup: string, nic: HostVirtualNicSpec): Promise<void> {
  const taken = ((await readNetwork(host)).vnic ?? []).map(({ device }) => device);
  const free = Array.from({ length: INTERFACES_MAX }, (_, number) => `vmk${number}`).find((device) => !taken.includes(device));
  if (expected !== undefined && taken.includes(expected)) throw new CommandFailed(`Interface ${expected} already exists`);
  const refusal = new CommandFailed(`The interface that is added next is ${free}, and cannot be ${expected?.slice(0, 64)}`);
  if (expected !== undefined && expected !== free) throw refusal;
  const device = await host.call(NETWORK_SYSTEM, "AddVirtualNic", { portgroup, nic });
  if (expected === undefined || device === expected) return;
  await host.call(NETWORK_SYSTEM, "RemoveVirtualNic", { device }); // somebody else was faster
  throw refusal;
}

const interfaceDeeds = [
  command("network ip interface list", {
    help: "List the interfaces of the host itself.",
    params: { netstack },
    result: blocks(vmkernelInterface, "%Name%"),
    async run(host, args) {
      const network = await readNetwork(host);
      return (await findInterfaces(host, { ...args, interfacename: undefined })).map((nic) => show(network, nic));
    },
  }),
  command("network ip interface add", {
    help: "Add an interface of the host itself to a port group.",
    privilege,
    params: {
      interfacename,
      macaddress: text("-M", "--mac-address", "Its MAC address; one is made up when this is left out."),
      mtu: long("-m", "--mtu", "The largest packet that it sends, in bytes."),
      netstack,
      portgroupname: required(text("-p", "--portgroup-name", "The name of the port group.")),
    },
    result: nothing,
    run: (host, { interfacename: expected, macaddress: mac, mtu, netstack: stack, portgroupname }) =>
      addInterface(host, expected, portgroupname, {
        ip: { dhcp: false },
        ...(mac !== undefined && { mac }),
        ...(mtu !== undefined && { mtu }),
        ...(stack !== undefined && { netStackInstanceKey: stack }),
      }),
  }),
  command("network ip interface set", {
    help: "Set the MTU of an interface.",
    privilege,
    params: { ...named, mtu: required(long("-m", "--mtu", "The largest packet that it sends, in bytes.")) },
    result: nothing,
    run: async (host, { interfacename: name, mtu }) => updateInterface(host, (await findInterface(host, name)).device, { mtu }),
  }),
  command("network ip interface remove", {
    help: "Remove an interface of the host itself.",
    privilege,
    params: named,
    result: nothing,
    run: async (host, args) =>
      host.call(NETWORK_SYSTEM, "RemoveVirtualNic", { device: (await findInterface(host, args.interfacename)).device }),
  }),
];

/** What esxcli calls the services that an interface may be chosen for: vim25 HostVirtualNicManagerNicType. */
const TAGS: ReadonlyMap<string, string> = new Map([
  ["Management", "management"],
  ["VMotion", "vmotion"],
  ["faultToleranceLogging", "faultToleranceLogging"],
  ["vSphereReplication", "vSphereReplication"],
  ["vSphereReplicationNFC", "vSphereReplicationNFC"],
  ["vSphereProvisioning", "vSphereProvisioning"],
  ["VSAN", "vsan"],
  ["VSANWitness", "vsanWitness"],
  ["vSphereBackupNFC", "vSphereBackupNFC"],
  ["PTP", "ptp"],
  ["NVMeTCP", "nvmeTcp"],
  ["NVMeRDMA", "nvmeRdma"],
]);
const tagname = required(oneOf([...TAGS.keys()], "-t", "--tagname", `The service: ${[...TAGS.keys()].join(", ")}.`));
const nicTypeOf = (tag: string): string => TAGS.get(tag) ?? tag;

const tags = [
  command("network ip interface tag get", {
    help: "Show which services an interface is for.",
    params: named,
    result: one(struct("Tags", { Tags: "string[]" })),
    async run(host, args) {
      const { device } = await findInterface(host, args.interfacename);
      const { netConfig = [] } = (await host.read(NIC_MANAGER, "info")) ?? {};
      const chosen = netConfig.filter(({ selectedVnic = [] }) =>
        selectedVnic.some((key) => nameOfKey(key.replace(/^.*?\.(?=key-)/, "")) === device),
      );
      return { Tags: chosen.map(({ nicType }) => [...TAGS].find(([, type]) => type === nicType)?.[0] ?? nicType) };
    },
  }),
  command("network ip interface tag add", {
    help: "Choose an interface for a service.",
    privilege,
    params: { ...named, tagname },
    result: nothing,
    run: (host, { interfacename: device, tagname: tag }) =>
      host.call(NIC_MANAGER, "SelectVnicForNicType", { nicType: nicTypeOf(tag), device }),
  }),
  command("network ip interface tag remove", {
    help: "Choose an interface for a service no more.",
    privilege,
    params: { ...named, tagname },
    result: nothing,
    run: (host, { interfacename: device, tagname: tag }) =>
      host.call(NIC_MANAGER, "DeselectVnicForNicType", { nicType: nicTypeOf(tag), device }),
  }),
];

export const interfaceCommands = [...interfaceDeeds, ...tags];
