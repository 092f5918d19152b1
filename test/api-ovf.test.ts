import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { request } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { moRef, type VimClient } from "../src/interfaces/index.ts";
import type {
  HttpNfcLeaseInfo,
  LocalizedMethodFault,
  MoRef,
  OvfCreateImportSpecParams,
  OvfCreateImportSpecResult,
  VirtualMachineImportSpec,
} from "../src/wire/index.ts";
import { faultOf, SESSION_MANAGER, startAgent, type TestAgent } from "./agent.fixture.ts";
import { sleep, waitFor } from "./harness.ts";
import { ovfDescriptor } from "./package.fixture.ts";
import { createVm, ended, ROOT_POOL, read, succeeded } from "./vm.ts";

/** Packages through the API, on a host agent with real datastores and no guest. */
const OVF = moRef("OvfManager", "ha-ovf-manager");
const DISKS = moRef("VirtualDiskManager", "ha-vdiskmanager");
const HOST = moRef("HostSystem", "ha-host");
const MIB = 1024 * 1024;
const COMMON = { locale: "", deploymentOption: "" };
let host: TestAgent;
let client: VimClient;
let folder: string;
let disk: Buffer;
let stream: Buffer;

beforeAll(async () => {
  host = await startAgent();
  client = await host.login();
  folder = mkdtempSync(join(tmpdir(), "bulkhead-package-"));
  disk = Buffer.alloc(4 * MIB);
  for (let at = 0; at < disk.length; at += MIB) disk.fill(`at ${at} `, at, at + 100_000);
  writeFileSync(join(folder, "raw"), disk);
  for (const subformat of ["streamOptimized", "monolithicSparse"])
    execFileSync("qemu-img", ["convert", "-f", "raw", "-O", "vmdk", "-o", `subformat=${subformat}`, "raw", `${subformat}.vmdk`], {
      cwd: folder,
    });
  stream = readFileSync(join(folder, "streamOptimized.vmdk"));
});
afterAll(async () => {
  client?.close();
  await host?.stop();
  rmSync(folder, { recursive: true, force: true });
});
/** However a lease ended, nothing of its VM is left unless the test keeps it. */
const left = () => readdirSync(host.datastore).filter((name) => !name.startsWith("."));
afterEach(() => expect(left()).toEqual([]));

async function importSpec(descriptor: string, params: Partial<OvfCreateImportSpecParams> = {}): Promise<OvfCreateImportSpecResult> {
  const [datastore] = (await read(client, moRef("ComputeResource", "ha-compute-res"), "datastore")) as MoRef<"Datastore">[];
  const cisp = { ...COMMON, entityName: "web", diskProvisioning: "thin", ...params };
  return client.call(OVF, "CreateImportSpec", {
    ovfDescriptor: descriptor,
    resourcePool: ROOT_POOL,
    datastore: datastore as MoRef<"Datastore">,
    cisp,
  });
}

const small = (parts: object = {}) => ovfDescriptor({ bytes: stream.length, capacityMib: 4, ...parts });
type Lease = MoRef<"HttpNfcLease">;
const stateOf = async (lease: Lease) => (await read(client, lease, "state")) as string;
const errorOf = async (lease: Lease) => ((await read(client, lease, "error")) as LocalizedMethodFault | undefined)?.fault.$type;

async function ready(lease: Lease): Promise<HttpNfcLeaseInfo> {
  await waitFor(async () => (await stateOf(lease)) !== "initializing", 20_000, 20);
  expect(await stateOf(lease)).toBe("ready");
  return (await read(client, lease, "info")) as HttpNfcLeaseInfo;
}

async function beginImport(as = client): Promise<{ readonly lease: Lease; readonly info: HttpNfcLeaseInfo; readonly url: string }> {
  const { importSpec: spec } = await importSpec(small());
  const lease = await as.call(ROOT_POOL, "ImportVApp", { spec: spec as VirtualMachineImportSpec });
  const info = await ready(lease);
  return { lease, info, url: info.deviceUrl?.[0]?.url ?? "" };
}

