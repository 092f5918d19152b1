/** Opens the sockets of serial ports that others connect to. The monitor gets them open and listening; it can make none itself. */
import { closeSync, existsSync, mkdirSync, unlinkSync } from "node:fs";
import { join } from "node:path";
import { errnoCode, listenTcp, listenUnix, PortTaken } from "../../system/index.ts";
import { fault } from "../../wire/index.ts";
import type { SerialWire } from "../machine.ts";

const PIPE_MODE = 0o600; // root's: who reaches a VM's console is for the administrator of the machine to say
const FOLDER_MODE = 0o700;

export interface Listener extends Disposable {
  readonly fd: number;
}

/**
 * @param pipes the host's folder of pipes
 * @throws {Fault} ResourceInUse for a TCP port that is taken; InvalidArgument for an address that the machine does not have
 */
export function listenFor(wire: SerialWire, pipes: string): Listener {
  const fd = wire.kind === "pipe" ? listenOnPipe(join(pipes, wire.name), pipes) : listenOnPort(wire);
  return { fd, [Symbol.dispose]: () => closeSync(fd) };
}

/** Whoever calls has made sure that no running VM has that pipe: a socket that is there was left. */
function listenOnPipe(path: string, pipes: string): number {
  mkdirSync(pipes, { recursive: true, mode: FOLDER_MODE });
  if (existsSync(path)) unlinkSync(path);
  return listenUnix(path, { mode: PIPE_MODE });
}

function listenOnPort(wire: Exclude<SerialWire, { kind: "pipe" }>): number {
  const { host, port } = wire;
  const name = `TCP port ${port} of ${host}`;
  try {
    return listenTcp(host, port);
  } catch (cause) {
    if (cause instanceof PortTaken)
      throw fault("ResourceInUse", `A serial port cannot listen on ${name}: it is taken.`, { name }, { cause });
    if (errnoCode(cause) !== "EADDRNOTAVAIL") throw cause;
    const message = `A serial port cannot listen on ${name}: the machine has no such address.`;
    throw fault("InvalidArgument", message, { invalidProperty: "serviceURI" }, { cause });
  }
}
