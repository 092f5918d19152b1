import { expect, test } from "vitest";
import { FULL_ISOLATION, type Isolation } from "../isolation.ts";
import { foldersAbove, helpersInside, planSandbox, type SandboxRequest, wallsOf } from "./sandbox.ts";

const REQUEST: SandboxRequest = {
  isolation: FULL_ISOLATION,
  uid: 200_001,
  program: "/usr/bin/qemu-system-x86_64",
  args: ["-m", "128"],
  readOnlyPaths: ["/usr/bin/qemu-system-x86_64", "/lib/x86_64-linux-gnu/libc.so.6", "/usr/share/seabios"],
  devicePaths: [],
  descriptorCount: 2,
};
const without = (...features: (keyof Isolation)[]): Isolation => {
  return { ...FULL_ISOLATION, ...Object.fromEntries(features.map((feature) => [feature, false])) };
};

/** An option a line, so that a change of it is a line of the diff. */
const inLines = (argv: readonly string[]) => argv.join(" ").replaceAll(" --", "\n--");

test("on a whole machine the monitor's own user builds its walls", () => {
  expect(inLines(planSandbox(REQUEST).argv)).toMatchInlineSnapshot(`
    "/usr/bin/setpriv
    --reuid 200001
    --regid 200001
    --clear-groups /usr/bin/bwrap
    --unshare-user
    --uid 200001
    --gid 200001
    --unshare-pid
    --unshare-net
    --unshare-ipc
    --unshare-uts
    --hostname bulkhead
    --unshare-cgroup-try
    --cap-drop ALL
    --new-session
    --clearenv
    --dir /dev
    --dir /lib
    --dir /lib/x86_64-linux-gnu
    --dir /usr
    --dir /usr/bin
    --dir /usr/share
    --ro-bind /usr/bin/qemu-system-x86_64 /usr/bin/qemu-system-x86_64
    --ro-bind /lib/x86_64-linux-gnu/libc.so.6 /lib/x86_64-linux-gnu/libc.so.6
    --ro-bind /usr/share/seabios /usr/share/seabios
    --dev-bind /dev/null /dev/null
    --dir /tmp
    --chdir /
    --remount-ro /
    --seccomp 5
    -- /usr/bin/qemu-system-x86_64 -m 128"
  `);
});

test("without user namespaces root builds them, and becomes the user inside", () => {
  expect(inLines(planSandbox({ ...REQUEST, isolation: without("userNamespace") }).argv)).toMatchInlineSnapshot(`
    "/usr/bin/bwrap
    --unshare-pid
    --unshare-net
    --unshare-ipc
    --unshare-uts
    --hostname bulkhead
    --unshare-cgroup-try
    --cap-drop ALL
    --new-session
    --clearenv
    --dir /dev
    --dir /lib
    --dir /lib/x86_64-linux-gnu
    --dir /usr
    --dir /usr/bin
    --dir /usr/share
    --ro-bind /usr/bin/qemu-system-x86_64 /usr/bin/qemu-system-x86_64
    --ro-bind /lib/x86_64-linux-gnu/libc.so.6 /lib/x86_64-linux-gnu/libc.so.6
    --ro-bind /usr/share/seabios /usr/share/seabios
    --dev-bind /dev/null /dev/null
    --dir /tmp
    --chdir /
    --remount-ro /
    --cap-add CAP_SETUID
    --cap-add CAP_SETGID
    --cap-add CAP_SETPCAP
    --seccomp 5
    -- /usr/bin/setpriv
    --reuid 200001
    --regid 200001
    --clear-groups
    --inh-caps -all
    --ambient-caps -all
    --bounding-set -all
    --no-new-privs
    -- /usr/bin/qemu-system-x86_64 -m 128"
  `);
});

test("without any namespace it is the user alone that is apart, without a capability", () => {
  const isolation = without("userNamespace", "mountNamespace", "rootMountNamespace");
  expect(inLines(planSandbox({ ...REQUEST, isolation }).argv)).toMatchInlineSnapshot(`
    "/usr/bin/setpriv
    --reuid 200001
    --regid 200001
    --clear-groups
    --inh-caps -all
    --ambient-caps -all
    --bounding-set -all
    --no-new-privs
    -- /usr/bin/qemu-system-x86_64 -m 128"
  `);
});