interface Answer {
  readonly status: number;
  readonly body: Buffer;
}

/** @param cutAfter the connection is broken off behind so many bytes of the body */
function http(method: string, url: string, body?: Buffer, cutAfter?: number): Promise<Answer> {
  const { pathname } = new URL(url.replace("*", "127.0.0.1"));
  const headers = body === undefined ? {} : { "Content-Length": body.length, "Content-Type": "application/x-vnd.vmware-streamVmdk" };
  return new Promise((resolve, reject) => {
    const sent = request({ host: "127.0.0.1", port: host.port, path: pathname, method, headers, rejectUnauthorized: false }, (response) => {
      const pieces: Buffer[] = [];
      response.on("data", (piece: Buffer) => void pieces.push(piece));
      response.on("end", () => resolve({ status: response.statusCode ?? 0, body: Buffer.concat(pieces) }));
      response.on("error", reject);
    });
    sent.on("error", (error) => (cutAfter === undefined ? reject(error) : resolve({ status: 0, body: Buffer.alloc(0) })));
    if (cutAfter === undefined) sent.end(body);
    else sent.write(body?.subarray(0, cutAfter), () => setTimeout(() => sent.destroy(), 50));
  });
}

/** A method that no schema has. */
const queryInfo = (on: MoRef, method: string, args: object): Promise<MoRef> =>
  (client.call as (on: MoRef, method: string, args: object) => Promise<MoRef>).call(client, on, method, args);

const isGone = () => waitFor(() => left().length === 0, 20_000, 20);

test("a descriptor is told of, and what it asks of the host", async () => {
  const text = small();
  expect(await client.call(OVF, "ParseDescriptor", { ovfDescriptor: text, pdp: COMMON })).toMatchObject({
    defaultEntityName: "appliance",
    annotation: "an appliance & more",
    network: [{ name: "nat", description: "out" }],
    approximateDownloadSize: stream.length,
    approximateFlatDeploymentSize: 4 * MIB,
    virtualApp: false,
  });
  expect(await client.call(OVF, "ValidateHost", { ovfDescriptor: text, host: HOST, vhp: COMMON })).toMatchObject({
    downloadSize: stream.length,
    supportedDiskProvisioning: expect.arrayContaining(["thin", "thick"]),
  });
  const { error } = await client.call(OVF, "ParseDescriptor", { ovfDescriptor: "<!DOCTYPE a><a/>", pdp: COMMON });
  expect(error).toMatchObject([{ fault: { $type: "OvfXmlFormat" }, localizedMessage: expect.stringContaining("document type") }]);
  expect(await importSpec(small({ href: "../../etc/shadow" }))).toMatchObject({ error: [{ fault: { $type: "OvfInvalidValue" } }] });
  expect(await importSpec(text, { diskProvisioning: "seSparse" })).toMatchObject({
    error: [{ fault: { $type: "OvfUnsupportedDiskProvisioning" } }],
  });
});

