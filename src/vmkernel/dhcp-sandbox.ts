/**
 * The room in which the DHCP client of one of the host's own interfaces runs: it parses what strangers on the network send, so it has
 * a user of its own, no file but its own program, and of capabilities that to speak on the netstack that it is in. Pure.
 * Paper «VMkernel Networking Layer»; busybox udhcpc, bwrap(1), setpriv(1), nsenter(1).
 */
import type { Isolation } from "./isolation.ts";
import { foldersAbove, type SandboxPlan, SETPRIV } from "./vmm/sandbox.ts";
import { assembleSeccompFilter, SOCKETS } from "./vmm/seccomp.ts";

export interface DhcpClientRequest {
  readonly isolation: Isolation;
  /** The interface, and the file that keeps the namespace of its netstack. */
  readonly device: string;
  readonly namespace: string;
  readonly uid: number;
  /** What it tells events by: a file that everybody may read and execute. */
  readonly script: string;
  /** What setpriv needs to be found in the room, its libraries among it. */
  readonly readOnlyPaths: readonly string[];
  readonly hostName: string;
  /** The address that it had before. */
  readonly requested?: string | undefined;
}

export const BUSYBOX = "/bin/busybox";
const CAPABILITIES = ["net_raw", "net_bind_service"];
/** Three questions two seconds apart, and that again every half a minute. */
const ASKING = ["-t", "3", "-T", "2", "-A", "30"];
/** Another host that has the address is heard within that many milliseconds. */
const PROBE_MS = 300;

export function planDhcpClient(request: DhcpClientRequest): SandboxPlan {
  const { isolation, device, namespace, uid, script, readOnlyPaths, hostName, requested } = request;
  // Answers to all: an interface without an address takes nothing else.
  const asks = ["udhcpc", "-f", "-B", `-a${PROBE_MS}`, ...ASKING, "-i", device, "-s", script, "-x", `hostname:${hostName}`];
  const client = [BUSYBOX, ...asks, ...(requested === undefined ? [] : ["-r", requested])];
  const kept = CAPABILITIES.map((name) => `+${name}`).join(",");
  const become = [
    ...[SETPRIV, "--reuid", String(uid), "--regid", String(uid), "--clear-groups", "--no-new-privs"],
    ...["--inh-caps", `-all,${kept}`, "--ambient-caps", `-all,${kept}`, "--bounding-set", `-all,${kept}`],
  ];
  const there = ["/usr/bin/nsenter", `--net=${namespace}`, "--"];
  if (!isolation.rootMountNamespace) {
    return { argv: [...there, ...become, "--pdeathsig", "KILL", "--", ...client], seccompFilter: undefined };
  }
  const paths = [BUSYBOX, script, ...readOnlyPaths];
  const room = [
    ...(isolation.pidNamespace ? ["--unshare-pid"] : []),
    ...(isolation.ipcNamespace ? ["--unshare-ipc"] : []),
    ...(isolation.utsNamespace ? ["--unshare-uts", "--hostname", "bulkhead"] : []),
    "--unshare-cgroup-try",
    ...["--cap-drop", "ALL", "--new-session", "--die-with-parent", "--clearenv"],
    ...["SETUID", "SETGID", "SETPCAP", "NET_RAW", "NET_BIND_SERVICE"].flatMap((name) => ["--cap-add", `CAP_${name}`]),
    ...foldersAbove([...paths, "/dev/null"]),
    ...paths.flatMap((path) => ["--ro-bind", path, path]),
    ...["--dev-bind", "/dev/null", "/dev/null", "--chdir", "/", "--remount-ro", "/"],
    ...(isolation.seccomp ? ["--seccomp", "3"] : []),
  ];
  return {
    argv: [...there, "/usr/bin/bwrap", ...room, "--", ...become, "--", ...client],
    seccompFilter: isolation.seccomp ? assembleSeccompFilter([SOCKETS.ipv4, SOCKETS.packet]) : undefined,
  };
}
