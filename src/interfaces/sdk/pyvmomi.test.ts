/** An unmodified vSphere SDK for Python speaks to our endpoint. */
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { loadOrCreateCertificate } from "../../management/index.ts";
import {
  fault,
  type ParaVirtualSCSIController,
  type PropertyFilterSpec,
  type ServiceContent,
  type VirtualDevice,
  type VirtualDisk,
  type VirtualDiskFlatVer2BackingInfo,
  type VirtualMachineConfigInfo,
} from "../../wire/index.ts";
import type { SdkCall, SdkReply } from "./answer.ts";
import { startSdkServer } from "./server.ts";

const SESSION = "0123456789abcdef0123456789abcdef01234567";

const SCRIPT = `
import json, ssl, sys
from pyVim.connect import SmartConnect, Disconnect
from pyVmomi import vim
def login(password):
    return SmartConnect(host="127.0.0.1", port=int(sys.argv[1]), user="root", pwd=password, sslContext=ssl._create_unverified_context())
try:
    login("wrong")
except vim.fault.InvalidLogin as error:
    refused = error.msg
si = login("<&>\\u00e9")
about = si.content.about
config = vim.VirtualMachine("12", si._stub).config
try:
    vim.VirtualMachine("13", si._stub).config
except Exception as error:
    missing = [type(error).__name__, error.obj._moId]
print(json.dumps({
    "refused": refused, "missing": missing, "version": si._stub.version, "apiType": about.apiType, "fullName": about.fullName,
    "rootFolder": si.content.rootFolder._moId, "customFieldsManager": si.content.customFieldsManager is None,
    "name": config.name, "modified": config.modified.isoformat(),
    "devices": [[type(device).__name__, device.key] for device in config.hardware.device],
    "capacity": [device.capacityInKB for device in config.hardware.device if isinstance(device, vim.vm.device.VirtualDisk)],
    "extraConfig": [[option.key, option.value] for option in config.extraConfig],
    "time": si.CurrentTime().isoformat(),
}))
Disconnect(si)
`;

const content: ServiceContent = {
  rootFolder: { type: "Folder", value: "ha-folder-root" },
  propertyCollector: { type: "PropertyCollector", value: "ha-property-collector" },
  sessionManager: { type: "SessionManager", value: "ha-sessionmgr" },
  about: {
    name: "VMware ESXi",
    fullName: "VMware ESXi 8.0.3 <build> & more",
    vendor: "VMware, Inc.",
    version: "8.0.3",
    patchLevel: "0", // newer than Debian's client
    build: "24022510",
    osType: "vmnix-x86",
    productLineId: "embeddedEsx",
    apiType: "HostAgent",
    apiVersion: "8.0.3.0",
  },
};

const backing: VirtualDiskFlatVer2BackingInfo = {
  $type: "VirtualDiskFlatVer2BackingInfo",
  fileName: "[datastore1] vm/vm.vmdk",
  diskMode: "persistent",
};
const controller: ParaVirtualSCSIController = { $type: "ParaVirtualSCSIController", key: 1000, busNumber: 0, sharedBus: "noSharing" };
const disk: VirtualDisk = {
  $type: "VirtualDisk",
  key: 2000,
  deviceInfo: { label: "Hard disk 1", summary: "1,024 KB" },
  backing,
  controllerKey: 1000,
  unitNumber: 0,
  capacityInKB: 1024,
};
const clock: VirtualDevice = { $type: "VirtualPrecisionClock", key: 19000 }; // newer than Debian's client

const config: VirtualMachineConfigInfo = {
  changeVersion: "1",
  modified: new Date("2023-12-14T06:53:33.763Z"),
  name: "vm \u{1f600} <1>",
  guestFullName: "Debian GNU/Linux 12 (64-bit)",
  version: "vmx-21",
  uuid: "564d0000-0000-0000-0000-000000000001",
  template: false,
  guestId: "debian12_64Guest",
  alternateGuestName: "",
  files: { vmPathName: "[datastore1] vm/vm.vmx" },
  flags: {},
  defaultPowerOps: {},
  hardware: { numCPU: 1, numCoresPerSocket: 1, memoryMB: 512, device: [controller, disk, clock] },
  extraConfig: [
    { key: "a", value: { anyType: "string", value: "]]>" } },
    { key: "b", value: { anyType: "int", value: -1 } },
  ],
  sgxInfo: { epcSize: 0 }, // newer than Debian's client
};