test("a package becomes a VM: its disk is filled while it comes, and its checksums are what was sent", async () => {
  const result = await importSpec(small(), { networkMapping: [{ name: "nat", network: moRef("Network", "HaNetwork-VM Network") }] });
  expect(result.fileItem).toMatchObject([
    { deviceId: "/web/ParaVirtualSCSIController0:0", path: "disk.vmdk", size: stream.length, create: false },
  ]);
  const lease = await client.call(ROOT_POOL, "ImportVApp", { spec: result.importSpec as VirtualMachineImportSpec });
  const info = await ready(lease);
  const [url] = info.deviceUrl ?? [];
  expect(info).toMatchObject({ totalDiskCapacityInKB: 4096, leaseTimeout: 300 });
  expect(url).toMatchObject({
    importKey: result.fileItem?.[0]?.deviceId,
    disk: true,
    url: expect.stringMatching(/^https:\/\/\*\/nfc\/[0-9a-f-]{36}\/disk-0\.vmdk$/),
  });
  const vm = info.entity as MoRef<"VirtualMachine">;
  const powering = await ended(client, await client.call(vm, "PowerOnVM_Task", {}));
  expect(powering.error?.fault.$type).toBe("TaskInProgress"); // half a disk is not to boot from
  await client.call(lease, "HttpNfcLeaseSetManifestChecksumType", {
    deviceUrlsToChecksumTypes: [{ key: url?.key ?? "", value: "sha512" }],
  });
  expect((await http("POST", url?.url ?? "", stream)).status).toBe(200);
  await client.call(lease, "HttpNfcLeaseProgress", { percent: 90 });
  expect(await read(client, lease, "transferProgress")).toBe(90);
  const hash = (type: string) => createHash(type).update(stream).digest("hex");
  expect(await client.call(lease, "HttpNfcLeaseGetManifest", {})).toEqual([
    expect.objectContaining({ key: url?.key, sha1: hash("sha1"), checksum: hash("sha512"), checksumType: "sha512", size: stream.length }),
  ]);
  await client.call(lease, "HttpNfcLeaseComplete", {});
  expect(await stateOf(lease)).toBe("done");
  expect(readFileSync(join(host.datastore, "web/web-flat.vmdk")).equals(disk)).toBe(true);
  expect((await http("POST", url?.url ?? "", stream)).status).toBe(401); // the lease has ended, and its address with it

  const out = await client.call(vm, "ExportVm", {});
  const [exported] = (await ready(out)).deviceUrl ?? [];
  expect((await http("POST", exported?.url ?? "", stream)).status).toBe(405);
  const { body } = await http("GET", exported?.url ?? "");
  writeFileSync(join(folder, "back.vmdk"), body);
  const compared = execFileSync("qemu-img", ["compare", "-f", "raw", "-F", "vmdk", "raw", "back.vmdk"], { cwd: folder, encoding: "utf8" });
  expect(compared).toContain("identical");
  expect((await client.call(out, "HttpNfcLeaseGetManifest", {}))?.[0]?.sha1).toBe(createHash("sha1").update(body).digest("hex"));
  await client.call(out, "HttpNfcLeaseComplete", {});
  const file = { deviceId: exported?.key ?? "", path: "back.vmdk", size: body.length };
  const { ovfDescriptor: written } = await client.call(OVF, "CreateDescriptor", { obj: vm, cdp: { name: "back", ovfFiles: [file] } });
  expect(await importSpec(written, { entityName: "again" })).toMatchObject({
    importSpec: {
      configSpec: { name: "again", numCPUs: 2, memoryMB: 128, annotation: "an appliance & more", guestId: "otherLinux64Guest" },
    },
    fileItem: [{ path: "back.vmdk", size: body.length }],
  });
  await succeeded(client, await client.call(vm, "Destroy_Task", {}));
});

