/**
 * A machine with a network of its own for a host to run on: a namespace, with adapters whose cables lead to the test's own namespace,
 * where the test's process is, as an administrator's machine is elsewhere on the network.
 */
import { closeSync, mkdtempSync, openSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import koffi from "koffi";
import {
  addAddress,
  addRoute,
  createVeth,
  disableIpv6,
  findLink,
  inNamespace,
  makeNamespace,
  moveLink,
  openNamespace,
  removeNamespace,
  setLink,
} from "../src/system/index.ts";

const setns: (fd: number, kind: number) => number = koffi.load("libc.so.6").func("int setns(int fd, int kind)");
const CLONE_NEWNET = 0x40000000;

export interface TestAdapter {
  /** On the machine: "eth0". Its cable ends in the test's namespace at "far-eth0". */
  readonly name: string;
  readonly address?: string;
  /** Of the other end. */
  readonly farAddress?: string;
  /** Whether the machine's default route leads there. */
  readonly isDefault?: boolean;
}

export class MachineNetwork {
  readonly #folder = mkdtempSync(join(tmpdir(), "bulkhead-machine-"));
  readonly #home = openSync("/proc/thread-self/ns/net", "r");
  readonly #adapters: readonly TestAdapter[];

  constructor(adapters: readonly TestAdapter[]) {
    this.#adapters = adapters;
    for (const path of [this.machine, this.#elsewhere]) makeNamespace(path);
    const fd = openNamespace(this.#elsewhere);
    enter(fd);
    closeSync(fd);
    setLink("lo", { up: true });
    inNamespace(this.machine, () => setLink("lo", { up: true }));
    for (const adapter of adapters) this.#connect(adapter);
  }

  /** Path of the machine's namespace. */
  get machine(): string {
    return join(this.#folder, "machine");
  }

  get #elsewhere(): string {
    return join(this.#folder, "elsewhere");
  }

  /**
   * A command that runs another on the machine. What is made of software is no adapter to a host, so it is shown these in a list of
   * its own, where each has a device.
   */
  get within(): readonly string[] {
    const shown = this.#adapters.map(({ name }) => {
      const mac = inNamespace(this.machine, () => findLink(name)?.mac ?? "");
      return `mkdir -p /sys/class/net/${name}/device && echo ${mac} > /sys/class/net/${name}/address && echo 1 > /sys/class/net/${name}/carrier`;
    });
    const script = ["mount -t tmpfs none /sys/class/net", ...shown, 'exec "$@"'].join(" && ");
    return ["nsenter", `--net=${this.machine}`, "unshare", "--mount", "--propagation", "private", "sh", "-c", script, "sh"];
  }

  #connect({ name, address, farAddress, isDefault }: TestAdapter): void {
    const far = `far-${name}`;
    createVeth(far, name);
    disableIpv6(far);
    moveLink(name, this.machine);
    if (farAddress !== undefined) addAddress(far, farAddress);
    setLink(far, { up: true });
    inNamespace(this.machine, () => {
      disableIpv6(name);
      setLink(name, { up: true });
      if (address !== undefined) addAddress(name, address);
      const gateway = farAddress?.split("/")[0];
      if (isDefault && gateway !== undefined) addRoute(name, { destination: "0.0.0.0/0", gateway });
    });
  }

  [Symbol.dispose](): void {
    enter(this.#home);
    closeSync(this.#home);
    for (const path of [this.machine, this.#elsewhere]) removeNamespace(path);
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

function enter(fd: number): void {
  if (setns(fd, CLONE_NEWNET) !== 0) throw new Error("the namespace is not entered");
}
