/**
 * A real guest with a stock kernel: what its disks tell it on every controller that there is, and snapshots for which its agent brings
 * its file systems to rest. One guest, for it takes long to start.
 */
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { buildStockGuest } from "../../guest/stock.mjs";
import { hostPaths } from "../../src/base/index.ts";
import type { Evidence } from "../../src/evidence/index.ts";
import { moRef, type VimClient } from "../../src/interfaces/index.ts";
import type { MoRef } from "../../src/wire/index.ts";
import { datastoreText, startHost, type TestHost, waitFor } from "../harness.ts";
import { createVm, ended, read, succeeded } from "../vm.ts";

const BOOT_MS = 600_000;
const DISKS = moRef("VirtualDiskManager", "ha-vdiskmanager");
const NAME = "stock";

/** Every disk of its own size, by which the guest's names are told: KiB. */
const CONTROLLERS = [
  { key: -1, $type: "ParaVirtualSCSIController", busNumber: 0, sizeKb: 65536, what: "pvscsi" },
  { key: -2, $type: "VirtualLsiLogicController", busNumber: 1, sizeKb: 5 * 1024, what: "lsilogic" },
  { key: -3, $type: "VirtualLsiLogicSASController", busNumber: 2, sizeKb: 6 * 1024, what: "lsisas" },
  { key: -4, $type: "VirtualAHCIController", busNumber: 0, sizeKb: 7 * 1024, what: "ahci" },
  { key: -5, $type: "VirtualNVMEController", busNumber: 0, sizeKb: 8 * 1024, what: "nvme" },
  { key: 200, $type: "VirtualIDEController", busNumber: 0, sizeKb: 9 * 1024, what: "ide" },
] as const;

/** Tells all, then writes to the file system on the disk of the LSI Logic controller, and says what it has written. */
const SCRIPT = `
sleep 3
tell() { echo "BEGIN $*"; "$@" 2>&1; echo "END $*"; }
for disk in /sys/block/sd* /sys/block/nvme*; do
  name=\${disk##*/}
  echo "DISK $name $(($(cat $disk/size) / 2))"
  case $name in sd*) tell sg_luns /dev/$name; tell sg_vpd -p di /dev/$name; tell sg_vpd -p sn /dev/$name; esac
  tell sg_inq /dev/$name
  [ "$(cat $disk/size)" = 10240 ] && data=/dev/$name
done
tell ls /sys/class/scsi_generic
tell cat /sys/class/nvme/nvme0/serial
mount -t ext4 $data /mnt && echo MOUNTED $data
# The second time that it is to freeze, the agent hangs over it.
cat > /run/hook << 'HOOK'
#!/bin/sh
echo "HOOK $1" > /dev/ttyS0
[ "$1" = freeze ] || exit 0
if [ -e /run/once ]; then echo HANGING > /dev/ttyS0; sleep 90; echo "GOES ON" > /dev/ttyS0; fi
touch /run/once
HOOK
chmod +x /run/hook
for port in /sys/class/virtio-ports/*; do
  read -r name < $port/name
  [ "$name" = org.qemu.guest_agent.0 ] && qemu-ga -m virtio-serial -p /dev/\${port##*/} -t /run -F/run/hook > /run/agent.log 2>&1 &
done
count=0
echo READY
while :; do
  count=$((count + 1))
  echo $count > /mnt/count && sync
  echo "tick $count"
  sleep 1
done
`;

let host: TestHost;
let client: VimClient;
let vm: MoRef<"VirtualMachine">;
const uuids = new Map<string, string>();

const datastore = () => join(hostPaths(host.root).volumes, "datastore1");
const console_ = () => datastoreText(host, `${NAME}/console.log`);
const ticks = async (): Promise<number> => Math.max(0, ...[...(await console_()).matchAll(/^tick (\d+)\s*$/gm)].map(([, n]) => Number(n)));
async function goesOn(): Promise<void> {
  const before = await ticks();
  await waitFor(async () => (await ticks()) > before + 1, BOOT_MS, 500);
}

beforeAll(async () => {
  host = await startHost();
  client = await host.login();
  mkdirSync(join(datastore(), "disks"));
  for (const { what, sizeKb } of CONTROLLERS) {
    const name = `[datastore1] disks/${what}.vmdk`;
    const spec = { $type: "FileBackedVirtualDiskSpec", diskType: "thin", adapterType: "lsiLogic", capacityKb: sizeKb } as never;
    await succeeded(client, await client.call(DISKS, "CreateVirtualDisk_Task", { name, spec }));
    uuids.set(what, (await client.call(DISKS, "QueryVirtualDiskUuid", { name })).replace(/[^0-9a-f]/gi, "").toLowerCase());
  }
  const flat = (what: string) => join(datastore(), `disks/${what}-flat.vmdk`);
  writeFileSync(flat("pvscsi"), readFileSync(buildStockGuest({ script: SCRIPT }).image), { flag: "r+" });
  execFileSync("mkfs.ext4", ["-q", "-F", flat("lsilogic")]);
  vm = await createVm(client, stockSpec());
  await succeeded(client, await client.call(vm, "PowerOnVM_Task", {}));
  await waitFor(async () => /^READY/m.test(await console_()), BOOT_MS, 500);
}, 2 * BOOT_MS);
afterAll(async () => {
  client?.close();
  await host?.stop();
});