test("what a snapshot or a linked clone has is exported with all that it lies on, and of a snapshot what it was", async () => {
  const add = (device: object, fileOperation?: "create") => ({
    operation: "add" as const,
    device: device as never,
    ...(fileOperation && { fileOperation }),
  });
  const diskOf = (unitNumber: number, diskMode: string) => ({
    ...{ $type: "VirtualDisk", key: -10 - unitNumber, controllerKey: -1, unitNumber, capacityInKB: 4096 },
    backing: { $type: "VirtualDiskFlatVer2BackingInfo", fileName: "", diskMode, thinProvisioned: true },
  });
  const controller = { $type: "ParaVirtualSCSIController", key: -1, busNumber: 0, sharedBus: "noSharing" };
  const deviceChange = [add(controller), add(diskOf(0, "persistent"), "create"), add(diskOf(1, "independent_persistent"), "create")];
  const vm = await createVm(client, { name: "grown", guestId: "otherLinux64Guest", files: { vmPathName: "[datastore1]" }, deviceChange });
  const at = (name: string) => join(host.datastore, name);
  const write = (file: string, ...commands: string[]) =>
    execFileSync("qemu-io", ["-f", file.includes("delta") ? "qcow2" : "raw", ...commands.flatMap((one) => ["-c", one]), at(file)]);
  writeFileSync(at("grown/grown-flat.vmdk"), disk);
  const snapshot = (await succeeded(
    client,
    await client.call(vm, "CreateSnapshot_Task", { name: "then", memory: false, quiesce: false }),
  )) as MoRef<"VirtualMachineSnapshot">;
  write("grown/grown-000001-delta.vmdk", "write -P 7 128k 64k", "write -z 1M 64k");
  const child = { childName: "[datastore1] grown/twig.vmdk", parentName: "[datastore1] grown/grown.vmdk", isLinkedClone: true };
  await succeeded(client, await queryInfo(DISKS, "CreateChildDisk_Task", child));
  const cloned = { ...diskOf(0, "persistent"), backing: { ...diskOf(0, "persistent").backing, fileName: child.childName } };
  const twig = await createVm(client, {
    ...{ name: "twig", guestId: "otherLinux64Guest", files: { vmPathName: "[datastore1]" } },
    deviceChange: [add(controller), add(cloned)],
  });
  write("grown/twig-delta.vmdk", "write -P 9 2M 1M");

  const changed = (...changes: readonly (readonly [number, number, number])[]) => {
    const bytes = Buffer.from(disk);
    for (const [begin, length, byte] of changes) bytes.fill(byte, begin, begin + length);
    return bytes;
  };
  const exported = async (lease: Lease): Promise<readonly Buffer[]> => {
    const disks = [];
    for (const { url } of (await ready(lease)).deviceUrl ?? []) {
      writeFileSync(join(folder, "out.vmdk"), (await http("GET", url)).body);
      execFileSync("qemu-img", ["convert", "-f", "vmdk", "-O", "raw", "out.vmdk", "out"], { cwd: folder });
      disks.push(readFileSync(join(folder, "out")));
    }
    await client.call(lease, "HttpNfcLeaseComplete", {});
    return disks;
  };
  const [own, independent] = await exported(await client.call(vm, "ExportVm", {}));
  expect(own?.equals(changed([128 * 1024, 64 * 1024, 7], [MIB, 64 * 1024, 0]))).toBe(true);
  expect(independent?.every((byte) => byte === 0)).toBe(true);
  const [clones] = await exported(await client.call(twig, "ExportVm", {}));
  expect(clones?.equals(changed([2 * MIB, MIB, 9]))).toBe(true);
  const before = await exported(await client.call(snapshot, "ExportSnapshot", {}));
  expect(before.map((one) => one.equals(disk))).toEqual([true]);
  const described = async (cdp: object) =>
    (await client.call(OVF, "CreateDescriptor", { obj: vm, cdp })).ovfDescriptor.match(/<Disk /g)?.length;
  expect([await described({ snapshot }), await described({})]).toEqual([1, 2]);
  const foreign = moRef("VirtualMachineSnapshot", `${twig.value}-snapshot-1`);
  expect((await faultOf(client.call(OVF, "CreateDescriptor", { obj: vm, cdp: { snapshot: foreign } }))).fault).toBe(
    "ManagedObjectNotFound",
  );
  for (const one of [twig, vm]) await succeeded(client, await client.call(one, "Destroy_Task", {}));
});

test("a lease that its client aborts, forgets or logs out from takes its VM with it", async () => {
  const first = await beginImport();
  await client.call(first.lease, "HttpNfcLeaseAbort", {});
  expect([await stateOf(first.lease), await errorOf(first.lease)]).toEqual(["error", "RequestCanceled"]);
  await isGone();
  expect(await faultOf(client.call(first.lease, "HttpNfcLeaseComplete", {}))).toMatchObject({ fault: "InvalidState" });

  const second = await beginImport();
  host.later(301_000);
  await waitFor(async () => (await stateOf(second.lease)) === "error", 10_000, 50);
  expect(await errorOf(second.lease)).toBe("Timedout");
  expect(await faultOf(client.call(second.lease, "HttpNfcLeaseProgress", { percent: 1 }))).toMatchObject({ fault: "Timedout" });
  await isGone();

  const other = await host.login();
  const { importSpec: spec } = await importSpec(small());
  const lease = await other.call(ROOT_POOL, "ImportVApp", { spec: spec as VirtualMachineImportSpec });
  await waitFor(() => existsSync(join(host.datastore, "web/web.vmx")), 10_000, 20);
  expect(await faultOf(client.call(lease, "HttpNfcLeaseComplete", {}))).toMatchObject({ fault: "ManagedObjectNotFound" }); // it is the other's
  await other.call(SESSION_MANAGER, "Logout", {});
  await isGone();
  other.close();
});

