/** vmkernel as the supervisor runs it: as root, with nothing of ours but its lifeline. */
import { join } from "node:path";
import { startConfined } from "../system/index.ts";
import type { HostDescription } from "../vmkernel/index.ts";
import type { HostRun } from "./host-run.ts";
import { INSTALLATION } from "./machine.ts";
import { Service } from "./service.ts";

export interface VmkernelReady {
  readonly accelerator: HostDescription["accelerator"];
  readonly weaknesses: readonly string[];
}

export function startVmkernel({ options, user, log, onChange }: HostRun & { readonly onChange: () => void }) {
  const argv = [
    // It runs as root: it makes no code while it runs, so it has no memory that can be both written and run. Measured: it is not slower.
    ...[process.execPath, "--jitless", "--no-expose-wasm", join(INSTALLATION, "dist/main/vmkernel.js"), "--root", options.paths.root],
    ...["--bulkhead-uid", String(user.uid), "--bulkhead-gid", String(user.gid)],
    ...["--api-port", String(options.listen.port)],
    ...(options.degraded ? ["--degraded"] : []),
    ...(options.dedicated ? ["--dedicated"] : []),
    ...(options.memoryMiB === undefined ? [] : ["--memory", String(options.memoryMiB)]),
  ];
  return Service.start<VmkernelReady>({
    name: "vmkernel",
    program: process.execPath,
    launch: (output) => startConfined({ argv, descriptors: [], log: output, stdin: "lifeline", cgroup: undefined }),
    // It is trusted: what it prints as JSON is this.
    readReady: (line) => (line.startsWith('{"ready":true') ? (JSON.parse(line) as VmkernelReady) : undefined),
    log: (line) => log.append(line),
    onChange,
  });
}
