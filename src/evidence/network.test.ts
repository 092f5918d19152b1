import { expect, test } from "vitest";
import type { VmId } from "../base/index.ts";
import type { PortDescription, SwitchDescription } from "../vmkernel/index.ts";
import { networkClaims } from "./claims/network.ts";
import type { Observation } from "./observe.ts";
import type { CompiledForLink, ObservedNetwork, ObservedPort } from "./observe-network.ts";
import type { Probe } from "./probe-ports.ts";

/** Two switches; VMs 1 and 2 share a VLAN on the first, 3 has another there, 4 has the first one's number on the second. */
const VLANS = { 1: 10, 2: 10, 3: 20, 4: 10 } as const;
type Vm = keyof typeof VLANS;
const link = (vm: number): string => `v${vm}n4000`;

const described = (vm: Vm, changes: Partial<PortDescription> = {}): PortDescription =>
  ({
    id: vm,
    device: link(vm),
    connectee: { kind: "virtualMachine", vm: String(vm) as VmId, key: 4000 },
    portGroup: `vlan ${VLANS[vm]}`,
    initialMac: `00:0c:29:00:00:0${vm}`,
    effectiveMac: `00:0c:29:00:00:0${vm}`,
    connected: true,
    policy: { security: { macChanges: false } },
    vlanId: VLANS[vm],
    programs: [{ direction: "ingress", id: 100 + vm, tag: "0011223344556677", instructions: 9, units: ["parse", "forward"] }],
    ...changes,
  }) as PortDescription;

const probe = (to: number, cameOutAt?: number): Probe => ({ to: link(to), cameOutAt });

/** VM n's link is interface n; its switch has maps 1n and 20 or 30. */
const port = (vm: Vm, shared: number, ...probes: readonly Probe[]): ObservedPort => ({
  link: link(vm),
  ifindex: vm,
  addresses: [],
  programs: [{ direction: "ingress", id: 100 + vm, tag: "0011223344556677", maps: [shared, 10 + vm] }],
  probes,
  hostile: [],
  fromWire: [],
});

const switches: readonly SwitchDescription[] = [
  { name: "vSwitch0", uplinks: [], ports: [described(1), described(2), described(3)] },
  { name: "vSwitch1", uplinks: [], ports: [described(4)] },
];
const one = port(1, 20, probe(2, 2), probe(3), probe(4));
const two = port(2, 20, probe(1, 1), probe(3), probe(4));
const three = port(3, 20, probe(1), probe(2), probe(4));
const four = port(4, 30, probe(1), probe(2), probe(3));
const whole: ObservedNetwork = {
  namespace: 2,
  configured: { switches },
  ports: [one, two, three, four],
  tables: new Map([
    [20, new Set([1, 2, 3])],
    [30, new Set([4])],
  ]),
  bare: new Set([1, 2, 4]),
  compiled: ([1, 2, 3, 4] as const).map((vm) => ({
    link: link(vm),
    direction: "ingress",
    tag: "0011223344556677",
    units: ["parse", "forward"],
    deeds: {
      destinations: [{ kind: "content", map: "table" }],
      written: new Set(["counters"]),
      writesFrame: false,
      writesElsewhere: false,
    },
  })),
  unseen: [],
  netstacks: [{ name: "defaultTcpipStack", namespace: 900, links: [{ name: "vmk0", addresses: ["192.0.2.1/24"] }] }],
  taps: ([1, 2, 3, 4] as const).map((vm) => ({ pid: 1000 + vm, link: link(vm) })),
};
const monitors = ([1, 2, 3, 4] as const).map((vm) => ({
  inspection: {
    description: { vm: String(vm), name: `guest ${vm}` },
    machine: { vm: String(vm), devices: [{ kind: "nic", key: 4000, network: "n" }] },
  },
  process: { pid: 1000 + vm, namespaces: { net: 500 + vm } },
}));

function verdicts(network: ObservedNetwork | undefined): Readonly<Record<string, string>> {
  const observation = { network, monitors, hostNamespaces: { net: 1 } } as unknown as Observation;
  return Object.fromEntries(networkClaims.map(({ claim, judge }) => [claim, judge(observation).verdict]));
}
const broken = (changes: Partial<ObservedNetwork>): readonly string[] =>
  Object.entries(verdicts({ ...whole, ...changes })).flatMap(([claim, verdict]) => (verdict === "pass" ? [] : [claim]));
const withPort = (changed: ObservedPort): Partial<ObservedNetwork> => ({
  ports: whole.ports.map((known) => (known.link === changed.link ? changed : known)),
});

