import { spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, constants, readdirSync, readFileSync, readlinkSync, readSync } from "node:fs";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { libcCall } from "../libc.ts";
import {
  createTap,
  createVeth,
  deleteLink,
  disableIpv6,
  fetchLink,
  findLink,
  inNamespace,
  linkIndex,
  listLinks,
  moveLink,
  removeQueue,
  sendFrame,
  setLink,
} from "./index.ts";
import { TestNamespaces } from "./namespace.fixture.ts";

/** A broadcast of an EtherType that nobody speaks. */
const FRAME = Buffer.concat([Buffer.from("ffffffffffff02000000000188b5", "hex"), Buffer.alloc(46, 7)]);

/** One more than Linux ever gives. */
const PID_THAT_NONE_HAS = 2 ** 22 + 1;

const ioctl = libcCall<[fd: number, request: number, argument: number]>("int ioctl(int fd, uint64_t request, uint64_t argument)");
const TUNSETPERSIST = 0x400454cb;

describe.skipIf(process.getuid?.() !== 0)("on this machine", () => {
  let namespaces: TestNamespaces;
  let one: string;
  const fds: number[] = [];
  beforeEach(() => {
    namespaces = new TestNamespaces();
    one = namespaces.make("one");
  });
  afterEach(() => {
    for (const fd of fds.splice(0)) closeSync(fd);
    namespaces[Symbol.dispose]();
  });

  function tap(name: string, vnetHeader = false): number {
    const fd = createTap(name, { vnetHeader });
    fds.push(fd);
    return fd;
  }
  const openNow = () =>
    readdirSync("/proc/self/fd").flatMap((fd) => {
      try {
        return [readlinkSync(`/proc/self/fd/${fd}`)];
      } catch {
        return []; // the folder's own
      }
    });
  const names = () => listLinks().map(({ name }) => name);
  const errorOf = (deed: () => void): unknown => {
    try {
      deed();
    } catch (error) {
      return error;
    }
    return undefined;
  };

  test("a tap in a namespace is not seen outside", () => {
    const outside = names();
    inNamespace(one, () => tap("v1n4000"));
    expect(inNamespace(one, names)).toEqual(["lo", "v1n4000"]);
    expect(names()).toEqual(outside);
    expect(linkIndex("v1n4000")).toBeUndefined();
    expect(readFileSync("/proc/net/dev", "utf8")).not.toContain("v1n4000");
  });

  test("a tap is down, has carrier once it is up, and goes with its descriptor", () => {
    const fd = inNamespace(one, () => createTap("v1n4000", { vnetHeader: false }));
    const found = () => inNamespace(one, () => findLink("v1n4000"));
    expect(found()).toMatchObject({ kind: "tun", isUp: false, hasCarrier: false, mtu: 1500, device: undefined });
    inNamespace(one, () => setLink("v1n4000", { up: true }));
    expect(found()).toMatchObject({ isUp: true, hasCarrier: true });
    closeSync(fd);
    expect(found()).toBeUndefined();
  });

  test("a tap's descriptor does not block and is no child's", () => {
    const fd = inNamespace(one, () => tap("v1n4000"));
    const info = readFileSync(`/proc/self/fdinfo/${fd}`, "utf8");
    const bits = Number.parseInt(/^flags:\s+(\d+)/m.exec(info)?.[1] ?? "0", 8);
    const expected = constants.O_RDWR | constants.O_NONBLOCK | 0o2000000;
    expect(bits & expected).toBe(expected);
    expect(() => readSync(fd, Buffer.alloc(100))).toThrow("EAGAIN");
  });

  test.each([
    [false, 0],
    [true, 10],
  ])("what leaves by a tap with a vnet header (%s) has %i bytes before its frame", (vnetHeader, headerBytes) => {
    const fd = inNamespace(one, () => {
      const opened = tap("v1n4000", vnetHeader);
      disableIpv6("v1n4000");
      setLink("v1n4000", { up: true });
      sendFrame("v1n4000", FRAME);
      return opened;
    });
    const bytes = Buffer.alloc(200);
    const length = readSync(fd, bytes);
    expect(bytes.subarray(0, length)).toEqual(Buffer.concat([Buffer.alloc(headerBytes), FRAME]));
  });

  test.each([
    ["somebody has open", 0],
    ["stays without being open", 1],
  ])("a tap is never one that is there already and %s", (_, persistent) => {
    const error = inNamespace(one, () => {
      const fd = createTap("v1n4000", { vnetHeader: false });
      ioctl(fd, TUNSETPERSIST, persistent);
      if (persistent === 1) closeSync(fd);
      else fds.push(fd);
      return errorOf(() => tap("v1n4000"));
    });
    expect(error).toMatchObject({ name: "SystemError", message: "making the tap v1n4000", cause: { code: "EBUSY" } });
  });

  test("what is set of a link stays, and what is not said stays too", () => {
    inNamespace(one, () => tap("v1n4000"));
    const after = (settings: Parameters<typeof setLink>[1]) =>
      inNamespace(one, () => {
        setLink("v1n4000", settings);
        return findLink("v1n4000");
      });
    expect(after({ mtu: 9000, mac: "00:50:56:00:00:01" })).toMatchObject({ mtu: 9000, mac: "00:50:56:00:00:01", isUp: false });
    expect(after({ up: true, promiscuous: true, allMulticast: true })).toMatchObject({
      mtu: 9000,
      isUp: true,
      isPromiscuous: true,
      takesAllMulticast: true,
    });
    expect(after({ promiscuous: false })).toMatchObject({ mac: "00:50:56:00:00:01", isPromiscuous: false, takesAllMulticast: true });
    expect(after({ up: false, allMulticast: false })).toMatchObject({ isUp: false, hasCarrier: false, takesAllMulticast: false });
  });

  test("a tap whose queue is removed before it is up has none then", () => {
    const queueOf = (name: string) => findLink(name)?.queue;
    inNamespace(one, () => {
      for (const name of ["v1n4000", "v2n4000"]) tap(name);
      expect(queueOf("v1n4000")).toBe("noop");
      removeQueue({ name: "v1n4000", index: linkIndex("v1n4000") ?? 0 });
      for (const name of ["v1n4000", "v2n4000"]) setLink(name, { up: true });
      expect(queueOf("v1n4000")).toBe("noqueue");
      expect(queueOf("v2n4000")).not.toBe("noqueue");
      expect(() => removeQueue({ name: "gone", index: 999_999 })).toThrow("removing the queue of the network link gone");
    });
  });

  test("one end of a cable has carrier while the other is up", () => {
    const carriers = (up: boolean) =>
      inNamespace(one, () => {
        setLink("right", { up });
        return listLinks().map(({ name, hasCarrier }) => `${name} ${hasCarrier}`);
      });
    inNamespace(one, () => {
      createVeth("left", "right");
      setLink("left", { up: true });
    });
    expect(carriers(true)).toEqual(["lo false", "right true", "left true"]);
    expect(carriers(false)).toEqual(["lo false", "right false", "left false"]);
    expect(inNamespace(one, () => findLink("left"))).toMatchObject({ kind: "veth", isUp: true });
  });

  test("a cable is deleted with either end", () => {
    inNamespace(one, () => createVeth("left", "right"));
    inNamespace(one, () => deleteLink("right"));
    expect(inNamespace(one, names)).toEqual(["lo"]);
  });

  test("a link moves to another namespace under its name, down, and back again", () => {
    const other = namespaces.make("other");
    const found = (path: string) => inNamespace(path, () => findLink("left"));
    inNamespace(one, () => {
      createVeth("left", "right");
      setLink("left", { up: true, mac: "02:00:00:00:00:01" });
      moveLink("left", other);
    });
    expect(found(one)).toBeUndefined();
    expect(found(other)).toMatchObject({ isUp: false, mac: "02:00:00:00:00:01" });
    inNamespace(one, () => fetchLink("left", other));
    expect(found(other)).toBeUndefined();
    expect(found(one)).toMatchObject({ isUp: false, mac: "02:00:00:00:00:01" });
  });

  test("a link moves to where a process is, and not to a process that is not there", async () => {
    const other = namespaces.make("other");
    inNamespace(one, () => createVeth("left", "right"));
    const child = spawn("nsenter", [`--net=${other}`, "sh", "-c", "echo ready; exec sleep 60"]);
    try {
      await once(child.stdout, "data");
      inNamespace(one, () => moveLink("left", child.pid ?? 0));
    } finally {
      child.kill("SIGKILL");
      await once(child, "exit");
    }
    expect(inNamespace(other, names)).toEqual(["lo", "left"]);
    const error = inNamespace(other, () => errorOf(() => moveLink("left", PID_THAT_NONE_HAS)));
    expect(error).toMatchObject({ message: "moving the network link left to the namespace of process 4194305", cause: { code: "ESRCH" } });
    expect(inNamespace(other, names)).toEqual(["lo", "left"]);
  });

  test("a name of 15 bytes is whole", () => {
    inNamespace(one, () => {
      tap("v4294967295n400");
      createVeth("fifteen-bytes-x", "fifteen-bytes-y");
    });
    expect(inNamespace(one, names)).toEqual(["lo", "v4294967295n400", "fifteen-bytes-y", "fifteen-bytes-x"]);
  });

  test("a link does not move to where its name is taken, and stays", () => {
    const other = namespaces.make("other");
    inNamespace(other, () => tap("left"));
    const error = inNamespace(one, () => {
      createVeth("left", "right");
      return errorOf(() => moveLink("left", other));
    });
    expect(error).toMatchObject({ name: "SystemError", message: `moving the network link left to the namespace ${other}` });
    expect(error).toMatchObject({ cause: { code: "EEXIST" } });
    expect(inNamespace(one, names)).toEqual(["lo", "right", "left"]);
  });

  test.each<[string, () => void, string, string]>([
    ["set", () => setLink("gone", { up: true }), 'setting {"up":true} of the network link gone', "ENODEV"],
    ["deleted", () => deleteLink("gone"), "deleting the network link gone", "ENODEV"],
    ["a cable with a taken name", () => createVeth("lo", "right"), "making the network links lo and right", "EEXIST"],
    ["a cable with a taken name at its other end", () => createVeth("left", "lo"), "making the network links left and lo", "EEXIST"],
    ["with an MTU that none has", () => setLink("lo", { mtu: 2 ** 31 }), 'setting {"mtu":2147483648} of the network link lo', "EINVAL"],
    ["IPv6", () => disableIpv6("gone"), "disabling IPv6 on the network link gone", "ENOENT"],
  ])("a link that cannot be %s is named, with the kernel's code", (_, deed, message, code) => {
    expect(inNamespace(one, () => errorOf(deed))).toMatchObject({ name: "SystemError", message, cause: { code } });
    expect(inNamespace(one, names)).toEqual(["lo"]);
  });

  test.each<[string, (name: string) => unknown]>([
    ["createTap", (name) => tap(name)],
    ["createVeth", (name) => createVeth("left", name)],
    ["setLink", (name) => setLink(name, { up: true })],
    ["moveLink", (name) => moveLink(name, one)],
    ["deleteLink", (name) => deleteLink(name)],
    ["disableIpv6", (name) => disableIpv6(name)],
  ])("%s refuses a name that is too long or a path, by name", (_, deed) => {
    for (const name of ["sixteen-bytes-xx", "../../x", "tap%d"]) {
      expect(() => inNamespace(one, () => deed(name))).toThrow(`${JSON.stringify(name)} is no name for a network link`);
    }
    expect(inNamespace(one, names)).toEqual(["lo"]);
  });

  test("the kernel does not speak IPv6 by a link where it is disabled, nor by those that come later", () => {
    const setting = (name: string) => inNamespace(one, () => readFileSync(`/proc/sys/net/ipv6/conf/${name}/disable_ipv6`, "utf8").trim());
    const outside = readFileSync("/proc/sys/net/ipv6/conf/default/disable_ipv6", "utf8");
    inNamespace(one, () => {
      createVeth("left", "right");
      disableIpv6("left");
    });
    expect([setting("left"), setting("right"), setting("default")]).toEqual(["1", "0", "0"]);
    inNamespace(one, () => {
      disableIpv6("default");
      tap("later");
    });
    expect([setting("right"), setting("later")]).toEqual(["0", "1"]);
    expect(readFileSync("/proc/sys/net/ipv6/conf/default/disable_ipv6", "utf8")).toBe(outside);
  });

  test("a link whose MTU is too small for IPv6 has nothing to disable", () => {
    inNamespace(one, () => {
      createVeth("left", "right");
      setLink("left", { mtu: 1000 });
      disableIpv6("left");
    });
  });

  test("more links than one answer holds are all listed", () => {
    const expected = ["lo"];
    inNamespace(one, () => {
      for (let n = 0; n < 100; n++) {
        createVeth(`left${n}`, `right${n}`);
        expected.push(`left${n}`, `right${n}`);
      }
    });
    expect(inNamespace(one, names).sort()).toEqual(expected.sort());
  });

  test("no descriptor is left open by any of this", () => {
    const before = openNow();
    inNamespace(one, () => {
      createVeth("left", "right");
      errorOf(() => createVeth("left", "right"));
      errorOf(() => moveLink("left", "/nowhere"));
      listLinks();
    });
    expect(openNow()).toEqual(before);
  });
});
