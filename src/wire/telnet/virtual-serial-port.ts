/**
 * The telnet option by which a host hands a VM's serial port to a concentrator (vSPC), as the host speaks it. Pure.
 * The host offers the option; both say which suboptions they know; the host asks the concentrator to be the port's proxy; from then on
 * data flows, and the concentrator may ask which VM it has. Source: VMware «Using a Proxy with vSphere Virtual Serial Ports».
 */
import { formatSpacedUuid } from "../vmx/spaced-uuid.ts";
import { escapeTelnet, formatSubnegotiation, Negotiation, OPTION, TelnetError, TelnetReader } from "./telnet.ts";

export const VMWARE_OPTION = 232;

export const SUBOPTION = {
  known1: 0,
  known2: 1,
  unknown1: 2,
  unknown2: 3,
  doProxy: 70,
  willProxy: 71,
  wontProxy: 73,
  vmVcUuid: 80,
  getVmVcUuid: 81,
  vmName: 82,
  getVmName: 83,
  vmBiosUuid: 84,
  getVmBiosUuid: 85,
} as const;

/** What we may send and understand. There is no vMotion here. */
const KNOWN = Object.values(SUBOPTION);

/** What a concentrator is told of the VM. */
export interface ProxiedVm {
  readonly name: string;
  readonly vcUuid: string;
  readonly biosUuid: string;
}

export interface ProxyOrder extends ProxiedVm {
  /** Which side of the service the concentrator is to be. */
  readonly direction: "server" | "client";
  /** The URI that the VM's configuration gives to its port. */
  readonly serviceUri: string;
}

/** What a piece of the stream meant. */
export interface Received {
  /** For the guest. */
  readonly data: Buffer;
  /** For the peer. */
  readonly reply: Buffer;
}

/** A telnet stream from where it opens: with a plain peer, or with a concentrator. */
export class TelnetLink {
  readonly #reader = new TelnetReader();
  readonly #negotiation: Negotiation;
  readonly #order: ProxyOrder | undefined;
  #isReady: boolean;

  /** @param order for a concentrator; without one the peer is any telnet server, and data flows at once */
  constructor(order?: ProxyOrder) {
    this.#order = order;
    this.#isReady = order === undefined;
    this.#negotiation = new Negotiation([OPTION.binary, OPTION.suppressGoAhead, ...(order === undefined ? [] : [VMWARE_OPTION])]);
  }

  /** Whether data may flow. */
  get isReady(): boolean {
    return this.#isReady;
  }

  /** What is said first. */
  open(): Buffer {
    const both = [OPTION.binary, OPTION.suppressGoAhead];
    return this.#negotiation.open(this.#order === undefined ? both : [...both, VMWARE_OPTION], both);
  }

  /** @throws {TelnetError} when the peer is no concentrator, refuses to be the proxy, or breaks a bound */
  receive(chunk: Uint8Array): Received {
    const data: Buffer[] = [];
    const reply: Buffer[] = [];
    for (const event of this.#reader.push(chunk)) {
      switch (event.kind) {
        case "data":
          if (this.#isReady) data.push(event.bytes); // a concentrator's greeting is not the guest's input
          break;
        case "verb":
          reply.push(this.#negotiation.answer(event.verb, event.option), ...this.#afterVerb(event.verb, event.option));
          break;
        case "subnegotiation":
          if (event.option === VMWARE_OPTION && this.#order !== undefined) reply.push(...this.#suboption(event.bytes, this.#order));
          break;
      }
    }
    return { data: Buffer.concat(data), reply: Buffer.concat(reply) };
  }

  send(data: Uint8Array): Buffer {
    return escapeTelnet(data);
  }

  #afterVerb(verb: string, option: number): Buffer[] {
    if (option !== VMWARE_OPTION || this.#order === undefined) return [];
    if (verb === "DONT") throw new TelnetError("it is no concentrator of virtual serial ports");
    return verb === "DO" ? [suboption(SUBOPTION.known1, Buffer.from(KNOWN))] : [];
  }

  #suboption(bytes: Buffer, order: ProxyOrder): Buffer[] {
    const code = bytes[0];
    switch (code) {
      case SUBOPTION.known2: {
        const side = order.direction === "client" ? "C" : "S";
        return [suboption(SUBOPTION.doProxy, Buffer.from(side + order.serviceUri))];
      }
      case SUBOPTION.willProxy:
        this.#isReady = true;
        return [];
      case SUBOPTION.wontProxy:
        throw new TelnetError("the concentrator does not take the port");
      case SUBOPTION.getVmVcUuid:
        return [suboption(SUBOPTION.vmVcUuid, Buffer.from(formatSpacedUuid(order.vcUuid.replaceAll("-", ""))))];
      case SUBOPTION.getVmBiosUuid:
        return [suboption(SUBOPTION.vmBiosUuid, Buffer.from(formatSpacedUuid(order.biosUuid.replaceAll("-", ""))))];
      case SUBOPTION.getVmName:
        return [suboption(SUBOPTION.vmName, Buffer.from(order.name))];
      case SUBOPTION.unknown1:
      case SUBOPTION.unknown2:
      case undefined:
        return [];
      default:
        return [suboption(SUBOPTION.unknown1, Buffer.of(code))];
    }
  }
}

const suboption = (code: number, bytes: Uint8Array): Buffer => formatSubnegotiation(VMWARE_OPTION, Buffer.concat([Buffer.of(code), bytes]));