const APART = "No table that a switch's programs use is used by another switch's, or leads to a port that is not its own.";
const REACH = "A frame that is put in at a port comes out at the ports that are configured to be reached from it, and at no other.";
const ADDRESS = "No port of a virtual switch has an address of the host: nobody can speak to the host by one.";
const TAPS = "What a virtual machine's adapter sends and gets passes by its own monitor alone: no other process holds the port's tap.";
const HOST =
  "The API's door and the host's own interfaces are in network namespaces where no monitor and no port is; a virtual machine reaches an interface by a port group of its switch and VLAN alone.";
const PORTS = "Each link of the virtual network is a port that is configured, and has one program for each direction at most.";

const PROGRAMS = "The programs at each port are those that its configuration compiles to, instruction by instruction.";
const DESTINATIONS = "Wherever a program sends a frame, it has read so in the table of its switch: it names no port itself.";
const LEARNS = "No program writes to a forwarding table: it counts, measures and remembers connections, and nothing of where a station is.";
const PASSED_BY =
  "What is handed over before the kernel makes a packet of it goes to ports alone that have nothing to refuse: no firewall, no shaping, no addresses of their own.";
const egressOf = (vm: Vm, ...units: readonly string[]): Partial<ObservedNetwork> => ({
  compiled: [...whole.compiled, { ...whole.compiled[0], link: link(vm), direction: "egress", tag: "e", units } as CompiledForLink],
  ...withPort({
    ...port(vm, vm === 4 ? 30 : 20),
    programs: [...port(vm, vm === 4 ? 30 : 20).programs, { direction: "egress", id: 9, tag: "e", maps: [] }],
    probes: whole.ports[vm - 1]?.probes ?? [],
  }),
});
const withDeeds = (changes: object): Partial<ObservedNetwork> => ({
  compiled: whole.compiled.map((known) => (known.link === link(2) ? { ...known, deeds: { ...known.deeds, ...changes } } : known)),
});

test("a network that is as it is configured passes every claim, and where nothing is plugged in none is shown", () => {
  expect(broken({})).toEqual([]);
  expect(new Set(Object.values(verdicts(undefined)))).toEqual(new Set(["not shown"]));
});

test.each<[string, Partial<ObservedNetwork>, readonly string[]]>([
  ["a switch that uses a map of another", withPort({ ...four, programs: [{ ...four.programs[0], maps: [20] } as never] }), [APART]],
  ["a table that leads to another switch's port", { tables: new Map([...whole.tables, [30, new Set([4, 1])]]) }, [APART]],
  ["a table that leads to what is no port", { tables: new Map([...whole.tables, [30, new Set([4, 77])]]) }, [APART]],
  ["a frame that crosses switches", withPort({ ...four, probes: [probe(1, 1), probe(2), probe(3)] }), [REACH]],
  ["a frame that crosses VLANs", withPort({ ...one, probes: [probe(2, 2), probe(3, 3), probe(4)] }), [REACH]],
  ["a frame that comes out at another port", withPort({ ...one, probes: [probe(2, 3), probe(3), probe(4)] }), [REACH]],
  ["a frame that gets nowhere", withPort({ ...one, probes: [probe(2), probe(3), probe(4)] }), [REACH]],
  ["a port with an address", withPort({ ...two, addresses: ["fe80::1"] }), [ADDRESS]],
  ["a switch in the namespace of the API", { namespace: 1 }, [HOST]],
  ["a tap that a stranger holds", { taps: [...whole.taps, { pid: 4711, link: link(1) }] }, [TAPS]],
  ["a tap that another VM's monitor holds", { taps: [{ pid: 1002, link: link(1) }] }, [TAPS]],
  [
    "a link that nobody has configured",
    { ports: [...whole.ports, { ...one, link: "eth7", ifindex: 7, probes: [] }] },
    [DESTINATIONS, PROGRAMS, LEARNS, PORTS],
  ],
  [
    "a program that was not compiled from the configuration",
    withPort({ ...one, programs: [{ ...one.programs[0], tag: "f" } as never] }),
    [DESTINATIONS, PROGRAMS, LEARNS],
  ],
  ["a program that names a port", withDeeds({ destinations: [{ kind: "constant", value: 3 }] }), [DESTINATIONS]],
  ["a program that writes a table", withDeeds({ written: new Set(["counters", "table"]) }), [LEARNS]],
  ["a program that writes nobody knows where", withDeeds({ writesElsewhere: true }), [LEARNS]],
  ["a port with a firewall that is passed by", egressOf(2, "parse", "inbound firewall", "accept"), [PASSED_BY]],
  ["something that is no port and takes what it is given", { bare: new Set([77]) }, [PASSED_BY]],
  ["a port without a program", withPort({ ...three, programs: [] }), [DESTINATIONS, PROGRAMS, LEARNS, PORTS]],
  ["a port with a second program", withPort({ ...three, programs: [...three.programs, ...three.programs] }), [PORTS]],
])("%s turns red", (_, changes, claims) => {
  expect(broken(changes)).toEqual(claims);
});