async function invoke({ method, args, sessionKey, thisRef }: SdkCall): Promise<SdkReply> {
  switch (method) {
    case "RetrieveServiceContent":
      return { returnValue: content, returnType: "ServiceContent" };
    case "CurrentTime":
      return { returnValue: new Date("2024-01-02T03:04:05.006Z"), returnType: "dateTime" };
    case "Logout":
      return { returnValue: undefined, returnType: "void" };
    case "Login":
      return login(args.password);
    case "RetrievePropertiesEx":
      if (sessionKey !== SESSION) throw fault("NotAuthenticated", "Log in first.", { object: thisRef, privilegeId: "System.View" });
      return read((args.specSet as readonly PropertyFilterSpec[])[0]);
    default:
      throw fault("NotSupported", `The test's host has no ${method}.`, {});
  }
}

function login(password: unknown): SdkReply {
  if (password !== "<&>é") throw fault("InvalidLogin", "Cannot complete login due to an incorrect user name or password.", {});
  const now = new Date();
  const returnValue = {
    ...{ key: "k", userName: "root", fullName: "", locale: "en", messageLocale: "en", ipAddress: "", userAgent: "" },
    ...{ loginTime: now, lastActiveTime: now, extensionSession: false, callCount: 0 },
  };
  return { returnValue, returnType: "UserSession", setSession: SESSION };
}

function read(spec: PropertyFilterSpec | undefined): SdkReply {
  const obj = spec?.objectSet[0]?.obj;
  const name = spec?.propSet[0]?.pathSet?.[0];
  if (obj === undefined || name === undefined) throw fault("InvalidArgument", "specSet", { invalidProperty: "specSet" });
  if (obj.value === "13") throw fault("ManagedObjectNotFound", "The object has already been deleted", { obj });
  const val = name === "config" ? { anyType: "VirtualMachineConfigInfo", value: config } : { anyType: "ServiceContent", value: content };
  return { returnValue: { objects: [{ obj, propSet: [{ name, val }] }] }, returnType: "RetrieveResult" };
}

async function runPython(port: number): Promise<{ readonly out: string; readonly err: string }> {
  const python = spawn("/usr/bin/python3", ["-c", SCRIPT, String(port)]);
  let out = "";
  let err = "";
  python.stdout.on("data", (part) => {
    out += part;
  });
  python.stderr.on("data", (part) => {
    err += part;
  });
  await new Promise((resolve) => python.on("close", resolve));
  return { out, err };
}

test.skipIf(!existsSync("/usr/lib/python3/dist-packages/pyVmomi"))("pyVmomi connects, logs in and reads a VM's configuration", async () => {
  const folder = await mkdtemp(join(tmpdir(), "pyvmomi-"));
  const tls = await loadOrCreateCertificate(folder, { hostName: "host1", addresses: [] });
  await rm(folder, { recursive: true });
  const bugs: unknown[] = [];
  const refusals: unknown[] = [];
  await using server = await startSdkServer({
    listen: { host: "127.0.0.1", port: 0 },
    tls,
    invoke,
    onRefused: (refusal) => void refusals.push(refusal),
    onBug: (bug) => void bugs.push(bug),
  });
  const { out, err } = await runPython(server.port);
  expect(err).toBe("");
  expect([bugs, refusals]).toEqual([[], []]);
  expect(JSON.parse(out)).toEqual({
    refused: "Cannot complete login due to an incorrect user name or password.",
    missing: ["vmodl.fault.ManagedObjectNotFound", "13"],
    version: "vim.version.version13",
    apiType: "HostAgent",
    fullName: "VMware ESXi 8.0.3 <build> & more",
    rootFolder: "ha-folder-root",
    customFieldsManager: true,
    name: "vm \u{1f600} <1>",
    modified: "2023-12-14T06:53:33.763000+00:00",
    devices: [
      ["vim.vm.device.ParaVirtualSCSIController", 1000],
      ["vim.vm.device.VirtualDisk", 2000],
      ["vim.vm.device.VirtualDevice", 19000],
    ],
    capacity: [1024],
    extraConfig: [
      ["a", "]]>"],
      ["b", -1],
    ],
    time: "2024-01-02T03:04:05.006000+00:00",
  });
});
