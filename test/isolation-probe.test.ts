/**
 * The probe on machines that withhold something, as containers do: it names what is missing, and nothing that is there.
 * Run from the built output, inside namespaces in which that is really so.
 */
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { promisify } from "node:util";
import { afterEach, describe, expect, test } from "vitest";
import { decideIsolation, type IsolationProbe } from "../src/vmkernel/index.ts";

const PROBE = resolve(import.meta.dirname, "../dist/vmkernel/isolation-probe.js");
const SCRIPT = `import { probeIsolation } from ${JSON.stringify(PROBE)};
console.log(JSON.stringify(await probeIsolation("bulkhead-test-" + process.pid)));`;
const NODE = [process.execPath, "--input-type=module", "-e", SCRIPT];
const execFileAsync = promisify(execFile);

async function probeIn(...command: readonly string[]): Promise<IsolationProbe> {
  const [program = "", ...args] = [...command, ...NODE];
  return JSON.parse((await execFileAsync(program, args)).stdout);
}

const namesOf = ({ missing }: IsolationProbe) => missing.map(({ feature }) => feature);

describe.skipIf(process.getuid?.() !== 0)("what isolation needs", () => {
  let holder: ChildProcess | undefined;
  afterEach(() => {
    holder?.kill("SIGKILL");
  });

  /** A user namespace with every user of the machine, whose root may make no other: a container's root. */
  async function containerRoot(...capabilitiesDropped: readonly string[]): Promise<string[]> {
    holder = spawn("/usr/bin/unshare", ["--user", "/bin/sleep", "60"], { stdio: "ignore" });
    await once(holder, "spawn");
    const everybody = "0 0 4294967294\n";
    await expect.poll(() => tryWrite(`/proc/${holder?.pid}/gid_map`, everybody)).toBe(true);
    writeFileSync(`/proc/${holder.pid}/uid_map`, everybody);
    const drop = capabilitiesDropped.length === 0 ? [] : ["/usr/bin/setpriv", "--bounding-set", capabilitiesDropped.join(",")];
    const enter = ["/usr/bin/nsenter", "--user", "--target", String(holder.pid), "--setuid", "0", "--setgid", "0"];
    return [...enter, "/bin/sh", "-c", 'echo 0 > /proc/sys/user/max_user_namespaces && exec "$@"', "sh", ...drop];
  }

  test("where user namespaces are used up they are missing, and root still builds the other walls", async () => {
    const probe = await probeIn(...(await containerRoot()));
    expect(namesOf(probe)).toContain("userNamespace");
    expect(probe.missing.find(({ feature }) => feature === "userNamespace")?.because).toMatch(/ENOSPC/);
    expect(probe.have).toMatchObject({ mountNamespace: true, pidNamespace: true, networkNamespace: true, rootMountNamespace: true });
    const decision = decideIsolation(probe, { degraded: false });
    expect(decision).toMatchObject({
      kind: "refuse",
      line: expect.stringMatching(/withholds user namespaces .*user\.max_user_namespaces/),
    });
    const degraded = decideIsolation(probe, { degraded: true });
    expect(degraded.kind === "run" && degraded.weaknesses.join(" ")).toContain("A monitor's user is one of the machine's own");
  });

  test("where root has no CAP_SYS_ADMIN either, no namespace is there", async () => {
    const probe = await probeIn(...(await containerRoot("-sys_admin")));
    expect(namesOf(probe)).toEqual(
      expect.arrayContaining(["userNamespace", "mountNamespace", "pidNamespace", "networkNamespace", "rootMountNamespace"]),
    );
  });

  test("BPF is missing where root is a container's", async () => {
    const probe = await probeIn(...(await containerRoot()));
    expect(probe.missing).toContainEqual(expect.objectContaining({ feature: "bpf", because: "EPERM" }));
  });

  test("where no cgroup tree can be written both cgroups are missing, and namespaces are there", async () => {
    const hide = ["/usr/bin/unshare", "--mount", "/bin/sh", "-c", 'mount -t tmpfs -o ro none /sys/fs/cgroup && exec "$@"', "sh"];
    const probe = await probeIn(...hide);
    expect(namesOf(probe)).toEqual(["memoryCgroup", "pidsCgroup"]);
    expect(decideIsolation(probe, { degraded: false })).toMatchObject({ line: expect.stringContaining("withholds the memory cgroup") });
  });
});

function tryWrite(path: string, text: string): boolean {
  try {
    writeFileSync(path, text);
    return true;
  } catch {
    return false; // the namespace is not there yet
  }
}