test("a disk that breaks off can be sent again, and is not taken for whole before", async () => {
  const { lease, url, info } = await beginImport();
  await http("POST", url, stream, stream.length >> 1);
  await sleep(200);
  expect(await faultOf(client.call(lease, "HttpNfcLeaseComplete", {}))).toMatchObject({ fault: "InvalidState" });
  expect((await http("POST", url, stream)).status).toBe(200);
  await client.call(lease, "HttpNfcLeaseComplete", {});
  expect(readFileSync(join(host.datastore, "web/web-flat.vmdk")).equals(disk)).toBe(true);
  await succeeded(client, await client.call(info.entity as MoRef<"VirtualMachine">, "Destroy_Task", {}));
});

test.each<[string, () => Buffer]>([
  ["no disk at all", () => Buffer.alloc(100_000, "x")],
  ["a sparse disk that is no stream", () => readFileSync(join(folder, "monolithicSparse.vmdk"))],
  ["a stream with a grain for where no disk is", () => changedGrain((bytes, at) => bytes.writeUInt32LE(2 ** 30, at))],
  ["a stream of a larger disk than the package told of", () => largerStream()],
  ["a stream with a grain that cannot be inflated", () => changedGrain((bytes, at) => bytes.fill(0xff, at + 12, at + 60))],
])("a client that sends %s is refused by name, and the VM is gone", async (_, made) => {
  const { lease, url } = await beginImport();
  const { status, body } = await http("POST", url, made());
  expect([status, await errorOf(lease)]).toEqual([422, "InvalidDiskFormat"]);
  expect(body.toString()).toContain("disk-0.vmdk");
  await isGone();
});

function largerStream(): Buffer {
  const larger = join(folder, "larger");
  writeFileSync(`${larger}.raw`, Buffer.alloc(disk.length + MIB, 1));
  const options = ["-f", "raw", "-O", "vmdk", "-o", "subformat=streamOptimized"];
  execFileSync("qemu-img", ["convert", ...options, `${larger}.raw`, `${larger}.vmdk`]);
  return readFileSync(`${larger}.vmdk`);
}

const sized = (spec: string, bytes: number): string =>
  spec
    .replace('"capacityInKB":4096', `"capacityInKB":${Math.floor(bytes / 1024)}`)
    .replace(/"capacityInBytes":\d+/, `"capacityInBytes":${bytes}`);

