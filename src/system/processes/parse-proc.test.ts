import { expect, test } from "vitest";
import { parseLdd } from "./libraries.ts";
import { parseCgroups, parseFdInfo, parseIdMap, parseMappedFiles, parseStat, parseStatus } from "./parse-proc.ts";

const stat = (name: string) => `42 (${name}) S 7 42 42 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 5 0 123456 8192 100 18446744073709551615`;

test.each([["qemu"], ["a b"], [") S 1 ("], ["((("], [")"]])("a process called %j is read", (name) => {
  expect(parseStat(stat(name))).toEqual({ state: "S", parentPid: 7, threads: 5, startTicks: 123456 });
});

test("a status is read: ids, groups, capabilities, no_new_privs, seccomp", () => {
  const text = `Name:\tqemu
Uid:\t200001\t200001\t200002\t200001
Gid:\t1\t2\t3\t4
Groups:\t105 106 
CapInh:\t0000000000000000
CapPrm:\t0000000000000001
CapEff:\t0000000000000002
CapBnd:\t000001ffffffffff
CapAmb:\t0000000000000000
NoNewPrivs:\t1
Seccomp:\t2
Seccomp_filters:\t2
`;
  expect(parseStatus(text)).toEqual({
    name: "qemu",
    uids: { real: 200001, effective: 200001, saved: 200002, fileSystem: 200001 },
    gids: { real: 1, effective: 2, saved: 3, fileSystem: 4 },
    groups: [105, 106],
    capabilities: {
      inheritable: "0000000000000000",
      permitted: "0000000000000001",
      effective: "0000000000000002",
      bounding: "000001ffffffffff",
      ambient: "0000000000000000",
    },
    noNewPrivileges: true,
    seccomp: "filter",
    seccompFilters: 2,
  });
});

test.each([
  ["0", "off"],
  ["1", "strict"],
  ["2", "filter"],
])("seccomp mode %s is %s", (mode, name) => {
  expect(parseStatus(`NoNewPrivs:\t0\nSeccomp:\t${mode}\n`)).toMatchObject({ seccomp: name, noNewPrivileges: false, groups: [] });
});

test("an id map, descriptor flags and cgroups are read", () => {
  expect(parseIdMap("    200001     200001          1\n")).toEqual([{ inside: 200001, outside: 200001, count: 1 }]);
  expect(parseIdMap("")).toEqual([]);
  expect(parseFdInfo("pos:\t512\nflags:\t0100002\nmnt_id:\t15\n")).toEqual({ offset: 512, flags: 0o100002, lock: undefined });
  const locked = (kind: string) => parseFdInfo(`pos:\t0\nflags:\t0100002\nlock:\t1: FLOCK  ADVISORY  ${kind} 77 fe:00:131 0 EOF\n`).lock;
  expect([locked("WRITE"), locked("READ ")]).toEqual(["exclusive", "shared"]);
  expect(parseCgroups("8:pids:/bulkhead-1/vm-1\n2:cpu,cpuacct:/\n0::/a:b\n")).toEqual([
    { controllers: ["pids"], path: "/bulkhead-1/vm-1" },
    { controllers: ["cpu", "cpuacct"], path: "/" },
    { controllers: [], path: "/a:b" },
  ]);
});

test("mapped files are each told once, with all the rights that any mapping has; anonymous memory is none", () => {
  const text = `55f0-55f1 r--p 00000000 fd:00 77 /usr/bin/a b
55f1-55f2 r-xp 00001000 fd:00 77 /usr/bin/a b
7f00-7f01 rw-p 00000000 00:00 0
7f01-7f02 rw-s 00000000 00:01 9 /memfd:x (deleted)
7ffd-7ffe rw-p 00000000 00:00 0 [stack]
`;
  expect(parseMappedFiles(text)).toEqual([
    { path: "/usr/bin/a b", device: "fd:00", inode: 77, isWritable: false, isShared: false, isExecutable: true },
    { path: "/memfd:x (deleted)", device: "00:01", inode: 9, isWritable: true, isShared: true, isExecutable: false },
  ]);
});

test("the libraries that ldd names are found, once each, and the vdso is none", () => {
  const text = `	linux-vdso.so.1 (0x00007ffd)
	libm.so.6 => /lib/x86_64-linux-gnu/libm.so.6 (0x00007f01)
	libm.so.6 => /lib/x86_64-linux-gnu/libm.so.6 (0x00007f01)
	libgone.so => not found
	/lib64/ld-linux-x86-64.so.2 (0x00007f02)
`;
  expect(parseLdd(text)).toEqual(["/lib/x86_64-linux-gnu/libm.so.6", "/lib64/ld-linux-x86-64.so.2"]);
});
