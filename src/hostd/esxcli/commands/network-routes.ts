/** `esxcli network ip route`: by what ways the host's netstacks reach others. Decisions are pure. */
import { isIPv4, isIPv6 } from "node:net";
import type { HostIpRouteEntry, HostNetStackInstance, HostNetworkInfo, HostVirtualNic } from "../../../wire/index.ts";
import { canonical, isInNetwork, maskOf, networkOf, prefixOfMask } from "../../network/ip-networks.ts";
import { DEFAULT_STACK } from "../../network/plan-host-nics.ts";
import { CommandFailed, command, nothing, required, struct, table, text } from "../command.ts";
import type { Host } from "../host.ts";
import { findNetstack, NETWORK_SYSTEM, CONFIG_NETWORK as privilege, readNetwork } from "./network-system.ts";

interface Family {
  readonly name: "ipv4" | "ipv6";
  readonly title: string;
  /** Nobody's address. */
  readonly none: string;
  readonly isAddress: (text: string) => boolean;
  readonly example: string;
}

export const IPV4: Family = { name: "ipv4", title: "IPv4", none: "0.0.0.0", isAddress: isIPv4, example: "10.0.0.0/8" };
export const IPV6: Family = { name: "ipv6", title: "IPv6", none: "::", isAddress: isIPv6, example: "2001:db8::/32" };

const MANUAL = "MANUAL";

/** An address of an interface, with the network that it is in. */
interface Place {
  readonly device: string;
  readonly address: string;
  readonly prefixLength: number;
  readonly source: string;
}

function placesOf({ device, spec: { ip } }: HostVirtualNic, family: Family): readonly Place[] {
  if (family === IPV6) {
    return (ip?.ipV6Config?.ipV6Address ?? []).map(({ ipAddress, prefixLength, origin }) => {
      return { device, address: ipAddress, prefixLength, source: origin === "manual" ? MANUAL : (origin?.toUpperCase() ?? "") };
    });
  }
  const { ipAddress, subnetMask, dhcp } = ip ?? {};
  if (ipAddress === undefined || subnetMask === undefined) return [];
  return [{ device, address: ipAddress, prefixLength: prefixOfMask(subnetMask), source: dhcp ? "DHCP" : MANUAL }];
}

/** Those that are configured. */
function entriesOf({ routeTableConfig }: HostNetStackInstance, family: Family): readonly HostIpRouteEntry[] {
  const operations = (family === IPV4 ? routeTableConfig?.ipRoute : routeTableConfig?.ipv6Route) ?? [];
  return operations.map(({ route }) => route);
}

/** What is configured, the way on to everywhere that the host was told or that is its machine's, and the networks that it is in. */
export function routesOf({ vnic = [] }: HostNetworkInfo, stack: HostNetStackInstance, family: Family) {
  const nics = vnic.filter(({ spec }) => spec.netStackInstanceKey === stack.key);
  const places = nics.flatMap((nic) => placesOf(nic, family));
  const placeOf = (gateway: string) => places.find((place) => isInNetwork(gateway, place));
  const configured = entriesOf(stack, family).map(({ network, prefixLength, gateway, deviceName }) => {
    return show(family, { network, prefixLength, gateway, device: deviceName ?? placeOf(gateway)?.device, source: MANUAL });
  });
  const { ipRouteConfig: way } = stack;
  const gateway = family === IPV4 ? way?.defaultGateway : way?.ipV6DefaultGateway;
  const isTold = gateway !== undefined && !configured.some(({ Network }) => Network === "default");
  const device = (family === IPV4 ? way?.gatewayDevice : way?.ipV6GatewayDevice) ?? (isTold ? placeOf(gateway)?.device : undefined);
  const source = places.find((place) => place.device === device)?.source ?? MANUAL;
  const told = isTold ? [show(family, { network: family.none, prefixLength: 0, gateway, device, source })] : [];
  const connected = places.map(({ address, prefixLength, ...place }) =>
    show(family, { ...place, network: networkOf(address, prefixLength), prefixLength, gateway: family.none }),
  );
  return [...told, ...configured, ...connected];
}

interface Way {
  readonly network: string;
  readonly prefixLength: number;
  readonly gateway: string;
  readonly device: string | undefined;
  readonly source: string;
}

function show(family: Family, { network, prefixLength, gateway, device, source }: Way) {
  return {
    Network: prefixLength === 0 && network === family.none ? "default" : network,
    Netmask: family === IPV4 ? maskOf(prefixLength) : String(prefixLength),
    Gateway: gateway,
    Interface: device,
    Source: source,
  };
}