/** What hostd would be led by when it took a client's spec for its own: the places of files and the sizes of disks. */
test.each<[string, (spec: string) => string]>([
  ["a VM's file above the datastore", (spec) => spec.replace('"vmPathName":"[datastore1]', '"vmPathName":"[datastore1] ../../')],
  ["a VM's file of the machine", (spec) => spec.replace(/"vmPathName":"[^"]*"/, '"vmPathName":"/etc/passwd"')],
  ["a disk above the datastore", (spec) => spec.replace('"fileName":""', '"fileName":"[datastore1] ../../x.vmdk"')],
  ["a disk of the machine", (spec) => spec.replace('"fileName":""', '"fileName":"/dev/sda"')],
  ["a disk in no datastore", (spec) => spec.replace('"fileName":""', '"fileName":"[elsewhere] x.vmdk"')],
  ["a disk of a negative size", (spec) => sized(spec, -1024)],
  ["a disk of a size that nobody has", (spec) => sized(spec, 9_007_199_254_740_991)],
])("a client that puts %s into the spec is refused, and nothing is written", async (_, tamper) => {
  const { importSpec: good } = await importSpec(small());
  const text = JSON.stringify(good);
  const spec = JSON.parse(tamper(text)) as VirtualMachineImportSpec;
  expect(JSON.stringify(spec)).not.toBe(text);
  const outside = () => readdirSync(join(host.folder, "volumes")).concat(readdirSync(host.folder));
  const before = outside();
  const refused = await client.call(ROOT_POOL, "ImportVApp", { spec }).then(
    async (lease) => {
      await waitFor(async () => (await stateOf(lease)) !== "initializing", 20_000, 20);
      return errorOf(lease);
    },
    (error: { readonly fault: string }) => error.fault,
  );
  expect(refused).toMatch(/^Invalid/);
  await isGone();
  expect(outside()).toEqual(before);
});

/** The first grain lies behind what the header says is no data. */
function changedGrain(change: (bytes: Buffer, at: number) => void): Buffer {
  const bytes = Buffer.from(stream);
  change(bytes, Number(bytes.readBigUInt64LE(64)) * 512);
  return bytes;
}

test("an image of a CD comes with its package, and hangs in the drive", async () => {
  const moreReferences = '<File ovf:href="tools.iso" ovf:id="file2" ovf:size="5"/>';
  const moreItems =
    "<Item><rasd:ElementName>IDE</rasd:ElementName><rasd:InstanceID>8</rasd:InstanceID><rasd:ResourceType>5</rasd:ResourceType></Item>" +
    "<Item><rasd:AddressOnParent>0</rasd:AddressOnParent><rasd:ElementName>CD</rasd:ElementName><rasd:HostResource>ovf:/file/file2</rasd:HostResource>" +
    "<rasd:InstanceID>9</rasd:InstanceID><rasd:Parent>8</rasd:Parent><rasd:ResourceType>15</rasd:ResourceType></Item>";
  const { importSpec: spec, fileItem } = await importSpec(small({ moreReferences, moreItems }));
  expect(fileItem?.[1]).toMatchObject({ path: "tools.iso", create: true });
  const lease = await client.call(ROOT_POOL, "ImportVApp", { spec: spec as VirtualMachineImportSpec });
  const { deviceUrl = [], entity } = await ready(lease);
  const image = deviceUrl.find(({ importKey }) => importKey === fileItem?.[1]?.deviceId);
  expect(image?.disk).toBe(false);
  expect((await http("PUT", image?.url ?? "", Buffer.from("image"))).status).toBe(201);
  expect(readFileSync(join(host.datastore, "web/tools.iso"), "utf8")).toBe("image");
  await client.call(lease, "HttpNfcLeaseAbort", {});
  await isGone();
  expect(entity.type).toBe("VirtualMachine");
});

test("a disk of another product is shown for what it is, and its copy is a flat one", async () => {
  mkdirSync(join(host.datastore, "foreign"));
  copyFileSync(join(folder, "monolithicSparse.vmdk"), join(host.datastore, "foreign/a.vmdk"));
  const name = "[datastore1] foreign/a.vmdk";
  expect(await succeeded(client, await queryInfo(DISKS, "QueryVirtualDiskInfo_Task", { name, includeParents: false }))).toMatchObject([
    { diskType: "sparseMonolithic" },
  ]);
  expect(await client.call(DISKS, "QueryVirtualDiskFragmentation", { name })).toBe(0);
  await succeeded(client, await client.call(DISKS, "DefragmentVirtualDisk_Task", { name }));
  const destSpec = { diskType: "thin", adapterType: "lsiLogic" };
  await succeeded(
    client,
    await client.call(DISKS, "CopyVirtualDisk_Task", { sourceName: name, destName: "[datastore1] foreign/b.vmdk", destSpec }),
  );
  expect(readFileSync(join(host.datastore, "foreign/b-flat.vmdk")).equals(disk)).toBe(true);
  for (const one of ["a", "b"])
    await succeeded(client, await client.call(DISKS, "DeleteVirtualDisk_Task", { name: `[datastore1] foreign/${one}.vmdk` }));
  rmSync(join(host.datastore, "foreign"), { recursive: true });
});
