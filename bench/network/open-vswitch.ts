/** Open vSwitch of Debian's package, in its own processes: the data path of the kernel is a module that is not always there. */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { sleep } from "../../test/harness.ts";
import { Bay, type Forwarder } from "./forwarder.ts";

const DATABASE_SERVER = "/usr/sbin/ovsdb-server";
const DAEMON = "/usr/sbin/ovs-vswitchd";
const SCHEMA = "/usr/share/openvswitch/vswitch.ovsschema";
const START_MS_MAX = 15_000;

export function hasOpenVSwitch(): boolean {
  return [DATABASE_SERVER, DAEMON, SCHEMA].every((path) => existsSync(path));
}

export async function makeOpenVSwitch(): Promise<Forwarder> {
  const bay = new Bay(2);
  const children: ChildProcess[] = [];
  const remove = async () => {
    for (const child of children.splice(0).reverse()) await end(child);
    bay.remove();
  };
  try {
    bay.bringUp();
    const socket = `unix:${join(bay.folder, "db.sock")}`;
    const start = (command: string, args: readonly string[]) => children.push(startIn(bay, command, args));
    const database = join(bay.folder, "conf.db");
    execFileSync("ovsdb-tool", ["create", database, SCHEMA]);
    start(DATABASE_SERVER, [database, `--remote=p${socket}`, "--no-chdir"]);
    await appears(join(bay.folder, "db.sock"));
    start(DAEMON, [socket, "--no-chdir"]);
    const configure = (...args: string[]) => execFileSync("ovs-vsctl", [`--db=${socket}`, "--timeout=10", ...args], { stdio: "pipe" });
    configure("--no-wait", "init");
    const ports = ["t1", "t2"].flatMap((tap) => ["--", "add-port", "bridge", tap]);
    configure("add-br", "bridge", "--", "set", "bridge", "bridge", "datapath_type=netdev", ...ports);
  } catch (error) {
    await remove();
    throw error;
  }
  return { name: "Open vSwitch (user space)", ends: bay.ends, remove };
}

function startIn(bay: Bay, command: string, args: readonly string[]): ChildProcess {
  const own = ["--unixctl=none", "--log-file=/dev/null", "-vconsole:off", "-vsyslog:off"];
  const env = { ...process.env, OVS_RUNDIR: bay.folder, OVS_DBDIR: bay.folder, OVS_LOGDIR: bay.folder };
  return spawn("nsenter", [`--net=${bay.namespace}`, command, ...args, ...own], { env, stdio: "ignore" });
}

async function appears(path: string): Promise<void> {
  const until = performance.now() + START_MS_MAX;
  while (!existsSync(path)) {
    if (performance.now() > until) throw new Error(`${path} does not appear`);
    await sleep(20);
  }
}

/** nsenter has become the command itself. */
async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, "exit");
  child.kill("SIGKILL");
  await exited;
}
