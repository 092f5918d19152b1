import { expect, test } from "vitest";
import { decideIsolation, describeProbe, FULL_ISOLATION, ISOLATION_FEATURES } from "./isolation.ts";
import { planHostdSandbox } from "./isolation-hostd.ts";

/** An option a line, so that a change of it is a line of the diff. */
const inLines = (argv: readonly string[]) => argv.join(" ").replaceAll(" --", "\n--");

test("a whole machine runs, with nothing weaker", () => {
  const probe = describeProbe({});
  expect(Object.values(probe.have)).toEqual(ISOLATION_FEATURES.map(() => true));
  expect(decideIsolation(probe, { degraded: false })).toEqual({ kind: "run", withheld: [], weaknesses: [] });
  expect(decideIsolation(probe, { degraded: true })).toEqual({ kind: "run", withheld: [], weaknesses: [] });
});

test("a machine without user namespaces is refused in one line that says what to do", () => {
  const decision = decideIsolation(describeProbe({ userNamespace: "No space left\non device" }), { degraded: false });
  expect(decision).toMatchInlineSnapshot(`
    {
      "kind": "refuse",
      "line": "This machine withholds user namespaces (No space left on device): set sysctl user.max_user_namespaces above 0 and allow unprivileged ones, or run on the machine itself or in a container with --privileged, or start with --degraded.",
    }
  `);
});

test("more than one missing thing is named in the same line", () => {
  const decision = decideIsolation(describeProbe({ memoryCgroup: "EROFS", pidsCgroup: "EROFS", bpf: "EPERM" }), { degraded: false });
  expect(decision.kind === "refuse" && decision.line).toMatchInlineSnapshot(
    `"This machine withholds the memory cgroup (EROFS): mount /sys/fs/cgroup writable, with that controller, or start with --degraded. Also missing: the pids cgroup, BPF."`,
  );
});

test.each(ISOLATION_FEATURES)("without %s a degraded host runs and says what is weaker", (feature) => {
  const probe = describeProbe({ [feature]: "EPERM" });
  expect(probe.have[feature]).toBe(false);
  const decision = decideIsolation(probe, { degraded: true });
  expect(decision.kind === "run" && decision.weaknesses).toEqual([expect.stringMatching(/^[A-Zh].+\.$/)]);
  expect(decideIsolation(probe, { degraded: false }).kind).toBe("refuse");
});

const HOSTD = {
  isolation: FULL_ISOLATION,
  uid: 998,
  gid: 997,
  program: "/usr/bin/node",
  args: ["/root/bulkhead/dist/main/hostd.js"],
  readOnlyPaths: ["/usr/bin/node", "/root/bulkhead/dist"],
  writablePaths: ["/var/lib/bulkhead/hostd", "/run/bulkhead/rpc"],
  descriptorCount: 1,
};

test("hostd's sandbox holds its code, its state and vmkernel's socket, and an empty network", () => {
  expect(inLines(planHostdSandbox(HOSTD).argv)).toMatchInlineSnapshot(`
    "/usr/bin/bwrap
    --unshare-pid
    --unshare-net
    --unshare-ipc
    --unshare-uts
    --hostname bulkhead
    --unshare-cgroup-try
    --cap-drop ALL
    --cap-add CAP_SETUID
    --cap-add CAP_SETGID
    --cap-add CAP_SETPCAP
    --new-session
    --die-with-parent
    --clearenv
    --tmpfs /tmp
    --chmod 1777 /tmp
    --dir /dev
    --dir /root
    --dir /root/bulkhead
    --dir /run
    --dir /run/bulkhead
    --dir /usr
    --dir /usr/bin
    --dir /var
    --dir /var/lib
    --dir /var/lib/bulkhead
    --ro-bind /usr/bin/node /usr/bin/node
    --ro-bind /root/bulkhead/dist /root/bulkhead/dist
    --bind /var/lib/bulkhead/hostd /var/lib/bulkhead/hostd
    --bind /run/bulkhead/rpc /run/bulkhead/rpc
    --dev-bind /dev/null /dev/null
    --dev-bind /dev/urandom /dev/urandom
    --chdir /
    --remount-ro /
    --seccomp 4
    -- /usr/bin/setpriv
    --reuid 998
    --regid 997
    --clear-groups
    --inh-caps -all
    --ambient-caps -all
    --bounding-set -all
    --no-new-privs
    -- /usr/bin/node /root/bulkhead/dist/main/hostd.js"
  `);
});

test("where root may not mount, hostd is its user alone, without a capability", () => {
  const { argv, seccompFilter } = planHostdSandbox({ ...HOSTD, isolation: { ...FULL_ISOLATION, rootMountNamespace: false } });
  expect(inLines(argv)).toMatchInlineSnapshot(`
    "/usr/bin/setpriv
    --reuid 998
    --regid 997
    --clear-groups
    --inh-caps -all
    --ambient-caps -all
    --bounding-set -all
    --no-new-privs
    -- /usr/bin/node /root/bulkhead/dist/main/hostd.js"
  `);
  expect(seccompFilter).toBeUndefined();
});
