/** Connections to others: to a unix socket, and to a machine on the network that is not this one's loopback. */
import { BlockList, connect, isIP, type Socket } from "node:net";
import { SystemError } from "../../base/index.ts";
import { resolveName } from "./resolver.ts";

/** @throws {SystemError} when it is not there, nobody listens, or it does not answer in time */
export function connectUnix(path: string, timeoutMs: number): Promise<Socket> {
  return connected(connect(path), { name: path, timeoutMs });
}

/** Whom a connection may be made to, beyond what nobody may. */
export interface ConnectRules {
  /** Whether an address may be connected to. */
  readonly mayConnect: (address: string) => boolean;
}

/**
 * The address is looked up here and connected to as it is: a name that changes its mind in between leads nowhere else.
 * @throws {SystemError} also when it leads to this machine's loopback, whose services trust whoever reaches them
 */
export async function connectTcp(host: string, port: number, timeoutMs: number, { mayConnect }: ConnectRules): Promise<Socket> {
  const addresses = isIP(host) === 0 ? await resolveName(host) : [host];
  const elsewhere = addresses.filter((candidate) => !isLoopback(candidate));
  if (elsewhere.length === 0) throw new SystemError(`${host} is this machine's loopback, which is not connected to`);
  const address = elsewhere.find(mayConnect);
  if (address === undefined)
    throw new SystemError(`${host}:${port}: no enabled rule set of the host's firewall lets a connection there out`);
  return connected(connect({ host: address, port }), { name: `${host}:${port}`, timeoutMs });
}

const own = new BlockList();
own.addSubnet("127.0.0.0", 8, "ipv4");
own.addSubnet("0.0.0.0", 8, "ipv4");
own.addAddress("::1", "ipv6");
own.addAddress("::", "ipv6");

/** Pure. @param address in text, not a name */
export function isLoopback(address: string): boolean {
  return own.check(address, isIP(address) === 6 ? "ipv6" : "ipv4");
}

async function connected(socket: Socket, { name, timeoutMs }: { readonly name: string; readonly timeoutMs: number }): Promise<Socket> {
  const late = setTimeout(() => socket.destroy(new Error("no answer")), timeoutMs);
  try {
    await new Promise<void>((resolve, reject) => {
      socket.once("connect", resolve);
      socket.once("error", (cause) => reject(new SystemError(`${name}: ${cause.message}`, { cause })));
    });
    return socket;
  } catch (error) {
    socket.destroy();
    throw error;
  } finally {
    clearTimeout(late);
  }
}
