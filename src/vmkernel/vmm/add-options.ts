/**
 * Options of QEMU's command line, as plans have them, carried out over QMP while it runs: a descriptor goes over the socket into a set
 * of its own (add-fd), a node opens it (blockdev-add), a device shows it to the guest.
 * Source: QEMU 7.2 qapi/{block-core,qdev,qom,net,misc}.json.
 */
import { assert, Undo } from "../../base/index.ts";
import type { DescriptorNumbers, DescriptorUse } from "./descriptor-numbers.ts";
import { listOf } from "./live-machine.ts";
import { qmpArguments } from "./qmp-arguments.ts";
import type { Talk } from "./talk.ts";

/** Marks the descriptors of changes among those of the start: what a change that was cut short leaves can be told by it. */
export const OPAQUE = "hot";

/** The descriptor behind a number of a plan. */
export type DescriptorFor = (use: DescriptorUse | undefined) => number | undefined;

export const noDescriptor: DescriptorFor = () => undefined;

/** Carries out options of the command line. @throws what QEMU says; then none of them was */
export async function addOptions(
  talk: Talk,
  options: readonly string[],
  numbers: DescriptorNumbers,
  descriptorFor: DescriptorFor,
): Promise<void> {
  const descriptor = (number: unknown): number => {
    const use = numbers.useOf(Number(number));
    const fd = descriptorFor(use);
    assert(fd !== undefined, `${JSON.stringify(use)} was opened before the change`);
    return fd;
  };
  await using undo = new Undo();
  for (let index = 0; index < options.length; index += 2) {
    const [name, value = ""] = options.slice(index, index + 2);
    switch (name) {
      case "-add-fd":
        undo.add(await addDescriptor(talk, value, descriptor));
        break;
      case "-netdev":
        undo.add(await addNetwork(talk, value, descriptor));
        break;
      case "-blockdev": {
        const node = qmpArguments(value);
        await talk.execute("blockdev-add", node);
        undo.add(doing(talk, "blockdev-del", { "node-name": node["node-name"] }));
        break;
      }
      case "-object": {
        const object = qmpArguments(value, "qom-type");
        await talk.execute("object-add", object);
        undo.add(doing(talk, "object-del", { id: object.id }));
        break;
      }
      case "-device": {
        // The firmware looks for what to boot from at power-on: the order is of then.
        const { bootindex: _, ...device } = qmpArguments(value, "driver");
        await talk.execute("device_add", device); // the last of each plan, so nothing is there to be undone after it
        break;
      }
      default:
        throw new Error(`the plan of a device has ${name}`);
    }
  }
  undo.release();
}

/** @param value "fd=4,set=4" @returns how to take it back */
async function addDescriptor(talk: Talk, value: string, descriptor: (number: unknown) => number): Promise<() => Promise<void>> {
  const set = Number(qmpArguments(value).set);
  await talk.executeWith(descriptor(set), "add-fd", { "fdset-id": set, opaque: OPAQUE });
  return doing(talk, "remove-fd", { "fdset-id": set });
}

/** @param value "tap,id=net4000,fd=4,vhost=off" @returns how to take it back */
async function addNetwork(talk: Talk, value: string, descriptor: (number: unknown) => number): Promise<() => Promise<void>> {
  const network = qmpArguments(value, "type");
  // QEMU takes a descriptor by a name that it was given; one that an earlier attempt left under it is closed.
  await talk.executeWith(descriptor(network.fd), "getfd", { fdname: network.id });
  await using undo = new Undo();
  undo.add(doing(talk, "closefd", { fdname: network.id }));
  await talk.execute("netdev_add", { ...network, fd: network.id });
  undo.release();
  return doing(talk, "netdev_del", { id: network.id });
}

export function doing(talk: Talk, command: string, args: object): () => Promise<void> {
  return async () => void (await talk.execute(command, args));
}

export async function freeSet(talk: Talk): Promise<number> {
  const taken = listOf(await talk.execute("query-fdsets")).map((set) => Number(set["fdset-id"]));
  return Math.max(0, ...taken) + 1;
}