function stockSpec() {
  const add = (device: object) => ({ operation: "add" as const, device: device as never });
  return {
    name: NAME,
    guestId: "otherLinux64Guest",
    numCPUs: 1,
    memoryMB: 256,
    files: { vmPathName: `[datastore1] ${NAME}/${NAME}.vmx` },
    deviceChange: [
      ...CONTROLLERS.filter(({ key }) => key < 0).map(({ key, $type, busNumber }) =>
        add({ $type, key, busNumber, ...(/SCSI|Lsi/.test($type) && { sharedBus: "noSharing" }) }),
      ),
      ...CONTROLLERS.map(({ key, what }, index) =>
        add({
          $type: "VirtualDisk",
          key: -100 - index,
          controllerKey: key,
          unitNumber: 0,
          capacityInKB: 0,
          backing: { $type: "VirtualDiskFlatVer2BackingInfo", fileName: `[datastore1] disks/${what}.vmdk`, diskMode: "persistent" },
        }),
      ),
      add({
        $type: "VirtualSerialPort",
        key: -50,
        yieldOnPoll: true,
        backing: { $type: "VirtualSerialPortFileBackingInfo", fileName: `[datastore1] ${NAME}/console.log` },
      }),
    ],
  };
}

/** What a command of the guest's printed. */
function said(text: string, command: string): string {
  const found = text.replaceAll("\r", "").split(`BEGIN ${command}\n`)[1]?.split(`END ${command}\n`)[0];
  if (found === undefined) throw new Error(`the guest never said what ${command} printed:\n${text}`);
  return found;
}

test("REPORT LUNS and INQUIRY on every controller tell of the VM's own disks, by their own UUIDs, and of nothing else", async () => {
  const text = await console_();
  const names = new Map([...text.matchAll(/^DISK (\S+) (\d+)\s*$/gm)].map(([, name = "", kib]) => [Number(kib), name]));
  expect([...names.keys()].sort((a, b) => a - b)).toEqual(CONTROLLERS.map(({ sizeKb }) => sizeKb).sort((a, b) => a - b));
  for (const { what, sizeKb } of CONTROLLERS) {
    const name = names.get(sizeKb) ?? "";
    const uuid = uuids.get(what) ?? "";
    const inquiry = said(text, `sg_inq /dev/${name}`);
    if (what === "nvme") {
      expect(name).toMatch(/^nvme0n1$/);
      continue;
    }
    const luns = said(text, `sg_luns /dev/${name}`);
    expect([what, [...luns.matchAll(/^\s+([0-9a-f]{16})$/gm)].map(([, lun]) => lun)]).toEqual([what, ["0000000000000000"]]);
    const serial = said(text, `sg_vpd -p sn /dev/${name}`);
    const identity = said(text, `sg_vpd -p di /dev/${name}`);
    const isScsi = ["pvscsi", "lsilogic", "lsisas"].includes(what);
    expect([what, inquiry]).toEqual([what, expect.stringMatching(isScsi ? /VMware[\s\S]*Virtual disk/ : /ATA[\s\S]*VMware Virtual/)]);
    expect([what, serial]).toEqual([what, expect.stringContaining(isScsi ? uuid : uuid.slice(-20))]);
    expect([what, identity]).toEqual([what, expect.stringContaining(`5000c29${uuid.slice(-9)}`)]);
  }
  const generic = said(text, "ls /sys/class/scsi_generic").trim().split(/\s+/);
  expect(generic).toHaveLength(CONTROLLERS.length - 1); // NVMe is none
  const told = text.split("READY")[0] ?? "";
  expect(told).not.toMatch(new RegExp(`\\b${hostname()}\\b`));
  const ofHost = [host.root, datastore(), "/vmfs", "datastore1", ".vmdk", "QEMU HARDDISK", "drive-"];
  expect(ofHost.filter((word) => told.includes(word))).toEqual([]);
  const { stdout } = await host.command("evidence", "--json");
  const evidence = JSON.parse(stdout) as readonly Evidence[];
  expect(evidence.filter(({ verdict }) => verdict === "fail")).toEqual([]);
  expect(evidence.find(({ claim }) => claim.includes("REPORT LUNS"))?.verdict).toBe("pass");
});

test("a quiesced snapshot holds a file system at rest, and the guest goes on writing", { timeout: BOOT_MS }, async () => {
  await waitFor(async () => (await read(client, vm, "guest.toolsRunningStatus")) === "guestToolsRunning", BOOT_MS, 1000);
  await succeeded(client, await client.call(vm, "CreateSnapshot_Task", { name: "quiet", memory: false, quiesce: true }));
  expect(await console_()).toMatch(/^MOUNTED/m);
  const { rootSnapshotList } = (await read(client, vm, "snapshot")) as { rootSnapshotList: readonly { quiesced: boolean }[] };
  expect(rootSnapshotList[0]?.quiesced).toBe(true);
  // Frozen, it had nothing left in its journal: a reader that replays none takes it as it is. One that is mounted says "needs_recovery".
  const image = join(datastore(), "disks/lsilogic-flat.vmdk");
  expect(execFileSync("dumpe2fs", ["-h", image], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] })).not.toContain(
    "needs_recovery",
  );
  execFileSync("e2fsck", ["-fn", image]);
  await goesOn();
});

test("over an agent that hangs a quiesced snapshot fails within a bound, and the guest is not left frozen", {
  timeout: BOOT_MS,
}, async () => {
  const info = await ended(
    // within a minute, of an agent that hangs for longer
    client,
    await client.call(vm, "CreateSnapshot_Task", { name: "never", memory: false, quiesce: true }),
  );
  expect(info.error?.fault.$type).toBe("FilesystemQuiesceFault");
  expect(await console_()).toMatch(/^HANGING/m);
  await waitFor(async () => /^GOES ON/m.test(await console_()), BOOT_MS, 500);
  await goesOn(); // its agent froze it when it woke up; it was told to let it go
  await goesOn();
  expect(execFileSync("ls", [join(datastore(), "disks")], { encoding: "utf8" })).not.toContain("-000002");
});