test("a port with a firewall that is not passed by, and one whose adapter asked for groups, break no claim", () => {
  expect(broken(egressOf(3, "parse", "inbound firewall", "accept"))).toEqual([]);
  expect(broken(egressOf(2, "parse", "groups: 2", "accept"))).toEqual([]);
});

test.each<[string, Partial<ObservedNetwork>]>([
  ["a monitor in the namespace of an interface of the host", { netstacks: [{ name: "x", namespace: 501, links: [] }] }],
  ["a port of a virtual machine there", { netstacks: [{ name: "x", namespace: 900, links: [{ name: "v1n4000", addresses: [] }] }] }],
])("%s turns red", (_, changes) => {
  expect(broken(changes)).toEqual([HOST]);
});

test("an interface of the host is reached from its own VLAN and switch, which the facts name, and from no other", () => {
  const host = described(2, { connectee: { kind: "host", device: "vmk0" }, portGroup: "own" });
  const configured = { switches: [{ ...switches[0], ports: [described(1), host, described(3)] } as never, switches[1] as never] };
  const look = (changed: ObservedPort) => {
    const network = { ...whole, configured, ...withPort(changed) };
    const judged = networkClaims.find(({ claim }) => claim === HOST)?.judge({ network, monitors, hostNamespaces: { net: 1 } } as never);
    return [judged?.verdict, judged?.facts.find((fact) => fact.includes("vSwitch0"))];
  };
  const where = `${link(2)} on own of vSwitch0, VLAN 10: virtual machines reach it by`;
  expect(look(one)).toEqual(["pass", `${where} vlan 10 (VLAN 10)`]);
  expect(look({ ...one, probes: [] })).toEqual(["pass", `${where} no port group`]);
  expect(look({ ...three, probes: [probe(2, 2)] })[0]).toBe("fail");
  expect(look({ ...four, probes: [probe(2, 2)] })[0]).toBe("fail");
});

test("a port that is alone reaches nobody, which is as it should be", () => {
  const alone = { configured: { switches: [{ ...switches[1], ports: [described(4)] } as never] }, ports: [{ ...four, probes: [] }] };
  expect(
    broken({
      ...alone,
      bare: new Set([4]),
      tables: new Map([[30, new Set([4])]]),
      compiled: whole.compiled.slice(3),
      taps: whole.taps.slice(3),
    }),
  ).toEqual([]);
});

test("a port whose cable is out, or that is blocked, neither reaches nor is reached", () => {
  const out = (changes: Partial<PortDescription>) =>
    broken({
      configured: {
        switches: [{ ...switches[0], ports: [described(1), described(2, changes), described(3)] } as never, switches[1] as never],
      },
    });
  expect(out({ connected: false })).toEqual([REACH]);
  expect(out({ blockedBecause: "its port group is gone" })).toEqual([REACH]);
});

test("a port whose adapter took another address is reached by nobody, and a frame for two of one address goes to one of them", () => {
  const configured = (changed: PortDescription) => ({
    switches: [{ ...switches[0], ports: [described(1), changed, described(3)] } as never, switches[1] as never],
  });
  expect(broken({ configured: configured(described(2, { effectiveMac: "02:00:00:00:00:99" })) })).toEqual([REACH]);
  const twin = described(3, { effectiveMac: "00:0c:29:00:00:02", vlanId: 10, policy: { security: { macChanges: true } } as never });
  const twins: Partial<ObservedNetwork> = {
    configured: { switches: [{ ...switches[0], ports: [described(1), described(2), twin] } as never, switches[1] as never] },
    ports: [
      { ...one, probes: [probe(2, 2), probe(3, 2)] },
      { ...two, probes: [probe(1, 1), probe(3)] },
      { ...three, probes: [probe(1, 1), probe(2)] },
      four,
    ],
  };
  expect(broken(twins)).toEqual([]);
});

test("a firewall may forbid what VLANs allow, and an uplink may carry what is for nobody here", () => {
  const guarded = described(1, { programs: [{ direction: "ingress", id: 1, tag: "", instructions: 1, units: ["firewall"] }] });
  const configured = { switches: [{ ...switches[0], ports: [guarded, described(2), described(3)] } as never, switches[1] as never] };
  expect(broken({ configured, ...withPort({ ...one, probes: [probe(2)] }) })).toEqual([]);
  const uplink: ObservedPort = { ...port(3, 20), link: "eth1", ifindex: 9 };
  const leading = {
    configured: { switches: [{ ...switches[0], uplinks: [{ device: "eth1", hasLink: true }] } as never, switches[1] as never] },
    ports: [{ ...one, probes: [probe(2, 2), probe(3), probe(4, 9)] }, two, three, four, uplink],
    compiled: [...whole.compiled, { ...whole.compiled[0], link: "eth1" } as never],
  };
  expect(broken(leading)).toEqual([]);
});
