/** The tiny guest by itself, on a bare QEMU without our monitor: what the other tests and the demonstration rely on. */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { buildGuest } from "../guest/build.mjs";

const BOOT_TIMEOUT_MS = 60_000; // a busy machine without hardware virtualization

let folder: string;
let running: ChildProcess[];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "bulkhead-guest-"));
  running = [];
});
afterEach(async () => {
  for (const child of running) if (child.exitCode === null && child.signalCode === null) await ended(child, () => child.kill("SIGKILL"));
  rmSync(folder, { recursive: true, force: true });
});

test("the guest comes up from a PVSCSI disk, shows its machine, answers its agent, and goes off at the power button", async () => {
  const guest = start(
    ["-machine", "pc,hpet=off", "-smp", "2,sockets=1,cores=2,threads=1", "-device", "pvscsi,id=scsi"],
    "scsi-hd,bus=scsi.0",
  );
  const console = await guest.consoleWith(/^tick 2$/m);
  expect(console).toMatch(/^GUEST-UP \d+\.\d+/m);
  expect(console).toMatch(/^GUEST-CPU cpus=2 cores=2 threads-per-core=1 flags=(\w+,)*nx/m);
  expect(console).toMatch(/^GUEST-PCI 8086:1237 8086:7000 .*15ad:07c0/m);
  expect(console).toMatch(/^GUEST-BLOCK sda=\d+$/m);
  expect(console).toMatch(/^GUEST-NIC eth0=00:50:56:01:02:03$/m);

  const agent = await converse(join(folder, "agent"));
  expect(await agent({ execute: "guest-get-host-name" })).toEqual({ return: { "host-name": "bulkhead-guest" } });
  expect(await agent({ execute: "guest-get-osinfo" })).toMatchObject({ return: { "pretty-name": "Bulkhead test guest" } });

  const monitor = await converse(join(folder, "qmp"));
  await monitor({ execute: "qmp_capabilities" });
  await ended(guest.process, () => void monitor({ execute: "system_powerdown" }));
  expect(guest.process.exitCode).toBe(0);
});

test("the guest comes up by UEFI from an NVMe disk, and its agent shuts it down", async () => {
  const firmware = "/usr/share/OVMF/OVMF";
  const guest = start(
    [
      ...["-machine", "q35,hpet=off", "-m", "256"],
      ...["-drive", `if=pflash,format=raw,readonly=on,file=${firmware}_CODE_4M.fd`],
      ...["-drive", `if=pflash,format=raw,file=${firmware}_VARS_4M.fd`],
    ],
    "nvme,serial=1",
  );
  const console = await guest.consoleWith(/^tick 1$/m);
  expect(console).toMatch(/^GUEST-BLOCK nvme0n1=\d+$/m);

  const agent = await converse(join(folder, "agent"));
  expect(await agent({ execute: "guest-ping" })).toEqual({ return: {} });
  await ended(guest.process, () => void agent({ execute: "guest-shutdown" }));
  expect(guest.process.exitCode).toBe(0);
});

function start(machine: readonly string[], disk: string) {
  const { image } = buildGuest();
  const child = spawn(
    "qemu-system-x86_64",
    [
      ...["-accel", "tcg", "-m", "128", ...machine, "-nodefaults", "-no-user-config", "-display", "none", "-snapshot"],
      ...["-drive", `if=none,id=disk,format=raw,file=${image}`, "-device", `${disk},drive=disk`],
      ...["-nic", "none", "-netdev", "hubport,hubid=0,id=net", "-device", "vmxnet3,romfile=,netdev=net,mac=00:50:56:01:02:03"],
      ...["-serial", "stdio", "-qmp", `unix:${folder}/qmp,server=on,wait=off`],
      ...["-device", "virtio-serial-pci", "-chardev", `socket,id=agent,path=${folder}/agent,server=on,wait=off`],
      ...["-device", "virtserialport,chardev=agent,name=org.qemu.guest_agent.0"],
    ],
    { stdio: ["ignore", "pipe", "pipe"] },
  );
  running.push(child);
  let text = "";
  let errors = "";
  child.stderr.on("data", (chunk) => {
    errors += chunk;
  });
  const consoleWith = (pattern: RegExp) =>
    new Promise<string>((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`no ${pattern} on the console:\n${text}\n${errors}`)), BOOT_TIMEOUT_MS);
      child.once("exit", () => reject(new Error(`QEMU ended:\n${text}\n${errors}`)));
      child.stdout.on("data", (chunk) => {
        text = (text + chunk).replaceAll("\r", "");
        if (!pattern.test(text)) return;
        clearTimeout(timer);
        resolve(text);
      });
    });
  return { process: child, consoleWith };
}

/** Speaks JSON, a text a line, over a unix socket; greetings and events are not answers. */
async function converse(path: string): Promise<(request: object) => Promise<unknown>> {
  const socket: Socket = connect(path);
  const waiting: ((answer: unknown) => void)[] = [];
  let buffer = "";
  socket.on("data", (chunk) => {
    const lines = (buffer + chunk).split("\n");
    buffer = lines.pop() ?? "";
    for (const line of lines) {
      const message: unknown = JSON.parse(line);
      if (typeof message === "object" && message !== null && ("return" in message || "error" in message)) waiting.shift()?.(message);
    }
  });
  socket.on("error", () => {}); // QEMU is gone: whoever still waits for an answer runs into the test's own limit
  await new Promise((resolve) => socket.once("connect", resolve));
  return (request) =>
    new Promise((resolve) => {
      waiting.push(resolve);
      socket.write(`${JSON.stringify(request)}\n`);
    });
}

async function ended(child: ChildProcess, how: () => void): Promise<void> {
  const exit = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  how();
  await exit;
}