test("on KVM it finds the device, and is in its group", () => {
  const { argv } = planSandbox({ ...REQUEST, devicePaths: ["/dev/kvm"], group: 105 });
  expect(argv.join(" ")).toContain("--groups 105");
  expect(argv.join(" ")).toContain("--dev-bind /dev/kvm /dev/kvm");
  expect(argv).not.toContain("--clear-groups");
});

test("the filter is read from the descriptor after the program's own", () => {
  const { argv, seccompFilter } = planSandbox({ ...REQUEST, descriptorCount: 5 });
  expect(argv[argv.indexOf("--seccomp") + 1]).toBe("8");
  expect(seccompFilter?.length).toBeGreaterThan(0);
});

test.each([["userNamespace"], []] as const)(
  "its own files come from the descriptors between its own and the filter, readable to it alone (without %s)",
  (...missing) => {
    const ownFiles = ["/tmp/guestinfo/0", "/tmp/guestinfo/1"];
    const { argv } = planSandbox({ ...REQUEST, ownFiles, isolation: without(...missing) });
    const line = argv.join(" ");
    expect(line).toContain("--perms 0444 --file 5 /tmp/guestinfo/0 --perms 0444 --file 6 /tmp/guestinfo/1");
    expect(line).toContain("--seccomp 7");
    expect(line.indexOf("--dir /tmp/guestinfo")).toBeLessThan(line.indexOf("--perms"));
    expect(line.indexOf("--remount-ro /")).toBeGreaterThan(line.lastIndexOf("--file"));
  },
);

test.each([["seccomp"], ["userNamespace", "rootMountNamespace"]] as const)("without %s there is no filter from outside", (...features) => {
  const { argv, seccompFilter } = planSandbox({ ...REQUEST, isolation: without(...features) });
  expect(seccompFilter).toBeUndefined();
  expect(argv).not.toContain("--seccomp");
});

test.each([
  ["pidNamespace", "--unshare-pid"],
  ["networkNamespace", "--unshare-net"],
  ["ipcNamespace", "--unshare-ipc"],
  ["utsNamespace", "--unshare-uts"],
] as const)("without %s the others are still made", (feature, flag) => {
  const { argv } = planSandbox({ ...REQUEST, isolation: without(feature) });
  expect(argv).not.toContain(flag);
  expect(argv.filter((word) => word.startsWith("--unshare-"))).toHaveLength(5);
});

test("whatever the walls, no capability is left and no privilege can come back", () => {
  for (const isolation of [FULL_ISOLATION, without("userNamespace"), without("userNamespace", "rootMountNamespace")]) {
    const line = planSandbox({ ...REQUEST, isolation }).argv.join(" ");
    // bwrap sets no_new_privs itself.
    expect(line).toMatch(
      wallsOf(isolation) === "userNamespace" ? /bwrap .*--cap-drop ALL/ : /--bounding-set -all --no-new-privs -- \/usr\/bin\/qemu/,
    );
    expect(line).toContain("--reuid 200001 --regid 200001");
  }
});

test("arguments that look like options of the sandbox stay the program's", () => {
  const { argv } = planSandbox({ ...REQUEST, args: ["--share-net", "--bind", "/", "/"] });
  expect(argv.slice(argv.indexOf("--"))).toEqual(["--", REQUEST.program, "--share-net", "--bind", "/", "/"]);
});

test("every folder above a path is made once, outer ones first", () => {
  expect(foldersAbove(["/usr/lib/a", "/usr/lib/b", "/dev/null", "/x"])).toEqual(["--dir", "/dev", "--dir", "/usr", "--dir", "/usr/lib"]);
});

test("only walls that root builds need a helper inside", () => {
  expect(helpersInside(FULL_ISOLATION)).toEqual([]);
  expect(helpersInside(without("userNamespace"))).toEqual(["/usr/bin/setpriv"]);
});