/**
 * @param written.network "10.0.0.0/8", or "default"
 * @param written.gateway "192.0.2.1", or "fe80::1%vmk0" of one that is known by an interface alone
 * @throws {CommandFailed}
 */
export function parseRoute(written: { readonly network: string; readonly gateway: string }, family: Family): HostIpRouteEntry {
  const [gateway = "", deviceName] = written.gateway.split("%", 2);
  if (!family.isAddress(gateway)) throw new CommandFailed(`Invalid ${family.title} gateway: ${written.gateway.slice(0, 64)}`);
  const by = { gateway: canonical(gateway), ...(deviceName !== undefined && { deviceName }) };
  if (written.network === "default") return { network: family.none, prefixLength: 0, ...by };
  const [, address = "", bits = ""] = /^([^/%]{2,45})\/(\d{1,3})$/.exec(written.network) ?? [];
  const prefixLength = Number(bits);
  const refusal = new CommandFailed(`Invalid ${family.title} network: ${written.network.slice(0, 64)}`);
  if (!family.isAddress(address) || prefixLength > (family === IPV4 ? 32 : 128)) throw refusal;
  const network = networkOf(address, prefixLength);
  if (network !== canonical(address)) throw refusal; // an address in it, and not the network
  return { network, prefixLength, ...by };
}

/** The one that is configured, in its own words. @throws {CommandFailed} */
export function findRoute(stack: HostNetStackInstance, wanted: HostIpRouteEntry, family: Family): HostIpRouteEntry {
  const found = entriesOf(stack, family).find(
    ({ network, prefixLength, gateway }) =>
      canonical(network) === wanted.network && prefixLength === wanted.prefixLength && canonical(gateway) === wanted.gateway,
  );
  if (found === undefined) throw new CommandFailed(`There is no route to ${wanted.network}/${wanted.prefixLength} by ${wanted.gateway}`);
  return found;
}

interface Change {
  readonly operation: "add" | "remove";
  readonly route: HostIpRouteEntry;
}

async function changeRoute(host: Host, { key }: HostNetStackInstance, family: Family, { operation, route }: Change): Promise<void> {
  const operations = [{ changeOperation: operation, route }];
  const routeTableConfig = family === IPV4 ? { ipRoute: operations } : { ipv6Route: operations };
  const netStackSpec = [{ operation: "edit", netStackInstance: { key, routeTableConfig } }];
  await host.call(NETWORK_SYSTEM, "UpdateNetworkConfig", { config: { netStackSpec }, changeMode: "modify" });
}

function routeCommandsOf(family: Family) {
  const { name, title, example } = family;
  const netstack = text("-N", "--netstack", `The netstack; ${DEFAULT_STACK} when this is left out.`);
  const params = {
    gateway: required(text("-g", "--gateway", "The address of the gateway.")),
    netstack,
    network: required(text("-n", "--network", `The network: ${example}, or default.`)),
  };
  const fields = { Network: "string", Netmask: "string", Gateway: "string", Interface: "string", Source: "string" } as const;
  return [
    command(`network ip route ${name} list`, {
      help: `List the ${title} networks that the host reaches, and by which interface.`,
      params: { netstack },
      result: table(struct(`${title}Route`, fields)),
      async run(host, args) {
        const network = await readNetwork(host);
        return routesOf(network, findNetstack(network, args.netstack ?? DEFAULT_STACK), family);
      },
    }),
    command(`network ip route ${name} add`, {
      help: `Add an ${title} route.`,
      privilege,
      params,
      result: nothing,
      async run(host, args) {
        const stack = findNetstack(await readNetwork(host), args.netstack ?? DEFAULT_STACK);
        await changeRoute(host, stack, family, { operation: "add", route: parseRoute(args, family) });
      },
    }),
    command(`network ip route ${name} remove`, {
      help: `Remove an ${title} route that was added.`,
      privilege,
      params,
      result: nothing,
      async run(host, args) {
        const stack = findNetstack(await readNetwork(host), args.netstack ?? DEFAULT_STACK);
        await changeRoute(host, stack, family, { operation: "remove", route: findRoute(stack, parseRoute(args, family), family) });
      },
    }),
  ];
}

export const routeCommands = [...routeCommandsOf(IPV4), ...routeCommandsOf(IPV6)];
